import { epochMs, type EpochMs, type MonotonicMs } from '../core/brand.ts';
import type { Clock } from '../ports/clock.ts';

/** A wall clock this far off is not drift any more. */
const JUMP_MS = 5_000;

/**
 * Instants that do not jump with the wall clock (E1, E2, E5): the wall at the start plus what the monotonic clock counted
 * since. When the service's own time agrees with a wall clock that has moved away, the wall was set right, or this
 * process was suspended: only then is it believed.
 */
export class SteadyTime {
  readonly #clock: Clock;
  #offset: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = clock.wall() - clock.monotonic();
  }

  now(): EpochMs {
    return epochMs(Math.round(this.#clock.monotonic() + this.#offset));
  }

  /** When the monotonic clock will show that instant. */
  due(at: EpochMs): MonotonicMs {
    return (at - this.#offset) as MonotonicMs;
  }

  /** A timestamp of the service, in whole seconds. By how much the clock was corrected; 0 almost always. */
  hear(serviceSeconds: number): number {
    const wall = this.#clock.wall();
    const moved = Math.abs(wall - this.now()) > JUMP_MS;
    if (!moved || Math.abs(wall - serviceSeconds * 1000) > JUMP_MS) return 0;
    const before = this.#offset;
    this.#offset = wall - this.#clock.monotonic();
    return this.#offset - before;
  }
}
