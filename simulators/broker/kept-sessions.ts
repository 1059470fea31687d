import type { Aedes, Client } from 'aedes';
import type { EpochMs } from '../../src/core/brand.ts';
import { Interest } from './interest.ts';

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
  subscriptionsByTopic(topic: string): Promise<{ clientId: string }[]>;
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
  /** Acknowledged, and not yet known whom it waits for. */
  | { readonly kind: 'pending'; readonly number: number; readonly message: Message }
  | { readonly kind: 'message'; readonly clientId: string; readonly message: Message }
  | {
      readonly kind: 'session';
      readonly clientId: string;
      readonly subscriptions: readonly Subscription[];
      readonly expirySeconds: number;
      /** Undefined while it is connected. */
      readonly offlineSince?: EpochMs;
    };

/** What the broker tells about each message that it is about to acknowledge. */
export interface SessionKeeper {
  beforeAcknowledgement(message: Message & { readonly qos: number; readonly retain: boolean }): void;
}

/**
 * Keeps what MQTT promises to keep: retained messages, the subscriptions of persistent sessions and what waits for their clients,
 * each written before the publisher has its acknowledgement. A session whose time is over is forgotten at the next start.
 */
export async function keepSessions(
  aedes: Aedes,
  { kept, interest, now }: { kept: KeptTexts; interest: Interest; now: () => EpochMs },
): Promise<SessionKeeper> {
  const insides = aedes as unknown as Insides;
  const { persistence } = insides;
  // Whom the library would queue a message for; it looks only after it has acknowledged.
  const lasting = new Interest();
  await restore(insides, { kept, interest, lasting, now });
  let pendingCount = 0;
  const pending = new WeakMap<Buffer, string>();

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
    for (const { topic } of subscriptions) lasting.add(who.id, topic);
    await before.addSubscriptions(who, subscriptions);
    await keepSession(who);
  };
  persistence.removeSubscriptions = async (who, filters) => {
    await before.removeSubscriptions(who, filters);
    for (const filter of filters) lasting.remove(who.id, filter);
    await keepSession(who);
  };
  persistence.cleanSubscriptions = async (who) => {
    const cleaned = await before.cleanSubscriptions(who);
    lasting.forget(who.id);
    kept.delete(sessionKey(who.id));
    return cleaned;
  };
  persistence.outgoingEnqueueCombi = async (who, message) => {
    for (const { clientId } of who)
      kept.put(messageKey(clientId, message), textOf({ kind: 'message', clientId, message }));
    const key = pending.get(message.payload);
    if (key !== undefined) kept.delete(key);
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
  return {
    beforeAcknowledgement: (message) => {
      if (message.retain && message.payload.length > 0) {
        kept.put(retainedKey(message.topic), textOf({ kind: 'retained', message }));
      }
      if (message.qos === 0 || !lasting.in(message.topic)) return;
      const number = (pendingCount += 1);
      kept.put(pendingKey(number), textOf({ kind: 'pending', number, message }));
      pending.set(message.payload, pendingKey(number));
    },
  };
}

async function restore(
  insides: Insides,
  { kept, interest, lasting, now }: { kept: KeptTexts; interest: Interest; lasting: Interest; now: () => EpochMs },
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
    for (const { topic } of subscriptions) {
      interest.add(clientId, topic);
      lasting.add(clientId, topic);
    }
  }
  const messages = rows.filter((row) => row.kind === 'message');
  messages.sort((left, right) => (left.message.brokerCounter ?? 0) - (right.message.brokerCounter ?? 0));
  for (const { clientId, message } of messages) {
    insides.counter = Math.max(insides.counter, message.brokerCounter ?? 0);
    if (alive.has(clientId)) await persistence.outgoingEnqueue({ clientId }, { ...message, brokerId: insides.id });
    else kept.delete(messageKey(clientId, message));
  }
  await settlePending(insides, rows, kept);
}

/**
 * The process ended between an acknowledgement and the queues. Whoever had it in his queue already gets it twice, as QoS 1 allows.
 */
async function settlePending(insides: Insides, rows: readonly Row[], kept: KeptTexts): Promise<void> {
  const { id: brokerId, persistence } = insides;
  const pending = rows.filter((row) => row.kind === 'pending');
  pending.sort((left, right) => left.number - right.number);
  for (const { message, number } of pending) {
    const settled = { ...message, brokerId, brokerCounter: (insides.counter += 1) };
    for (const { clientId } of await persistence.subscriptionsByTopic(message.topic)) {
      kept.put(messageKey(clientId, settled), textOf({ kind: 'message', clientId, message: settled }));
      await persistence.outgoingEnqueue({ clientId }, settled);
    }
    kept.delete(pendingKey(number));
  }
}

const pendingKey = (number: number) => `pending/${number}`;
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
