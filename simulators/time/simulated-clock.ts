import { TimerQueue } from '../../src/adapters/system/timer-queue.ts';
import { assert } from '../../src/core/assert.ts';
import { epochMs, monotonicMs, type EpochMs, type MonotonicMs } from '../../src/core/brand.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';

/** Friday, 1 January 2027, 00:00 UTC: an instant that no test mistakes for a length. */
export const SIMULATION_START = epochMs(1_798_761_600_000);

/** A timer that re-arms itself for now would spin for ever; no honest program sets this many for one instant. */
const FIRINGS_PER_INSTANT_MAX = 100_000;

/**
 * Time that moves only when told. `advance` fires timers one by one, earliest first, ties in the order they were set,
 * with `monotonic()` at each timer's own due time and promises settled in between: a clock that jumps to the end and
 * then fires hides bugs.
 */
export class SimulatedClock implements Clock {
  readonly #timers = new TimerQueue();
  #now = monotonicMs(0);
  #firingsNow = 0;
  #wallAtZero: number;
  readonly #settle: () => Promise<void>;

  constructor(startAt: EpochMs = SIMULATION_START, settle: () => Promise<void> = settled) {
    this.#wallAtZero = startAt;
    this.#settle = settle;
  }

  wall(): EpochMs {
    return epochMs(this.#wallAtZero + this.#now);
  }

  monotonic(): MonotonicMs {
    return this.#now;
  }

  at(due: MonotonicMs, fire: () => void): Cancel {
    return this.#timers.add(due, fire);
  }

  /** Timers set and neither fired nor cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** The wall clock is set, by somebody or by NTP; measuring and timers do not notice. */
  setWall(to: EpochMs): void {
    this.#wallAtZero = to - this.#now;
  }

  async advance(byMs: number): Promise<void> {
    await this.advanceTo(monotonicMs(this.#now + byMs));
  }

  async advanceTo(end: MonotonicMs): Promise<void> {
    await settled();
    while (await this.step(end)) {
      // one timer, then whatever it set off
    }
    this.#now = monotonicMs(Math.max(this.#now, end));
  }

  /** Fires the earliest timer that is due by `end` and settles what it started. False when there was none. */
  async step(end: MonotonicMs = monotonicMs(Infinity)): Promise<boolean> {
    const timer = this.#timers.take(end);
    if (timer === undefined) return false;
    this.#firingsNow = timer.due > this.#now ? 1 : this.#firingsNow + 1;
    assert(this.#firingsNow <= FIRINGS_PER_INSTANT_MAX, 'timers let time go on');
    // A timer set for the past fires now: time never goes back.
    this.#now = monotonicMs(Math.max(this.#now, timer.due));
    timer.fire();
    await this.#settle();
    return true;
  }

  /**
   * The same time with a wall clock of its own: a device whose clock is wrong. Its monotonic clock and timers are
   * these.
   */
  withWall(startAt: EpochMs): Clock & { setWall(to: EpochMs): void } {
    let wallAtZero = startAt - this.#now;
    return {
      wall: () => epochMs(wallAtZero + this.#now),
      monotonic: () => this.#now,
      at: (due, fire) => this.at(due, fire),
      setWall: (to) => {
        wallAtZero = to - this.#now;
      },
    };
  }
}

/** A turn of the event loop comes only after all microtasks, however long their chain. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** So many waits may pass before the event loop gets its turn, in which a rejection that nobody handled comes up. */
const WAITS_PER_TURN = 16;

/**
 * As `settled`, for programs that wait for nothing but promises and simulated ports: a tick too comes after all
 * microtasks and costs a quarter.
 */
export function settlesQuickly(): () => Promise<void> {
  let waits = 0;
  return () => {
    waits += 1;
    return waits % WAITS_PER_TURN === 0 ? settled() : new Promise((resolve) => process.nextTick(resolve));
  };
}
