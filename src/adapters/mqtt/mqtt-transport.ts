import { monotonicMs, type MonotonicMs } from '../../core/brand.ts';
import { problem, type Problem } from '../../core/problem.ts';
import { done, fail, ok, type Result } from '../../core/result.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import type {
  ConnectionEvent,
  MessageHandler,
  OutgoingMessage,
  Subscription,
  Transport,
} from '../../ports/transport.ts';
import { SubscriptionTable } from '../../protocol/subscription-table.ts';
import { filterProblem, topicProblem } from '../../protocol/topic-filter.ts';
import { InFlight } from './in-flight.ts';
import { Refusal, wordsOf, type Link } from './link.ts';

/** AWS IoT closes the connection of whoever sends more; we refuse it beforehand. */
export const PAYLOAD_BYTES_MAX = 128 * 1024;

/** A farewell to a broker that does not answer must not hold up the end of a program. */
const STOP_MS_MAX = 1_500;

export interface TransportPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How a connection is kept. */
export interface ConnectionPolicy {
  readonly clientId: string;
  /** Where the broker is, for messages. */
  readonly url: string;
  /** From the first packet to the broker's answer; an attempt that takes longer failed. */
  readonly connectTimeoutMs: number;
  /** A publish or subscribe without an answer for this long has an unknown result, and the connection is renewed. */
  readonly publishTimeoutMs: number;
  readonly backoff: Backoff;
}

/** Attempt n waits a random part of `baseMs * 2^n`, at most `maxMs`. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
  /** A connection has to last this long before the count starts anew: two clients of one id must not take turns fast. */
  readonly stableMs: number;
}

/** The 44 ms of a stalled connection or a second of a slow one must not look like a lost answer. */
export const PUBLISH_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_MS = 10_000;
export const BACKOFF: Backoff = { baseMs: 1_000, maxMs: 128_000, stableMs: 20_000 };

type Phase = 'idle' | 'connecting' | 'up' | 'waiting' | 'stopped';

/**
 * The transport port over any link. Invariants:
 *
 * - Subscriptions are made at QoS 0, whatever was asked, and publishes go out as asked. A PUBACK of ours would sit
 *   unacknowledged in the peer's kernel and, with Nagle's algorithm on, hold back our next publish for 44 ms
 *   (`adapters/aws-iot/socket.ts`). Nothing is lost by it: on a clean session QoS 1 adds nothing that TCP does not give,
 *   and everything above this port is level-triggered and asks by `get` when it hears `up`.
 * - Sessions are clean: what a broker kept for us from an earlier connection is old, and what we need we read.
 * - A link neither queues nor reconnects. Each connection starts with nothing in flight, so no publish can reach the
 *   wire after it settled. An answer that does not come in time ends the connection, and with it what still stood in
 *   the link's buffers.
 */
export class MqttTransport implements Transport {
  readonly #policy: ConnectionPolicy;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #table = new SubscriptionTable<MessageHandler>();
  readonly #listeners = new Set<(event: ConnectionEvent) => void>();
  readonly #inFlight: InFlight;
  #phase: Phase = 'idle';
  /** Rises with every attempt and every end of one, so that an answer to an older one is recognised. */
  #epoch = 0;
  #failures = 0;
  #upAt: MonotonicMs | undefined;
  #cancelRetry: Cancel = () => undefined;
  #leaving: Promise<void> = Promise.resolve();
  #unsubscribed: Promise<unknown> = Promise.resolve();
  #started: Promise<Result<void>> | undefined;
  #settleStart: (result: Result<void>) => void = () => undefined;
  #stopped: Promise<void> | undefined;

  constructor(policy: ConnectionPolicy, link: Link, { clock, random, log }: TransportPorts) {
    this.#policy = policy;
    this.#link = link;
    this.#clock = clock;
    this.#random = random;
    this.#log = log.with({ clientId: policy.clientId });
    this.#inFlight = new InFlight(clock, policy.publishTimeoutMs, () => this.#abandon());
  }

  get connected(): boolean {
    return this.#phase === 'up';
  }

