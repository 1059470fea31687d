import { randomUUID } from 'node:crypto';
import type { Client } from 'aedes';
import type { EpochMs } from '../../src/core/brand.ts';
import type { ClosedBy } from './broker.ts';

/** After this long offline a client id's count starts again (R94). */
const VERSION_KEPT_MS = 3_600_000;

/** The words of AWS; an open list there (R93). */
const REASONS: Record<ClosedBy, string> = {
  client: 'CLIENT_INITIATED_DISCONNECT',
  takeover: 'DUPLICATE_CLIENTID',
  keep_alive: 'MQTT_KEEP_ALIVE_TIMEOUT',
  client_error: 'CLIENT_ERROR',
  denied: 'AUTH_ERROR',
  server: 'SERVER_INITIATED_DISCONNECT',
  lost: 'CONNECTION_LOST',
};

export interface PresenceEvent {
  readonly topic: string;
  readonly body: string;
}

interface Session {
  readonly sessionIdentifier: string;
  readonly principalIdentifier: string;
  readonly versionNumber: number;
}

/**
 * The lifecycle events of connections. A connect and the disconnect that ends it share a `versionNumber`, which grows per
 * client id; client ids with a wildcard in them get no events.
 *
 * Source   R91 to R94.
 */
export class Presence {
  readonly #sessions = new WeakMap<Client, Session>();
  readonly #versions = new Map<string, { last: number; offlineSince: EpochMs | undefined }>();
  readonly #principal: (client: Client) => string;

  constructor(principal: (client: Client) => string = () => 'anonymous') {
    this.#principal = principal;
  }

  connected(client: Client, now: EpochMs): PresenceEvent | undefined {
    const known = this.#versions.get(client.id);
    const forgotten = known?.offlineSince !== undefined && now - known.offlineSince > VERSION_KEPT_MS;
    const versionNumber = known === undefined || forgotten ? 0 : known.last + 1;
    this.#versions.set(client.id, { last: versionNumber, offlineSince: undefined });
    const session: Session = {
      sessionIdentifier: randomUUID(),
      principalIdentifier: this.#principal(client),
      versionNumber,
    };
    this.#sessions.set(client, session);
    const ipAddress = ((client.conn as { remoteAddress?: string }).remoteAddress ?? '').replace(/^::ffff:/, '');
    return presenceEvent('connected', client.id, { ...about(client.id, session, now, 'connected'), ipAddress });
  }

  disconnected(client: Client, why: ClosedBy, now: EpochMs): PresenceEvent | undefined {
    const session = this.#sessions.get(client);
    if (session === undefined) return undefined; // it never came as far as a CONNACK
    this.#sessions.delete(client);
    const version = this.#versions.get(client.id);
    // A takeover's connect may have been counted already; then somebody is still online.
    if (version?.last === session.versionNumber) version.offlineSince = now;
    return presenceEvent('disconnected', client.id, {
      ...about(client.id, session, now, 'disconnected'),
      clientInitiatedDisconnect: why === 'client',
      disconnectReason: REASONS[why],
    });
  }
}

function about(clientId: string, session: Session, now: EpochMs, eventType: 'connected' | 'disconnected') {
  const { sessionIdentifier, principalIdentifier, versionNumber } = session;
  return { clientId, timestamp: now, eventType, sessionIdentifier, principalIdentifier, versionNumber };
}

function presenceEvent(
  kind: 'connected' | 'disconnected',
  clientId: string,
  body: Record<string, unknown>,
): PresenceEvent | undefined {
  if (/[#+]/.test(clientId)) return undefined;
  return { topic: `$aws/events/presence/${kind}/${clientId}`, body: JSON.stringify(body) };
}
