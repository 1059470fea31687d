import type { EpochMs, MonotonicMs } from '../core/brand.ts';

/** Takes back what was arranged. Calling it twice, or after the fact, does nothing. */
export type Cancel = () => void;

/**
 * Time. Implementations promise: `fire` runs exactly once, no earlier than `due`, never inside the call to `at`, in the
 * order of due times (ties in the order they were set), and any distance works: timers beyond 2^31 ms are re-armed.
 */
export interface Clock {
  /** Can jump. For instants that people or other machines read. */
  wall(): EpochMs;
  /** Never goes back. For measuring and for timers. */
  monotonic(): MonotonicMs;
  at(due: MonotonicMs, fire: () => void): Cancel;
}