  start(): Promise<Result<void>> {
    if (this.#phase === 'stopped') return Promise.resolve(fail(OFFLINE));
    if (this.#started === undefined) {
      this.#started = new Promise((resolve) => (this.#settleStart = resolve));
      void this.#attempt();
    }
    return this.#started;
  }

  /** Not `async`, here and below: every turn of the queue of microtasks between an acknowledgement and who waits for it costs. */
  publish(message: OutgoingMessage): Promise<Result<void>> {
    const invalid = topicProblem(message.topic) ?? sizeProblem(message.payload);
    if (invalid !== undefined) return Promise.resolve(fail(invalid));
    if (this.#phase !== 'up') return Promise.resolve(fail(OFFLINE));
    return this.#inFlight.track(this.#link.publish(message), toDone, (reason) =>
      this.#publishProblem(message.topic, reason),
    );
  }

  async subscribe(subscriptions: readonly Subscription[], handler: MessageHandler): Promise<Result<Cancel>> {
    const filters = subscriptions.map(({ filter }) => filter);
    for (const filter of filters) {
      const invalid = filterProblem(filter);
      if (invalid !== undefined) return fail(invalid);
    }
    if (this.#phase === 'stopped') return fail(OFFLINE);
    const remove = this.#table.add(filters, handler);
    const cancel = () => {
      const unwanted = remove();
      if (unwanted.length > 0 && this.#phase === 'up') this.#unsubscribe(unwanted);
    };
    if (this.#phase !== 'up') return ok(cancel);
    const epoch = this.#epoch;
    const asked = await this.#ask(this.#table.missing().filter((filter) => filters.includes(filter)));
    // Not answered because the connection went: the next one makes it good before `up`.
    if (asked.ok || epoch !== this.#epoch) return ok(cancel);
    cancel();
    return asked;
  }

  onConnection(listener: (event: ConnectionEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #attempt(): Promise<void> {
    this.#phase = 'connecting';
    const epoch = ++this.#epoch;
    const current = () => epoch === this.#epoch;
    await this.#leaving;
    if (!current()) return;
    this.#table.forget();
    const cancelTimeout = this.#after(this.#policy.connectTimeoutMs, () => this.#tooLate());
    const outcome = await this.#link.connect({
      message: (topic, payload) => this.#deliver(topic, payload),
      closed: (code, detail) => {
        if (current()) this.#closed(code, detail);
      },
    });
    cancelTimeout();
    if (!current()) return this.#outcomeTooLate(outcome);
    if (!outcome.ok) return this.#failed(outcome.problem);
    while (this.#table.missing().length > 0) {
      const asked = await this.#ask(this.#table.missing());
      if (!current()) return;
      if (!asked.ok) {
        this.#leave();
        return this.#failed(asked.problem);
      }
    }
    this.#phase = 'up';
    this.#upAt = this.#clock.monotonic();
    this.#settleStart(done);
    this.#log.info({}, 'connected');
    this.#tell({ type: 'up' });
  }

  /** A message too many finds no handler, so nobody waits for this but a later subscription: brokers mix up the two. */
  #unsubscribe(filters: readonly string[]): void {
    const settled = this.#inFlight.track(this.#link.unsubscribe(filters), toDone, (cause) => ({ ...LOST, cause }));
    this.#unsubscribed = Promise.all([this.#unsubscribed, settled]);
  }

  async #ask(filters: readonly string[]): Promise<Result<void>> {
    const epoch = this.#epoch;
    await this.#unsubscribed;
    if (epoch !== this.#epoch) return fail(LOST);
    const size = this.#link.filtersPerSubscribe;
    const requests: Promise<Result<readonly string[]>>[] = [];
    for (let at = 0; at < filters.length; at += size) {
      const some = filters.slice(at, at + size);
      const answer = this.#link.subscribe(some.map((filter) => ({ filter, qos: 0 })));
      requests.push(
        this.#inFlight.track(
          answer,
          (refused) => {
            this.#table.acknowledged(some.filter((filter) => !refused.includes(filter)));
            return ok(refused);
          },
          (reason) => problem('transport_timeout', 'the subscription was not acknowledged', { cause: reason }),
        ),
      );
    }
    for (const answer of await Promise.all(requests)) {
      if (!answer.ok) return answer;
      const [refused] = answer.value;
      if (refused !== undefined) {
        return fail(problem('transport_refused', `the broker refused the subscription to ${refused}`, { at: refused }));
      }
    }
    return done;
  }

  #tooLate(): void {
    this.#leave();
    const message = `no answer from the broker within ${this.#policy.connectTimeoutMs} ms`;
    const hint = 'over TLS a certificate that does not fit looks like this, too';
    this.#failed(problem('server_unreachable', `${message}; ${hint}`, { at: this.#policy.url }));
  }

  /** TLS libraries take their time to say what is wrong, so that nobody learns from how long it took. */
  #outcomeTooLate(outcome: Result<void>): void {
    if (!outcome.ok && this.#phase !== 'stopped') {
      this.#log.warn({ problem: outcome.problem }, 'reason of an earlier failed attempt');
    }
  }

