import type { Aedes, Client } from 'aedes';

interface Insides {
  readonly id: string;
  readonly mq: { emit: (packet: unknown, done?: () => void) => unknown };
}

/**
 * The library gives every message a number and a client forgets any message with a lower number than the last it saw, so
 * that overlapping subscriptions get it once. But a QoS 0 message overtakes a QoS 1 message published just before it, and
 * the one overtaken would be lost. Here only the same emission counts as a duplicate.
 */
export function dropOnlyTrueDuplicates(aedes: Aedes): void {
  const { id, mq } = aedes as unknown as Insides;
  let emission = 0;
  const emit = mq.emit.bind(mq);
  mq.emit = (packet, done) => {
    emission += 1;
    return emit(packet, done);
  };
  aedes.preConnect = (client, _packet, callback) => {
    replaceCounter(client, id, () => emission);
    callback(null, true);
  };
}

/** The library compares `duplicates[broker]` with the message's number, and stores that number: both pass here. */
function replaceCounter(client: Client, brokerId: string, emission: () => number): void {
  let seen = 0;
  const counter = Object.defineProperty({}, brokerId, {
    get: () => (seen === emission() ? Number.MAX_SAFE_INTEGER : 0),
    set: () => (seen = emission()),
  });
  (client as unknown as { duplicates: object }).duplicates = counter;
}
