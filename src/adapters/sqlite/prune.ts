import type { Database } from 'better-sqlite3';
import type { EpochMs } from '../../core/brand.ts';
import type { Write } from '../../core/command/write.ts';
import { fromBody, PLACED_THROUGH } from './rows.ts';
import { StatementCache } from './statement-cache.ts';

interface EndedRow {
  readonly number: number;
  readonly id: string;
  readonly thing: string;
  readonly shadow: string;
}

/**
 * Retention, one small transaction per call, so that nobody waits long behind it. A command stays while an
 * unacknowledged drift entry points at it or its `onEnd` is still to be done. A write goes with the last of its commands. The file does not shrink: freed
 * pages are used again.
 */
export class Pruner {
  readonly #sql: StatementCache;
  readonly #prune: (endedBefore: EpochMs, limit: number, sequence: number) => number;

  constructor(database: Database) {
    this.#sql = new StatementCache(database);
    this.#prune = database.transaction((endedBefore: EpochMs, limit: number, sequence: number) =>
      this.#inTransaction(endedBefore, limit, sequence),
    ).immediate;
  }

  /** `sequence` is the newest timeline number given out; it is kept, since its entry may go. */
  prune(endedBefore: EpochMs, limit: number, sequence: number): number {
    return this.#prune(endedBefore, limit, sequence);
  }

  #inTransaction(endedBefore: EpochMs, limit: number, sequence: number): number {
    const rows = this.#sql.all<EndedRow>(
      `SELECT number, id, thing, shadow FROM command INDEXED BY command_ended
       WHERE ended_at < ? AND coalesce(state, body) ->> '$.endResult' IS NOT 'not_yet' AND NOT EXISTS (
         SELECT 1 FROM drift WHERE ended_command = command.id AND acknowledged = 0)
       ORDER BY ended_at LIMIT ?`,
      [endedBefore, limit],
    );
    if (rows.length === 0) return 0;
    this.#keep('sequence', sequence);
    for (const { number, id, thing } of rows) {
      this.#keep('pruned_through', this.#newestOf(id));
      this.#sql.run('DELETE FROM timeline WHERE command = ?', [id]);
      this.#sql.run('DELETE FROM idempotency WHERE command = ?', [id]);
      this.#sql.run('DELETE FROM command WHERE number = ?', [number]);
      this.#sql.run('DELETE FROM thing_command WHERE thing_name = ? AND command_id = ?', [thing, id]);
    }
    // The number of the newest command is given again if it went.
    this.#sql.run(
      `UPDATE meta SET value = min(value, coalesce((SELECT max(number) FROM command), 0)) WHERE key = 'placed_through'`,
      [],
    );
    for (const { id } of rows) this.#pruneWrites(id);
    this.#sql.run("DELETE FROM write WHERE command = '' AND open = 0", []);
    const shadows = new Map(rows.map(({ thing, shadow }) => [`${thing}/${shadow}`, [thing, shadow]]));
    for (const key of shadows.values()) this.#tidyShadow(key);
    return rows.length;
  }

  #pruneWrites(commandId: string): void {
    const sql = 'SELECT id, body FROM write WHERE command = ?';
    for (const { id, body } of this.#sql.all<{ id: string; body: string }>(sql, [commandId])) {
      const heir = fromBody<Write>(body).commandIds.find((each) => this.#exists(each));
      if (heir === undefined) this.#sql.run('DELETE FROM write WHERE id = ?', [id]);
      else this.#sql.run('UPDATE write SET command = ? WHERE id = ?', [heir, id]);
    }
  }

  #tidyShadow(key: readonly string[]): void {
    this.#sql.run(
      `DELETE FROM shadow WHERE thing = ? AND shadow = ? AND view IS NULL
       AND NOT EXISTS (SELECT 1 FROM thing_command CROSS JOIN command USING (number)
                       WHERE thing_name = shadow.thing AND command.shadow = shadow.shadow)
       AND NOT EXISTS (SELECT 1 FROM command WHERE number > ${PLACED_THROUGH}
                       AND command.thing = shadow.thing AND command.shadow = shadow.shadow)`,
      key,
    );
  }

  #newestOf(id: string): number {
    return this.#sql.pluck<number | null>('SELECT max(sequence) FROM timeline WHERE command = ?', [id]) ?? 0;
  }

  #keep(key: 'sequence' | 'pruned_through', value: number): void {
    const sql = 'INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)';
    this.#sql.run(sql, [key, value]);
  }

  #exists(commandId: string): boolean {
    return this.#sql.pluck('SELECT 1 FROM command WHERE id = ?', [commandId]) !== undefined;
  }
}