  /** The connection ended by itself. */
  #closed(code: string, detail: string): void {
    if (this.#phase === 'connecting') {
      this.#inFlight.giveUpAll(LOST);
      this.#failed(problem('server_unreachable', `the connection ended while it was set up: ${detail}`));
    } else if (this.#phase === 'up') {
      this.#down(code, detail);
    }
  }

  /** The broker owes an answer: the connection may be half open, and the SDK may still hold the request. */
  #abandon(): void {
    const detail = `no answer from the broker within ${this.#policy.publishTimeoutMs} ms`;
    this.#leave();
    if (this.#phase === 'up') {
      this.#down('no_answer', detail);
    } else {
      this.#inFlight.giveUpAll(LOST);
      this.#failed(problem('server_unreachable', detail));
    }
  }

  #leave(): void {
    this.#leaving = this.#link.disconnect({ farewell: false });
  }

  #down(code: string, detail: string): void {
    this.#epoch++;
    this.#phase = 'waiting';
    if (this.#clock.monotonic() - (this.#upAt ?? 0) >= this.#policy.backoff.stableMs) this.#failures = 0;
    this.#inFlight.giveUpAll(LOST);
    this.#log.warn({ code, detail, retryInMs: this.#retry() }, 'connection lost');
    this.#tell({ type: 'down', code, detail });
  }

  #failed(why: Problem): void {
    this.#epoch++;
    this.#phase = 'waiting';
    const retryInMs = this.#retry();
    this.#log.warn({ problem: why, retryInMs }, 'connection attempt failed');
    this.#settleStart(fail(why));
    this.#tell({ type: 'attempt_failed', detail: why.message, retryInMs });
  }

  #retry(): number {
    const { baseMs, maxMs } = this.#policy.backoff;
    // 2^32 is beyond any ceiling; a larger exponent would only overflow.
    const retryInMs = this.#random.fraction() * Math.min(maxMs, baseMs * 2 ** Math.min(this.#failures++, 32));
    this.#cancelRetry = this.#after(retryInMs, () => void this.#attempt());
    return Math.round(retryInMs);
  }

  async #end(): Promise<void> {
    const wasUp = this.#phase === 'up';
    this.#phase = 'stopped';
    this.#epoch++;
    this.#cancelRetry();
    this.#inFlight.giveUpAll(LOST);
    this.#settleStart(fail(OFFLINE));
    if (wasUp) this.#tell({ type: 'down', code: 'stopped', detail: 'we were asked to stop' });
    this.#listeners.clear();
    this.#table.clear();
    await this.#within(STOP_MS_MAX, this.#farewell());
    this.#log.info({}, 'transport stopped');
  }

  async #farewell(): Promise<void> {
    await this.#leaving;
    await this.#link.disconnect({ farewell: true });
    await this.#link.dispose();
  }

  #after(ms: number, fire: () => void): Cancel {
    return this.#clock.at(monotonicMs(this.#clock.monotonic() + ms), fire);
  }

  #within(ms: number, promise: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#after(ms, resolve);
      void promise.finally(() => {
        cancel();
        resolve();
      });
    });
  }

  #deliver(topic: string, payload: Uint8Array): void {
    this.#table.deliver(topic, (handler) => {
      try {
        const returned: unknown = handler({ topic, payload });
        if (returned instanceof Promise) returned.catch((error: unknown) => this.#handlerFailed(topic, error));
      } catch (error) {
        this.#handlerFailed(topic, error);
      }
    });
  }

  #handlerFailed(topic: string, error: unknown): void {
    this.#log.error({ topic, error }, 'a message handler failed');
  }

  #tell(event: ConnectionEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#log.error({ event: event.type, error }, 'a connection listener failed');
      }
    }
  }

  #publishProblem(topic: string, reason: unknown): Problem {
    if (reason instanceof Refusal) {
      return problem('transport_refused', `the broker refused the message: ${reason.message}`, { at: topic });
    }
    return { ...LOST, message: `${LOST.message} (${wordsOf(reason)})`, cause: reason };
  }
}

const OFFLINE = problem('transport_offline', 'not connected to the MQTT broker');
const LOST = problem('transport_timeout', 'the connection ended before the broker answered: unknown result');

const toDone = (): Result<void> => done;

function sizeProblem(payload: Uint8Array | string): Problem | undefined {
  // A unit of UTF-16 takes at most three bytes: most texts need not be counted.
  if (payload.length * 3 <= PAYLOAD_BYTES_MAX) return undefined;
  const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
  return bytes > PAYLOAD_BYTES_MAX
    ? problem('payload_too_large', `a message has at most ${PAYLOAD_BYTES_MAX} bytes, this one has ${bytes}`)
    : undefined;
}
