import { join } from 'node:path';
import { TextTable } from '../../src/adapters/sqlite/text-table.ts';
import type { ShadowName, ThingName } from '../../src/core/brand.ts';
import { problem } from '../../src/core/problem.ts';
import { done, fail, ok, type Result } from '../../src/core/result.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { dumpEntryOf, entryOf, parseDumpEntry } from './shadow-dump.ts';
import { MemoryShadowStore, type ShadowEntry, type ShadowStore } from './shadow-store.ts';

/**
 * Shadows in memory, written through to a file before anything is answered: a killed process loses nothing that it had
 * answered.
 */
export class FileShadowStore implements ShadowStore {
  readonly #memory = new MemoryShadowStore();
  readonly #file: TextTable;

  private constructor(file: TextTable) {
    this.#file = file;
  }

  /** Opens or creates `shadows.db` in `directory`. */
  static async open(directory: string): Promise<Result<FileShadowStore>> {
    const path = join(directory, 'shadows.db');
    const file = await TextTable.open(path);
    if (!file.ok) return file;
    const store = new FileShadowStore(file.value);
    const loaded = store.#load(path);
    if (loaded.ok) return ok(store);
    file.value.close();
    return loaded;
  }

  entry(ref: ShadowRef): ShadowEntry | undefined {
    return this.#memory.entry(ref);
  }

  put(entry: ShadowEntry): void {
    this.#file.put(shadowKey(entry.ref), JSON.stringify(dumpEntryOf(entry)));
    this.#memory.put(entry);
  }

  remove(ref: ShadowRef): void {
    this.#file.delete(shadowKey(ref));
    this.#memory.remove(ref);
  }

  entries(): Iterable<ShadowEntry> {
    return this.#memory.entries();
  }

  names(thingName: ThingName): ShadowName[] {
    return this.#memory.names(thingName);
  }

  clear(): void {
    this.#file.clear();
    this.#memory.clear();
  }

  close(): void {
    this.#file.close();
  }

  #load(path: string): Result<void> {
    for (const text of this.#file.texts()) {
      const parsed = parseDumpEntry(jsonOf(text));
      if (!parsed.ok) return fail(problem('invalid_config', `${path} is damaged: ${parsed.problem.message}`));
      this.#memory.put(entryOf(parsed.value));
    }
    return done;
  }
}

/** Undefined, which is no shadow, for a text that is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
