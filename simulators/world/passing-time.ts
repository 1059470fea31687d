import { monotonicMs } from '../../src/core/brand.ts';
import type { Store } from '../ledger/simulated-ledger.ts';
import { settled, type SimulatedClock } from '../time/simulated-clock.ts';
import type { Onlooker } from './onlooker.ts';

/** Moves a run's one clock: by a length, or until an answer is there. */
export class PassingTime {
  readonly #clock: SimulatedClock;
  readonly #store: Store;
  readonly #onlooker: Onlooker;

  constructor(clock: SimulatedClock, store: Store, onlooker: Onlooker) {
    this.#clock = clock;
    this.#store = store;
    this.#onlooker = onlooker;
  }

  /** Since the run began. */
  get nowMs(): number {
    return this.#clock.monotonic();
  }

  after(delayMs: number, action: () => void): void {
    this.#clock.at(monotonicMs(this.nowMs + delayMs), action);
  }

  /** Ends early once the run is over. Time stands still while the store works. */
  async advance(byMs: number): Promise<void> {
    const end = monotonicMs(this.nowMs + byMs);
    await settled();
    while (!this.#onlooker.hasEnough && (await this.#clock.step(end))) {
      while (this.#store.busy > 0) await settled();
      if (this.#onlooker.over) return;
    }
    await this.#clock.advanceTo(end);
  }

  /** Lets virtual time pass until the answer is there. */
  async until<T>(call: Promise<T>): Promise<T> {
    const box: { value?: T; here: boolean } = { here: false };
    void call.then((value) => {
      box.value = value;
      box.here = true;
    });
    await settled();
    while (!box.here) if (!(await this.#clock.step())) throw new Error('an answer that never comes');
    return box.value as T;
  }
}
