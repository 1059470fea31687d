import type { Aedes, Client } from 'aedes';
import type { EpochMs } from '../../src/core/brand.ts';
import type { Interest } from './interest.ts';

/** Texts by key that are there again after the process was killed. */
export interface KeptTexts {
  put(key: string, text: string): void;
  delete(key: string): void;
  texts(): string[];
}

interface Subscription {
  readonly topic: string;
  readonly qos: number;
}

interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly brokerId?: string;
  readonly brokerCounter?: number;
}

type Who = Pick<Client, 'id'> & { readonly sessionExpiryInterval?: number };

/** The part of the library's memory of sessions that is written through. */
interface Persistence {
  storeRetained(message: Message): Promise<void>;
  addSubscriptions(who: Who, subscriptions: readonly Subscription[]): Promise<void>;
  removeSubscriptions(who: Who, filters: readonly string[]): Promise<void>;
  cleanSubscriptions(who: Who): Promise<unknown>;
  subscriptionsByClient(who: Who): Promise<Subscription[]>;
  outgoingEnqueue(who: { clientId: string }, message: Message): Promise<void>;
  outgoingEnqueueCombi(who: readonly { clientId: string }[], message: Message): Promise<void>;
  outgoingClearMessageId(who: Who, message: unknown): Promise<Message | undefined>;
}

interface Insides {
  readonly id: string;
  counter: number;
  readonly persistence: Persistence;
}

type Row =
  | { readonly kind: 'retained'; readonly message: Message }
  | { readonly kind: 'message'; readonly clientId: string; readonly message: Message }
  | {
      readonly kind: 'session';
      readonly clientId: string;
      readonly subscriptions: readonly Subscription[];
      readonly expirySeconds: number;
      /** Undefined while it is connected. */
      readonly offlineSince?: EpochMs;
    };

/**
 * Keeps what MQTT promises to keep: retained messages, the subscriptions of persistent sessions and what waits for their clients,
 * each written before the publisher has its acknowledgement. A session whose time is over is forgotten at the next start.
 */
export async function keepSessions(
  aedes: Aedes,
  { kept, interest, now }: { kept: KeptTexts; interest: Interest; now: () => EpochMs },
): Promise<void> {
  const insides = aedes as unknown as Insides;
  const { persistence } = insides;
  await restore(insides, { kept, interest, now });

  const before = {
    storeRetained: persistence.storeRetained.bind(persistence),
    addSubscriptions: persistence.addSubscriptions.bind(persistence),
    removeSubscriptions: persistence.removeSubscriptions.bind(persistence),
    cleanSubscriptions: persistence.cleanSubscriptions.bind(persistence),
    outgoingEnqueueCombi: persistence.outgoingEnqueueCombi.bind(persistence),
    outgoingClearMessageId: persistence.outgoingClearMessageId.bind(persistence),
  };
  const keepSession = async (who: Who, offlineSince?: EpochMs) => {
    const subscriptions = await persistence.subscriptionsByClient(who);
    if (subscriptions.length === 0) return kept.delete(sessionKey(who.id));
    const row: Row = {
      kind: 'session',
      clientId: who.id,
      subscriptions,
      expirySeconds: who.sessionExpiryInterval ?? 0,
    };
    kept.put(sessionKey(who.id), textOf(offlineSince === undefined ? row : { ...row, offlineSince }));
  };

  persistence.storeRetained = async (message) => {
    if (message.payload.length === 0) kept.delete(retainedKey(message.topic));
    else kept.put(retainedKey(message.topic), textOf({ kind: 'retained', message }));
    await before.storeRetained(message);
  };
  persistence.addSubscriptions = async (who, subscriptions) => {
    await before.addSubscriptions(who, subscriptions);
    await keepSession(who);
  };
  persistence.removeSubscriptions = async (who, filters) => {
    await before.removeSubscriptions(who, filters);
    await keepSession(who);
  };
  persistence.cleanSubscriptions = async (who) => {
    const cleaned = await before.cleanSubscriptions(who);
    kept.delete(sessionKey(who.id));
    return cleaned;
  };
  persistence.outgoingEnqueueCombi = async (who, message) => {
    for (const { clientId } of who)
      kept.put(messageKey(clientId, message), textOf({ kind: 'message', clientId, message }));
    await before.outgoingEnqueueCombi(who, message);
  };
  persistence.outgoingClearMessageId = async (who, message) => {
    const cleared = await before.outgoingClearMessageId(who, message);
    if (cleared !== undefined) kept.delete(messageKey(who.id, cleared));
    return cleared;
  };
  aedes.on('clientDisconnect', (client) => {
    if (!client.clean) void keepSession(client as unknown as Who, now());
  });
}

async function restore(
  insides: Insides,
  { kept, interest, now }: { kept: KeptTexts; interest: Interest; now: () => EpochMs },
): Promise<void> {
  const rows = kept.texts().map(rowOf);
  const { persistence } = insides;
  const alive = new Set<string>();
  for (const row of rows) {
    if (row.kind === 'retained') await persistence.storeRetained(row.message);
    if (row.kind !== 'session') continue;
    const { clientId, subscriptions, expirySeconds, offlineSince } = row;
    if (now() - (offlineSince ?? now()) > expirySeconds * 1_000) {
      kept.delete(sessionKey(clientId));
      continue;
    }
    // Whoever was connected when the process ended has been away since now.
    if (offlineSince === undefined) kept.put(sessionKey(clientId), textOf({ ...row, offlineSince: now() }));
    alive.add(clientId);
    await persistence.addSubscriptions({ id: clientId }, subscriptions);
    for (const { topic } of subscriptions) interest.add(clientId, topic);
  }
  const messages = rows.filter((row) => row.kind === 'message');
  messages.sort((left, right) => (left.message.brokerCounter ?? 0) - (right.message.brokerCounter ?? 0));
  for (const { clientId, message } of messages) {
    insides.counter = Math.max(insides.counter, message.brokerCounter ?? 0);
    if (alive.has(clientId)) await persistence.outgoingEnqueue({ clientId }, { ...message, brokerId: insides.id });
    else kept.delete(messageKey(clientId, message));
  }
}

const retainedKey = (topic: string) => `retained/${topic}`;
const sessionKey = (clientId: string) => `session/${clientId}`;
const messageKey = (clientId: string, { brokerCounter }: Message) => `message/${brokerCounter ?? 0}/${clientId}`;

/** Bytes as base64, wherever they stand: MQTT 5 has some in its properties too. */
function textOf(row: Row): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    isBytes(value) ? { base64: Buffer.from(value.data).toString('base64') } : value,
  );
}

function rowOf(text: string): Row {
  return JSON.parse(text, (_key, value: unknown) =>
    typeof (value as { base64?: unknown } | null)?.base64 === 'string'
      ? Buffer.from((value as { base64: string }).base64, 'base64')
      : value,
  ) as Row;
}

/** What a buffer has become by the time that `JSON.stringify` asks. */
function isBytes(value: unknown): value is { data: number[] } {
  return (value as { type?: unknown } | null)?.type === 'Buffer' && Array.isArray((value as { data?: unknown }).data);
}
