import type { Database, Statement } from 'better-sqlite3';
import type { Value } from './many-rows.ts';

/** Statements whose text is put together from fixed pieces: prepared once each, and few (no values in the text). */
export class StatementCache {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  all<Row>(sql: string, values: readonly Value[]): readonly Row[] {
    return this.#prepared(sql).all(...values) as Row[];
  }

  /** The first column of every row. */
  column<T>(sql: string, values: readonly Value[]): readonly T[] {
    return this.#prepared(sql)
      .pluck()
      .all(...values) as T[];
  }

  /** The first column of the first row. */
  pluck<T>(sql: string, values: readonly Value[]): T | undefined {
    const row = this.#prepared(sql)
      .raw()
      .get(...values) as [T] | undefined;
    return row?.[0];
  }

  run(sql: string, values: readonly Value[]): number {
    return this.#prepared(sql).run(...values).changes;
  }

  #prepared(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
