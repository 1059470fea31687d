import { monotonicMs, type MonotonicMs } from '../core/brand.ts';
import type { Result } from '../core/result.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { OutgoingMessage, Transport } from '../ports/transport.ts';
import { Fifo } from './fifo.ts';

/** What may leave at once. Undefined: no cap. */
export interface OutboxLimits {
  /** Requests whose answer is still out (AWS: 10 per connection, R83). */
  readonly inFlightMax?: number;
  /** Requests per second, with a burst of as many (AWS: 100 messages a second and connection). */
  readonly perSecond?: number;
  /** When an answer counts as lost and its place is free again. */
  readonly answerMs: number;
}

export interface Request {
  /** Names the request until its answer is seen. */
  readonly token: string;
  readonly message: OutgoingMessage;
  /** Writes go before reads, reads that somebody waits for before the rest. */
  readonly priority: 'write' | 'read' | 'resync';
  /** Asked when its turn comes, which behind a cap may be long after: false lets it go unsent, as `onUnwanted` hears. */
  readonly isWanted?: () => boolean;
  readonly onUnwanted?: () => void;
  /** Called when it is handed to the transport. */
  readonly onSent: () => void;
  /** For requests that are settled by the broker's acknowledgement instead of an answer. */
  readonly onAcknowledged?: () => void;
  readonly onFailed: (problem: Extract<Result<void>, { ok: false }>['problem']) => void;
}

const PRIORITIES = ['write', 'read', 'resync'] as const;

/** The one door for requests to the shadow service: caps in flight and rate, drops everything when the link is lost. */
export class Outbox {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #limits: OutboxLimits;
  readonly #queues: Readonly<Record<Request['priority'], Fifo<Request>>> = {
    write: new Fifo(),
    read: new Fifo(),
    resync: new Fifo(),
  };
  /** Until when each may take; all may take equally long, so the first one is over first. */
  readonly #inFlight = new Map<string, MonotonicMs>();
  #tokens: number;
  #refilledAt: MonotonicMs;
  #timer: Cancel | undefined;

  constructor(transport: Transport, clock: Clock, limits: OutboxLimits) {
    this.#transport = transport;
    this.#clock = clock;
    this.#limits = limits;
    this.#tokens = limits.perSecond ?? 0;
    this.#refilledAt = clock.monotonic();
  }

  get waiting(): number {
    return PRIORITIES.reduce((sum, priority) => sum + this.#queues[priority].length, 0);
  }

  /** Those that somebody waits for. */
  get pressing(): number {
    return this.#queues.write.length + this.#queues.read.length;
  }

  send(request: Request): void {
    if (!this.#transport.connected) {
      request.onFailed({ code: 'transport_offline', message: 'not connected' });
      return;
    }
    this.#queues[request.priority].push(request);
    this.#pump();
  }

  /** The answer to a request was seen. */
  settle(token: string): void {
    if (this.#inFlight.delete(token)) this.#pump();
  }

  /** The link is lost: nothing that waits may reach the wire later. */
  clear(): void {
    this.#inFlight.clear();
    for (const priority of PRIORITIES) {
      for (const request of this.#queues[priority].drain()) {
        request.onFailed({ code: 'transport_offline', message: 'the connection was lost before it was sent' });
      }
    }
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.clear();
  }

  #pump(): void {
    for (;;) {
      const queue = PRIORITIES.map((priority) => this.#queues[priority]).find(({ length }) => length > 0);
      if (queue === undefined) return;
      const { first } = queue;
      if (first?.isWanted?.() === false) {
        queue.shift();
        first.onUnwanted?.();
        continue;
      }
      const wait = this.#mustWaitMs();
      if (wait > 0) {
        this.#timer ??= this.#clock.at(monotonicMs(this.#clock.monotonic() + wait), () => {
          this.#timer = undefined;
          this.#pump();
        });
        return;
      }
      const request = queue.shift();
      if (request !== undefined) this.#publish(request);
    }
  }

  #publish(request: Request): void {
    const { inFlightMax, perSecond, answerMs } = this.#limits;
    if (perSecond !== undefined) this.#tokens -= 1;
    if (inFlightMax !== undefined) {
      this.#inFlight.delete(request.token);
      this.#inFlight.set(request.token, monotonicMs(this.#clock.monotonic() + answerMs));
    }
    request.onSent();
    void this.#transport.publish(request.message).then((result) => {
      if (result.ok) {
        if (request.onAcknowledged === undefined) return;
        this.settle(request.token);
        return request.onAcknowledged();
      }
      this.settle(request.token);
      request.onFailed(result.problem);
    });
  }

  #mustWaitMs(): number {
    const now = this.#clock.monotonic();
    return Math.max(this.#rateWaitMs(now), this.#flightWaitMs(now));
  }

  #rateWaitMs(now: MonotonicMs): number {
    const { perSecond } = this.#limits;
    if (perSecond === undefined) return 0;
    this.#tokens = Math.min(perSecond, this.#tokens + ((now - this.#refilledAt) / 1000) * perSecond);
    this.#refilledAt = now;
    return this.#tokens >= 1 ? 0 : Math.max(1, ((1 - this.#tokens) / perSecond) * 1000);
  }

  #flightWaitMs(now: MonotonicMs): number {
    const { inFlightMax } = this.#limits;
    if (inFlightMax === undefined || this.#inFlight.size < inFlightMax) return 0;
    for (const [token, until] of this.#inFlight) {
      if (until > now) return this.#inFlight.size < inFlightMax ? 0 : Math.max(1, until - now);
      this.#inFlight.delete(token);
    }
    return 0;
  }
}
