import { lineOf, type Sighting } from './sighting.ts';

/**
 * The run as one number: every sighting with its time is folded into 64 bits, so that two runs of one seed can be told
 * to be the same. Lines are kept only when asked for.
 */
export class Trace {
  readonly lines: string[] | undefined;
  #high = 0x811c9dc5;
  #low = 0x9747b28c;
  #count = 0;

  constructor({ keep }: { keep: boolean }) {
    this.lines = keep ? [] : undefined;
  }

  add(atMs: number, sighting: Sighting): void {
    this.#count += 1;
    const line = `${atMs} ${lineOf(sighting)}`;
    this.lines?.push(line);
    let high = this.#high;
    let low = this.#low;
    for (let at = 0; at < line.length; at++) {
      const unit = line.charCodeAt(at);
      high = Math.imul(high ^ unit, 0x01000193);
      low = Math.imul(low ^ unit, 0x85ebca6b) + (high >>> 16);
    }
    this.#high = high;
    this.#low = low | 0;
  }

  /** A line for people; no part of the hash. */
  note(line: string): void {
    this.lines?.push(line);
  }

  get count(): number {
    return this.#count;
  }

  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0');
  }
}
