import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database, Statement } from 'better-sqlite3';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { loadSqlite } from './native.ts';

/**
 * A file of texts by key, for programs that keep a little of their own, such as the local cloud. What `put` wrote is
 * there after the process was killed; a power cut may cost the last moments.
 *
 * One process at a time: the file stays locked while it is open.
 */
export class TextTable {
  readonly #database: Database;
  readonly #put: Statement<[string, string]>;
  readonly #delete: Statement<[string]>;
  readonly #clear: Statement<[]>;

  private constructor(database: Database) {
    this.#database = database;
    this.#put = database.prepare(
      'insert into texts (key, text) values (?, ?) on conflict (key) do update set text = excluded.text',
    );
    this.#delete = database.prepare('delete from texts where key = ?');
    this.#clear = database.prepare('delete from texts');
  }

  /** Creates the file and its folder if need be. */
  static async open(path: string): Promise<Result<TextTable>> {
    const sqlite = await loadSqlite();
    if (!sqlite.ok) return sqlite;
    let database: Database | undefined;
    try {
      mkdirSync(dirname(path), { recursive: true });
      database = new sqlite.value(path, { timeout: 0 });
      database.pragma('locking_mode = exclusive');
      database.pragma('journal_mode = wal');
      database.pragma('synchronous = normal');
      database.exec('create table if not exists texts (key text primary key, text text not null) without rowid');
      return ok(new TextTable(database));
    } catch (error) {
      database?.close();
      const busy = (error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true;
      const why = busy ? 'another process has it open' : (error as Error).message;
      return fail(problem('invalid_config', `cannot open ${path}: ${why}`, { at: path, cause: error }));
    }
  }

  put(key: string, text: string): void {
    this.#put.run(key, text);
  }

  delete(key: string): void {
    this.#delete.run(key);
  }

  clear(): void {
    this.#clear.run();
  }

  texts(): string[] {
    const rows = this.#database.prepare('select text from texts').all() as { text: string }[];
    return rows.map(({ text }) => text);
  }

  close(): void {
    this.#database.close();
  }
}
