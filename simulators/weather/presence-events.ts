import type { EpochMs } from '../../src/core/brand.ts';
import type { Elements } from './elements.ts';
import type { Sessions } from './sessions.ts';

/** After this long offline a client id's count starts again (R94). */
const VERSION_KEPT_MS = 3_600_000;
/** In bad weather: this share late, and of the rest this share twice. */
const SPOILT = 0.2;

interface PresenceEvent {
  readonly topic: string;
  readonly payload: string;
}

/**
 * Lifecycle events of connections by client id, with the count that orders them (R91 to R94). In bad weather some come
 * late, some twice.
 */
export class PresenceEvents {
  readonly #elements: Elements;
  readonly #sessions: Sessions;
  readonly #clients = new Map<string, { version: number; session: number; offlineSince: EpochMs | undefined }>();
  #count = 0;

  constructor(elements: Elements, sessions: Sessions) {
    this.#elements = elements;
    this.#sessions = sessions;
  }

  connected(clientId: string): void {
    const now = this.#elements.wall();
    const known = this.#clients.get(clientId);
    const forgotten = known?.offlineSince !== undefined && now - known.offlineSince > VERSION_KEPT_MS;
    const version = known === undefined || forgotten ? 0 : known.version + 1;
    this.#count += 1;
    this.#clients.set(clientId, { version, session: this.#count, offlineSince: undefined });
    this.#announce(event('connected', clientId, version, this.#count, now, { ipAddress: '192.0.2.1' }));
  }

  disconnected(clientId: string, why: string): void {
    const known = this.#clients.get(clientId);
    if (known === undefined) return;
    const now = this.#elements.wall();
    known.offlineSince = now;
    this.#announce(
      event('disconnected', clientId, known.version, known.session, now, {
        clientInitiatedDisconnect: why === 'CLIENT_INITIATED_DISCONNECT',
        disconnectReason: why,
      }),
    );
  }

  #announce({ topic, payload }: PresenceEvent): void {
    const { weather, random } = this.#elements;
    const bytes = Buffer.from(payload);
    const arriveAfter = (delayMs: number): void =>
      this.#elements.after(delayMs, () => this.#sessions.fanOut(topic, bytes));
    const share = weather.loss + weather.duplicate + weather.reorder > 0 ? SPOILT : 0;
    if (this.#elements.strikes(share, 'presence.late')) return arriveAfter(random.integer(1_000, 30_000));
    arriveAfter(20);
    if (this.#elements.strikes(share, 'presence.duplicate')) arriveAfter(random.integer(50, 5_000));
  }
}

function event(
  eventType: 'connected' | 'disconnected',
  clientId: string,
  versionNumber: number,
  session: number,
  now: EpochMs,
  more: object,
): PresenceEvent {
  return {
    topic: `$aws/events/presence/${eventType}/${clientId}`,
    payload: JSON.stringify({
      clientId,
      timestamp: now,
      eventType,
      sessionIdentifier: `session-${session}`,
      principalIdentifier: 'simulated',
      versionNumber,
      ...more,
    }),
  };
}
