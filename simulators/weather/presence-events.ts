import type { EpochMs } from '../../src/core/brand.ts';

/** After this long offline a client id's count starts again (R94). */
const VERSION_KEPT_MS = 3_600_000;

/** Lifecycle events of connections by client id, with the count that orders them (R91 to R94). */
export class PresenceEvents {
  readonly #clients = new Map<string, { version: number; session: number; offlineSince: EpochMs | undefined }>();
  #sessions = 0;

  connected(clientId: string, now: EpochMs): { topic: string; payload: string } {
    const known = this.#clients.get(clientId);
    const forgotten = known?.offlineSince !== undefined && now - known.offlineSince > VERSION_KEPT_MS;
    const version = known === undefined || forgotten ? 0 : known.version + 1;
    this.#sessions += 1;
    this.#clients.set(clientId, { version, session: this.#sessions, offlineSince: undefined });
    return event('connected', clientId, version, this.#sessions, now, { ipAddress: '192.0.2.1' });
  }

  disconnected(clientId: string, why: string, now: EpochMs): { topic: string; payload: string } | undefined {
    const known = this.#clients.get(clientId);
    if (known === undefined) return undefined;
    known.offlineSince = now;
    return event('disconnected', clientId, known.version, known.session, now, {
      clientInitiatedDisconnect: why === 'CLIENT_INITIATED_DISCONNECT',
      disconnectReason: why,
    });
  }
}

function event(
  eventType: 'connected' | 'disconnected',
  clientId: string,
  versionNumber: number,
  session: number,
  now: EpochMs,
  more: object,
): { topic: string; payload: string } {
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
