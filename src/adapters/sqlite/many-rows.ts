import type { Database, Statement } from 'better-sqlite3';

export type Value = string | number | null;

/** Statements for many rows are prepared for these numbers of them; what is left over takes the next smaller one. */
const SIZES = [32, 8, 2, 1];

/**
 * `INSERT … VALUES (…), (…)`: most of what a small row costs is the call into SQLite, not the row. `OR FAIL`, because
 * whoever calls rolls back further than the statement; otherwise SQLite keeps a copy of every page that it changes.
 */
export class ManyRows {
  readonly #columns: number;
  readonly #statements: readonly { readonly rows: number; readonly statement: Statement }[];

  constructor(database: Database, into: string, columns: number, onConflict = '') {
    this.#columns = columns;
    const row = `(${Array<string>(columns).fill('?').join(', ')})`;
    this.#statements = SIZES.map((rows) => ({
      rows,
      statement: database.prepare(
        `INSERT OR FAIL INTO ${into} VALUES ${Array<string>(rows).fill(row).join(', ')} ${onConflict}`,
      ),
    }));
  }

  /** The values of all rows, one after the other. */
  insert(values: readonly Value[]): void {
    let at = 0;
    for (const { rows, statement } of this.#statements) {
      const step = rows * this.#columns;
      for (; values.length - at >= step; at += step) statement.run(values.slice(at, at + step));
    }
  }
}
