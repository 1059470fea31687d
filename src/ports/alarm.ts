import type { MonotonicMs } from '../core/brand.ts';
import type { Cancel, Clock } from './clock.ts';

/** One timer for whoever has something to look at next. After it rang it is not set. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #set: { readonly due: MonotonicMs; readonly cancel: Cancel } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** At `due` and at no other time; undefined: not at all. */
  at(due: MonotonicMs | undefined): void {
    const before = this.#set;
    if (due === before?.due) return;
    if (due === undefined) return this.cancel();
    const cancel = this.#clock.at(due, () => {
      this.#set = undefined;
      this.#ring();
    });
    this.#set = { due, cancel };
    // Only now: a clock without any timer in between would let go of its own and set it again.
    before?.cancel();
  }

  /** At `due` or before: for those to whom a look too early costs nothing but the look. */
  by(due: MonotonicMs): void {
    if (this.#set === undefined || due < this.#set.due) this.at(due);
  }

  cancel(): void {
    this.#set?.cancel();
    this.#set = undefined;
  }
}
