import type { JsonObject } from '../../core/json/json.ts';
import { done, ok, type Result } from '../../core/result.ts';
import type { Journal, JournalContent } from '../../ports/journal.ts';

/**
 * A journal for devices that have nowhere to write, and for thousands of simulated ones in one process. What it holds
 * lives as long as the object: give it to the next start of the same device to simulate a reboot.
 */
export class MemoryJournal implements Journal {
  #records: Map<string, JsonObject> | undefined;

  open(): Promise<Result<JournalContent>> {
    return Promise.resolve(ok({ records: new Map(this.#records) }));
  }

  write(key: string, record: JsonObject | null): Promise<Result<void>> {
    this.#records ??= new Map();
    if (record === null) this.#records.delete(key);
    else this.#records.set(key, record);
    return DONE;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const DONE = Promise.resolve(done);
