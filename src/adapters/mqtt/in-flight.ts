import { monotonicMs, type MonotonicMs } from '../../core/brand.ts';
import type { Problem } from '../../core/problem.ts';
import { fail, type Result } from '../../core/result.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';

interface Waiting {
  readonly due: MonotonicMs;
  readonly giveUp: (problem: Problem) => void;
}

/**
 * Requests that wait for the broker's answer. All have the same time-out, so the oldest is due first and one timer,
 * left to run out, watches over all of them.
 */
export class InFlight {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onTimeout: () => void;
  readonly #waiting = new Set<Waiting>();
  #timer: Cancel | undefined;

  constructor(clock: Clock, timeoutMs: number, onTimeout: () => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onTimeout = onTimeout;
  }

  /** Settles with what `answered` makes of the answer, `rejected` of a rejection, or with the problem of `giveUpAll`. */
  track<A, T>(
    answer: Promise<A>,
    answered: (answer: A) => Result<T>,
    rejected: (reason: unknown) => Problem,
  ): Promise<Result<T>> {
    return new Promise((resolve) => {
      const due = monotonicMs(this.#clock.monotonic() + this.#timeoutMs);
      const settle = (result: Result<T>) => {
        this.#waiting.delete(waiting);
        resolve(result);
      };
      const waiting: Waiting = { due, giveUp: (problem) => settle(fail(problem)) };
      this.#waiting.add(waiting);
      this.#timer ??= this.#clock.at(due, () => this.#look());
      answer.then(
        (given) => settle(answered(given)),
        (reason: unknown) => settle(fail(rejected(reason))),
      );
    });
  }

  /** The connection is gone: nobody will answer any more. */
  giveUpAll(problem: Problem): void {
    this.#timer?.();
    this.#timer = undefined;
    for (const { giveUp } of [...this.#waiting]) giveUp(problem);
  }

  #look(): void {
    this.#timer = undefined;
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    if (oldest.due <= this.#clock.monotonic()) this.#onTimeout();
    else this.#timer = this.#clock.at(oldest.due, () => this.#look());
  }
}
