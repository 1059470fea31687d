import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { ShadowName, ThingName } from '../../src/core/brand.ts';
import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { parseDumpEntry, entryOf, type DumpEntry } from './shadow-dump.ts';
import { dumpEntryOf } from './shadow-dump.ts';
import { MemoryShadowStore, type ShadowEntry, type ShadowStore } from './shadow-store.ts';

const SCHEMA = `
  create table if not exists shadows (
    key text primary key,
    entry text not null
  ) without rowid;
`;

/**
 * Shadows in memory, written through to a SQLite file before anything is answered. A killed process loses nothing that it
 * had answered; a power cut may lose the last moments (the local cloud is no database of record).
 */
export class SqliteShadowStore implements ShadowStore {
  readonly #memory = new MemoryShadowStore();
  readonly #database: Database.Database;
  readonly #upsert: Database.Statement<[string, string]>;
  readonly #delete: Database.Statement<[string]>;
  readonly #deleteAll: Database.Statement<[]>;

  private constructor(database: Database.Database) {
    this.#database = database;
    this.#upsert = database.prepare(
      'insert into shadows (key, entry) values (?, ?) on conflict (key) do update set entry = excluded.entry',
    );
    this.#delete = database.prepare('delete from shadows where key = ?');
    this.#deleteAll = database.prepare('delete from shadows');
  }

  /** Opens or creates `shadows.db` in `directory`. Only one process may have it open. */
  static open(directory: string): Result<SqliteShadowStore> {
    const path = join(directory, 'shadows.db');
    let database: Database.Database | undefined;
    try {
      mkdirSync(directory, { recursive: true });
      database = new Database(path, { timeout: 0 });
      database.pragma('locking_mode = exclusive');
      database.pragma('journal_mode = wal');
      database.pragma('synchronous = normal');
      database.exec(SCHEMA);
      const store = new SqliteShadowStore(database);
      const loaded = store.#load(path);
      if (!loaded.ok) database.close();
      return loaded.ok ? ok(store) : loaded;
    } catch (error) {
      database?.close();
      const busy = (error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true;
      const why = busy ? 'another process has it open' : (error as Error).message;
      return fail(problem('invalid_config', `cannot open ${path}: ${why}`, { at: path, cause: error }));
    }
  }

  entry(ref: ShadowRef): ShadowEntry | undefined {
    return this.#memory.entry(ref);
  }

  put(entry: ShadowEntry): void {
    this.#upsert.run(shadowKey(entry.ref), JSON.stringify(dumpEntryOf(entry)));
    this.#memory.put(entry);
  }

  remove(ref: ShadowRef): void {
    this.#delete.run(shadowKey(ref));
    this.#memory.remove(ref);
  }

  entries(): Iterable<ShadowEntry> {
    return this.#memory.entries();
  }

  names(thingName: ThingName): ShadowName[] {
    return this.#memory.names(thingName);
  }

  clear(): void {
    this.#deleteAll.run();
    this.#memory.clear();
  }

  close(): void {
    this.#database.close();
  }

  #load(path: string): Result<void> {
    const rows = this.#database.prepare('select entry from shadows').all() as { entry: string }[];
    for (const row of rows) {
      const parsed = parseDumpEntry(JSON.parse(row.entry) as DumpEntry);
      if (!parsed.ok) return fail({ ...parsed.problem, at: path });
      this.#memory.put(entryOf(parsed.value));
    }
    return ok(undefined);
  }
}
