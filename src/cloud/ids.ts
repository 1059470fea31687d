import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';

/**
 * UUIDv7s (RFC 9562): 48 bits of time, then a counter that never goes back inside this process, then randomness. They
 * sort in the order they were made, also within a millisecond and when the wall clock steps back.
 */
export class Ids {
  readonly #clock: Clock;
  readonly #random: Random;
  #lastMs = 0;
  #counter = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  next(): string {
    const wall = this.#clock.wall();
    if (wall > this.#lastMs) {
      this.#lastMs = wall;
      this.#counter = 0;
    } else {
      this.#counter += 1;
      if (this.#counter > COUNTER_MAX) {
        this.#lastMs += 1;
        this.#counter = 0;
      }
    }
    const time = this.#lastMs.toString(16).padStart(12, '0');
    const counter = this.#counter.toString(16).padStart(3, '0');
    const random = hex(this.#random.bytes(8));
    const variant = ((parseInt(random[0] ?? '0', 16) & 0x3) | 0x8).toString(16);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${variant}${random.slice(1, 4)}-${random.slice(4)}`;
  }
}

const COUNTER_MAX = 0xfff;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 16 digits of 8 bytes; the last group of a UUID needs 12 of them after the first 4. */
function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte] ?? '00';
  return text;
}
