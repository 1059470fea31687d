import { epochMs, monotonicMs, type EpochMs, type MonotonicMs } from '../../core/brand.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import { TimerQueue } from './timer-queue.ts';

/** Node fires a longer timer after 1 ms; we wake up in between and arm again. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * The clock of this process. One Node timer stands for all that were set, so ties and sub-millisecond distances keep
 * the order the port promises, and a hundred thousand deadlines cost one handle.
 *
 * A pending timer keeps the process alive: a device that waits for its next connection attempt has nothing else that
 * would. Whoever sets a timer cancels it when it stops.
 */
export class SystemClock implements Clock {
  readonly #timers = new TimerQueue();
  #armed: { due: MonotonicMs; disarm: Cancel } | undefined;
  #firing = false;

  wall(): EpochMs {
    return epochMs(Date.now());
  }

  monotonic(): MonotonicMs {
    return monotonicMs(performance.now());
  }

  at(due: MonotonicMs, fire: () => void): Cancel {
    const cancel = this.#timers.add(due, fire);
    this.#arm();
    return () => {
      cancel();
      this.#arm();
    };
  }

  /**
   * Wakes up by the earliest timer, or before: most timers are time-outs that are cancelled in time, and setting Node's
   * anew for each of them costs more than to look once too early. Without any timer nothing is left that keeps the process.
   */
  #arm(): void {
    if (this.#firing) return; // the end of the round arms once for all it changed
    const due = this.#timers.nextDue();
    if (due !== undefined && this.#armed !== undefined && this.#armed.due <= due) return;
    this.#armed?.disarm();
    this.#armed = due === undefined ? undefined : { due, disarm: this.#wake(due - this.monotonic()) };
  }

  #wake(delayMs: number): Cancel {
    if (delayMs <= 0) {
      const immediate = setImmediate(() => this.#fire());
      return () => clearImmediate(immediate);
    }
    // Rounded up: Node cuts fractions off, and early is worse than late.
    const timeout = setTimeout(() => this.#fire(), Math.min(Math.ceil(delayMs), TIMER_MS_MAX));
    return () => clearTimeout(timeout);
  }

  #fire(): void {
    this.#armed = undefined;
    this.#firing = true;
    // Timers set by these handlers wait for the next round: one that re-arms itself at once cannot shut out sockets.
    const now = this.monotonic();
    const mark = this.#timers.mark();
    try {
      let timer = this.#timers.take(now, mark);
      for (; timer !== undefined; timer = this.#timers.take(now, mark)) timer.fire();
    } finally {
      this.#firing = false;
      this.#arm(); // also after a throw, so the others still fire if the process survives it
    }
  }
}
