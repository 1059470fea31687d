import type { Result } from '../../core/result.ts';
import type { OutgoingMessage, Subscription } from '../../ports/transport.ts';

/**
 * A way to reach a broker, without any policy of its own: no reconnecting, no queue, no memory of
 * subscriptions. `connect` is one attempt; after it failed, after `closed` was told and after `disconnect` the link may
 * connect again, and nothing of the earlier connection is left in it.
 */
export interface Link {
  connect(events: LinkEvents): Promise<Result<void>>;
  /**
   * Hands the message to the wire; settles with the acknowledgement (QoS 0: when written). Rejects with a `Refusal` if
   * the broker said no, otherwise with whatever reason left the result unknown.
   */
  publish(message: OutgoingMessage): Promise<void>;
  /** One SUBSCRIBE. Gives the filters that the broker refused. */
  subscribe(subscriptions: readonly Subscription[]): Promise<readonly string[]>;
  unsubscribe(filters: readonly string[]): Promise<void>;
  /** Ends the connection or the attempt; with a farewell the broker does not publish the will. Never rejects. */
  disconnect(how: { farewell: boolean }): Promise<void>;
  /** Lets go of native resources, after `disconnect`; the link is of no use afterwards. Never rejects. */
  dispose(): Promise<void>;
  /** How many filters go into one `subscribe`. */
  readonly filtersPerSubscribe: number;
}

export interface LinkEvents {
  message(topic: string, payload: Uint8Array): void;
  /** The connection ended by itself. Told once, and never after `disconnect` was called. */
  closed(code: string, detail: string): void;
}

/** The broker answered, and the answer was no. */
export class Refusal extends Error {}

/** Libraries reject with Errors in one place, strings in the next and codes in a third: their words, whichever way. */
export function wordsOf(reason: unknown): string {
  if (reason instanceof Error) return reason.message;
  return typeof reason === 'string' ? reason : String(reason);
}
