import { randomBytes } from 'node:crypto';
import type { Random } from '../../ports/random.ts';

/** Identifiers are drawn in small pieces; a call for each would cost, and so would a large pool in each of 5,000 devices. */
const POOL_BYTES = 512;

/** Randomness from `node:crypto`, fetched in blocks; a byte is handed out once. */
export class SystemRandom implements Random {
  #pool = new Uint8Array(0);
  #used = 0;

  fraction(): number {
    this.#need(7);
    // 53 bits, all that a double holds below 1.
    let value = this.#take() & 0x1f;
    for (let at = 1; at < 7; at++) value = value * 256 + this.#take();
    return value / 2 ** 53;
  }

  bytes(count: number): Uint8Array {
    if (count > POOL_BYTES) return new Uint8Array(randomBytes(count));
    this.#need(count);
    const taken = new Uint8Array(count);
    for (let at = 0; at < count; at++) taken[at] = this.#take();
    return taken;
  }

  #need(count: number): void {
    if (this.#used + count <= this.#pool.length) return;
    this.#pool = new Uint8Array(randomBytes(POOL_BYTES));
    this.#used = 0;
  }

  /** What was handed out is not kept here. */
  #take(): number {
    const byte = this.#pool[this.#used] ?? 0;
    this.#pool[this.#used] = 0;
    this.#used += 1;
    return byte;
  }
}
