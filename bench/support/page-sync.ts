import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PAGES = 256;

/** What a durable commit costs at the least: a page written into a file that is there already, as a write-ahead log does, and one fdatasync. */
export class PageSync {
  readonly #folder = mkdtempSync(join(tmpdir(), 'bench-sync-'));
  readonly #file = openSync(join(this.#folder, 'file'), 'w+');
  readonly #page = Buffer.alloc(4096, 1);
  #next = 0;

  constructor() {
    for (let at = 0; at < PAGES; at++) writeSync(this.#file, this.#page, 0, this.#page.length, at * this.#page.length);
    fdatasyncSync(this.#file);
  }

  once(): void {
    writeSync(this.#file, this.#page, 0, this.#page.length, (this.#next++ % PAGES) * this.#page.length);
    fdatasyncSync(this.#file);
  }

  /** One right after the other; milliseconds each. */
  run(count: number): number[] {
    return Array.from({ length: count }, () => {
      const beganMs = performance.now();
      this.once();
      return performance.now() - beganMs;
    });
  }

  close(): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true });
  }
}
