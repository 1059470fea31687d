import { epochMs, type EpochMs } from '../../src/core/brand.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** What a machine believes the time to be: the true time with an offset, a drift, and jumps. Survives its processes. */
export class WallClock {
  readonly #master: Clock;
  #base: number;
  #since: number;
  /** 1.1 runs a tenth too fast. */
  #rate: number;

  constructor(master: Clock, { offsetMs = 0, rate = 1 }: { offsetMs?: number; rate?: number } = {}) {
    this.#master = master;
    this.#base = master.wall() + offsetMs;
    this.#since = master.monotonic();
    this.#rate = rate;
  }

  now(): EpochMs {
    return epochMs(Math.round(this.#base + (this.#master.monotonic() - this.#since) * this.#rate));
  }

  /** No system takes a time before 1970. */
  jump(byMs: number): void {
    this.#set(Math.max(0, this.now() + byMs), this.#rate);
  }

  /** Somebody set it right; it keeps good time from here on. */
  repair(): void {
    this.#set(this.#master.wall(), 1);
  }

  #set(now: number, rate: number): void {
    this.#base = now;
    this.#since = this.#master.monotonic();
    this.#rate = rate;
  }
}
