import type { Client } from 'aedes';
import type { EpochMs } from '../../src/core/brand.ts';

interface Bucket {
  left: number;
  at: EpochMs;
}

/** Messages a second of one connection, each way on its own; a second's worth may come at once. What is too much is discarded. */
export class MessageRate {
  readonly #perSecond: number;
  readonly #now: () => EpochMs;
  readonly #buckets = { in: new WeakMap<Client, Bucket>(), out: new WeakMap<Client, Bucket>() };

  constructor(perSecond: number, now: () => EpochMs) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  take(client: Client, way: 'in' | 'out'): boolean {
    const now = this.#now();
    let bucket = this.#buckets[way].get(client);
    if (bucket === undefined) this.#buckets[way].set(client, (bucket = { left: this.#perSecond, at: now }));
    bucket.left = Math.min(this.#perSecond, bucket.left + (Math.max(0, now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }
}
