/**
 * Token buckets by name: a mean rate with a burst. Time comes in as milliseconds that never go back.
 *
 * Bounds   At most `namesMax` buckets; full ones say nothing and are forgotten first, so that made-up names cost no memory.
 */
export class Rates {
  readonly #perS: number;
  readonly #burst: number;
  readonly #namesMax: number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor({ perS, burst, namesMax = 10_000 }: { perS: number; burst: number; namesMax?: number }) {
    this.#perS = perS;
    this.#burst = burst;
    this.#namesMax = namesMax;
  }

  /** Takes `count` tokens if there are as many. Otherwise takes none and says after how many milliseconds there will be. */
  take(name: string, now: number, count = 1): number {
    const tokens = this.#tokens(name, now);
    if (tokens < count) return Math.ceil(((Math.min(count, this.#burst) - tokens) / this.#perS) * 1_000);
    this.#put(name, { tokens: tokens - count, at: now });
    return 0;
  }

  /** How long until one can be taken; takes nothing. */
  waitMs(name: string, now: number): number {
    return Math.max(0, Math.ceil(((1 - this.#tokens(name, now)) / this.#perS) * 1_000));
  }

  #tokens(name: string, now: number): number {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return this.#burst;
    return Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1_000) * this.#perS);
  }

  #put(name: string, bucket: { tokens: number; at: number }): void {
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size <= this.#namesMax) return;
    for (const each of this.#buckets.keys()) {
      // The oldest has had the longest time to fill up again.
      this.#buckets.delete(each);
      if (this.#buckets.size <= this.#namesMax) return;
    }
  }
}
