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
  #waiting: (() => void)[] = [];

  constructor() {
    for (let at = 0; at < PAGES; at++) writeSync(this.#file, this.#page, 0, this.#page.length, at * this.#page.length);
    fdatasyncSync(this.#file);
  }

  once(): void {
    this.#write();
    fdatasyncSync(this.#file);
  }

  /** A page for each who asks, and one fdatasync for all who asked in the same turn of the event loop: group commit. */
  together(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const asked = this.#waiting;
    this.#waiting = [];
    for (let left = asked.length; left > 0; left--) this.#write();
    fdatasyncSync(this.#file);
    for (const resolve of asked) resolve();
  }

  #write(): void {
    writeSync(this.#file, this.#page, 0, this.#page.length, (this.#next++ % PAGES) * this.#page.length);
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
