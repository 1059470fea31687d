import { randomBytes } from 'node:crypto';
import type { Random } from '../../ports/random.ts';

/** Identifiers are drawn in small pieces; a call for each would cost, and so would a large pool in each of 5,000 devices. */
const POOL_BYTES = 512;

/** Randomness from `node:crypto`, fetched in blocks; a byte is handed out once. */
export class SystemRandom implements Random {
  #pool = new Uint8Array(0);
  #used = 0;

  fraction(): number {
    const bytes = this.bytes(7);
    // 53 bits, all that a double holds below 1.
    let value = (bytes[0] ?? 0) & 0x1f;
    for (let at = 1; at < 7; at++) value = value * 256 + (bytes[at] ?? 0);
    return value / 2 ** 53;
  }

  bytes(count: number): Uint8Array {
    if (count > POOL_BYTES) return new Uint8Array(randomBytes(count));
    if (this.#used + count > this.#pool.length) {
      this.#pool = new Uint8Array(randomBytes(POOL_BYTES));
      this.#used = 0;
    }
    const taken = this.#pool.slice(this.#used, this.#used + count);
    this.#pool.fill(0, this.#used, this.#used + count); // what was handed out is not kept here
    this.#used += count;
    return taken;
  }
}
