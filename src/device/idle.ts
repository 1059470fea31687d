import { monotonicMs } from '../core/brand.ts';
import type { Clock } from '../ports/clock.ts';

/** Waits for work under way to end, when a device stops. Whoever works says `look` after each change. */
export class Idle {
  readonly #clock: Clock;
  readonly #isBusy: () => boolean;
  #waiting: (() => void) | undefined;

  constructor(clock: Clock, isBusy: () => boolean) {
    this.#clock = clock;
    this.#isBusy = isBusy;
  }

  /** Settles when nothing is under way, or when the grace is over. */
  within(graceMs: number): Promise<void> {
    if (!this.#isBusy()) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.at(monotonicMs(this.#clock.monotonic() + graceMs), resolve);
      this.#waiting = () => {
        if (this.#isBusy()) return;
        cancel();
        resolve();
      };
    });
  }

  look(): void {
    this.#waiting?.();
  }
}
