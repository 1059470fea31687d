import type { Result } from '../core/result.ts';
import type { Cancel } from './clock.ts';

/**
 * Publish and subscribe. Promises nothing about delivery: messages may be lost, doubled and reordered, and everything
 * above must live with that. Implementations promise:
 *
 * - `publish` never queues: not connected is `transport_offline` at once, and nothing is kept for later. At QoS 1 it
 *   settles with the acknowledgement or with `transport_timeout` (unknown result) after the time-out it was made with;
 *   no message reaches the wire after its `publish` settled.
 * - A handler that throws is logged and harms nobody. Handlers run one message at a time, in order of arrival.
 * - Standing subscriptions are renewed after every reconnect, and `up` is told only after all of them were acknowledged,
 *   so whoever hears `up` may ask by `get` and misses nothing. `subscribe` while connected settles with the SUBACK;
 *   while offline it settles at once and is made good before the next `up`.
 * - Reconnects happen by themselves, with backoff and full jitter. `stop` ends everything in order: after it settled no
 *   handler runs and nothing keeps the process alive. It may be called in any state, and twice.
 */
export interface Transport {
  /** Connects. Settles when connected, or with a problem when the first attempt failed; attempts go on either way. */
  start(): Promise<Result<void>>;
  readonly connected: boolean;
  publish(message: OutgoingMessage): Promise<Result<void>>;
  /** Several handlers may share a filter; each message reaches each handler once per matching `subscribe`. */
  subscribe(subscriptions: readonly Subscription[], handler: MessageHandler): Promise<Result<Cancel>>;
  onConnection(listener: (event: ConnectionEvent) => void): Cancel;
  stop(): Promise<void>;
}

export type QoS = 0 | 1;

export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: Uint8Array | string;
  readonly qos: QoS;
}

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface Subscription {
  readonly filter: string;
  readonly qos: QoS;
}

export type MessageHandler = (message: IncomingMessage) => void;

export type ConnectionEvent =
  | { readonly type: 'up' }
  /** `code` is stable and short (`closed`, `refused`, `taken_over`, …); `detail` the library's own words. */
  | { readonly type: 'down'; readonly code: string; readonly detail: string }
  /** An attempt failed; the next one follows after `retryInMs`. */
  | { readonly type: 'attempt_failed'; readonly detail: string; readonly retryInMs: number };
