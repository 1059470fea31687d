import type { JsonObject } from '../../src/core/json/json.ts';
import { problem } from '../../src/core/problem.ts';
import { done, fail, ok, type Result } from '../../src/core/result.ts';
import type { Journal, JournalContent } from '../../src/ports/journal.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Coverage } from '../world/coverage.ts';
import type { Failpoint } from './failpoints.ts';
import type { Process } from './process.ts';

/** What a device keeps through a power cut. `cached` was written but not synced: after a cut nobody knows. */
export class Disk {
  readonly #random: SeededRandom;
  readonly #coverage: Coverage;
  /** As text, as a disk has it. */
  readonly #durable = new Map<string, string>();
  #cached: { readonly key: string; readonly text: string | undefined }[] = [];
  #damaged = 0;
  full = false;

  constructor(random: SeededRandom, coverage: Coverage) {
    this.#random = random;
    this.#coverage = coverage;
  }

  write(key: string, record: JsonObject | null): void {
    this.#cached.push({ key, text: record === null ? undefined : JSON.stringify(record) });
  }

  sync(): void {
    for (const { key, text } of this.#cached.splice(0)) {
      if (text === undefined) this.#durable.delete(key);
      else this.#durable.set(key, text);
    }
  }

  /** Power goes: of what was not synced any number of the first writes survives, the next one may be cut in the middle. */
  cut(): void {
    const waiting = this.#cached.splice(0);
    if (waiting.length === 0) return;
    const kept = this.#random.integer(0, waiting.length);
    this.#cached = waiting.slice(0, kept);
    this.sync();
    if (kept < waiting.length) {
      this.#damaged += 1;
      this.#coverage.hit('device.journalLost');
    }
  }

  read(): { records: Map<string, JsonObject>; damaged: number } {
    const damaged = this.#damaged;
    this.#damaged = 0;
    const texts = new Map(this.#durable);
    for (const { key, text } of this.#cached) {
      if (text === undefined) texts.delete(key);
      else texts.set(key, text);
    }
    const records = new Map([...texts].map(([key, text]) => [key, JSON.parse(text) as JsonObject]));
    return { records, damaged };
  }
}

/** The journal port over a simulated disk. */
export class SimulatedJournal implements Journal {
  readonly #disk: Disk;
  readonly #process: Process;
  readonly #random: SeededRandom;
  readonly #coverage: Coverage;
  readonly #dies: (point: Failpoint) => boolean;

  constructor(options: {
    readonly disk: Disk;
    readonly process: Process;
    readonly random: SeededRandom;
    readonly coverage: Coverage;
    readonly dies: (point: Failpoint) => boolean;
  }) {
    this.#disk = options.disk;
    this.#process = options.process;
    this.#random = options.random;
    this.#coverage = options.coverage;
    this.#dies = options.dies;
  }

  async open(): Promise<Result<JournalContent>> {
    await this.#process.sleep(1);
    const { records, damaged } = this.#disk.read();
    return ok({ records, ...(damaged > 0 ? { damage: { entriesLost: damaged, bytesLost: damaged * 17 } } : {}) });
  }

  async write(
    key: string,
    record: JsonObject | null,
    { durable }: { readonly durable: boolean },
  ): Promise<Result<void>> {
    if (this.#dies('device.beforeJournal')) return never();
    if (!this.#process.alive) return never();
    if (this.#disk.full) {
      this.#coverage.hit('device.journalFull');
      await this.#process.sleep(1);
      return fail(problem('journal_unavailable', 'no space left on device'));
    }
    this.#disk.write(key, record);
    if (!durable) return done;
    if (this.#dies('device.tornJournal')) return never();
    await this.#process.sleep(this.#random.integer(1, 3));
    this.#disk.sync();
    if (this.#dies('device.afterJournal')) return never();
    return done;
  }

  async close(): Promise<void> {
    await this.#process.sleep(1);
    this.#disk.sync();
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
