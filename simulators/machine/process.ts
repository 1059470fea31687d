import { monotonicMs, type MonotonicMs } from '../../src/core/brand.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { WallClock } from './wall-clock.ts';

/**
 * One life of one program. Everything that reaches the code under test goes through it, so that a kill or a pause looks
 * from inside as it does on a real machine: after a kill no timer fires, no handler runs and no promise of a port
 * settles; while paused nothing runs, and what came due meanwhile runs on resume, in order, once.
 */
export class Process {
  readonly name: string;
  readonly clock: Clock;
  readonly #master: Clock;
  readonly #onKill: (() => void)[] = [];
  readonly #shift: number;
  #alive = true;
  #paused = false;
  #waiting: (() => void)[] = [];
  #timers = 0;

  constructor(options: {
    readonly name: string;
    readonly master: Clock;
    readonly wall: WallClock;
    /** What this process's monotonic clock shows at its start: it means nothing after a restart. */
    readonly originMs: number;
  }) {
    const { name, master, wall, originMs } = options;
    this.#shift = originMs - master.monotonic();
    this.name = name;
    this.#master = master;
    this.clock = {
      wall: () => wall.now(),
      monotonic: () => monotonicMs(master.monotonic() + this.#shift),
      // Whole milliseconds, as real timers: with fractions the way there and back would round, and fire early.
      at: (due, fire) => this.#at(monotonicMs(Math.ceil(due) - this.#shift), fire),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Timers set and neither fired nor cancelled. */
  get timers(): number {
    return this.#timers;
  }

  /** Runs now, or on resume; never after a kill. */
  run(action: () => void): void {
    if (!this.#alive) return;
    if (this.#paused) this.#waiting.push(action);
    else action();
  }

  after(delayMs: number, action: () => void): Cancel {
    return this.#at(monotonicMs(this.#master.monotonic() + delayMs), action);
  }

  /** Resolves after the delay; never if the process is gone by then. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  onKill(action: () => void): void {
    this.#onKill.push(action);
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#waiting = [];
    for (const action of this.#onKill.splice(0)) action();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // One turn each, as an event loop would: promises settle in between.
    for (const action of this.#waiting.splice(0)) this.#master.at(this.#master.monotonic(), () => this.run(action));
  }

  #at(due: MonotonicMs, fire: () => void): Cancel {
    if (!this.#alive) return () => undefined;
    let open = true;
    this.#timers += 1;
    const close = (): boolean => {
      if (!open) return false;
      open = false;
      this.#timers -= 1;
      return true;
    };
    const cancel = this.#master.at(due, () => {
      this.run(() => {
        if (close()) fire();
      });
    });
    return () => {
      if (close()) cancel();
    };
  }
}
