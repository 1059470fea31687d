import type { Database, Statement } from 'better-sqlite3';
import { problem } from '../../core/problem.ts';
import { fail, ok } from '../../core/result.ts';
import { ChangeWriter, Stale } from './change-writer.ts';
import { failureOf } from './failure.ts';
import type { Changes, CommitResult } from './group-commit.ts';

/** Called at named places of a batch, for tests that end the process there. */
export type LedgerHook = (place: 'ledger.before_store' | 'ledger.before_sync' | 'ledger.after_sync') => void;

/**
 * Stores batches of commits, each batch one transaction.
 *
 * Nothing in a batch normally fails, so the first attempt stores all of it together: what several commits change is
 * written once, and rows of one table go in with one statement. When one commit has to be left out (a stale revision, or
 * a mistake of ours that breaks one commit and must not break its neighbours), the batch is rolled back and stored again
 * with a savepoint around each.
 */
export class BatchWriter {
  readonly #database: Database;
  readonly #path: string;
  readonly #hook: LedgerHook;
  readonly #sql: Readonly<Record<keyof typeof SQL, Statement>>;
  readonly #changes: ChangeWriter;

  constructor(database: Database, path: string, hook: LedgerHook = () => undefined) {
    this.#database = database;
    this.#path = path;
    this.#hook = hook;
    this.#sql = prepared(database);
    this.#changes = new ChangeWriter(database);
  }

  /** The newest number given to a timeline entry. */
  get sequence(): number {
    return this.#changes.sequence;
  }

  store(batch: readonly Changes[]): readonly CommitResult[] {
    try {
      return this.#transaction(() => this.#changes.write(batch).map((firstSequence) => ok({ firstSequence })));
    } catch (error) {
      if (failureOf(error, this.#path) !== undefined) throw error;
      return this.#transaction(() => batch.map((changes) => this.#writeAlone(changes)));
    }
  }

  #transaction(work: () => readonly CommitResult[]): readonly CommitResult[] {
    const mark = this.#changes.mark();
    try {
      this.#sql.begin.run();
      this.#hook('ledger.before_store');
      const results = work();
      this.#hook('ledger.before_sync');
      this.#sql.commit.run();
      this.#hook('ledger.after_sync');
      return results;
    } catch (error) {
      this.#changes.rollBackTo(mark);
      // Some failures roll back by themselves.
      if (this.#database.inTransaction) this.#sql.rollback.run();
      throw error;
    }
  }

  #writeAlone(changes: Changes): CommitResult {
    const mark = this.#changes.mark();
    this.#sql.savepoint.run();
    try {
      const [firstSequence = 0] = this.#changes.write([changes]);
      this.#sql.release.run();
      return ok({ firstSequence });
    } catch (error) {
      if (failureOf(error, this.#path) !== undefined) throw error;
      this.#changes.rollBackTo(mark);
      this.#sql.rollbackTo.run();
      this.#sql.release.run();
      return error instanceof Stale
        ? fail(problem('ledger_stale', 'a newer revision of the command is stored', { at: error.message }))
        : fail(problem('internal', 'the ledger cannot store this', { cause: error }));
    }
  }
}

function prepared(database: Database): Record<keyof typeof SQL, Statement> {
  const statements = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(statements) as Record<keyof typeof SQL, Statement>;
}

const SQL = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  savepoint: 'SAVEPOINT one',
  release: 'RELEASE one',
  rollbackTo: 'ROLLBACK TO one',
} as const;
