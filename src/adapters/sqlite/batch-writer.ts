import { statfsSync } from 'node:fs';
import type { Database, Statement } from 'better-sqlite3';
import type { CommandId } from '../../core/brand.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok } from '../../core/result.ts';
import type { IdempotencyRecord } from '../../ports/ledger.ts';
import { ChangeWriter, Stale, STALE, type OnDrift } from './change-writer.ts';
import { failureOf } from './failure.ts';
import type { Changes, CommitResult } from './group-commit.ts';
import { Intake } from './intake.ts';

/** Named places of a batch, for tests that end the process there. */
export type LedgerPlace =
  'ledger.before_store' | 'ledger.before_sync' | 'ledger.after_sync' | 'ledger.before_filing' | 'ledger.after_filing';

export type LedgerHook = (place: LedgerPlace) => void;

/** A batch of up to so many changes is small: about eight new commands. Larger ones gain nothing by waiting for others. */
const SMALL = 32;
/** How far from full the file and its disk must be for a commit to be acknowledged before it stands in the tables. */
const ROOM_PAGES = 2_000;
const ROOM_BYTES = ROOM_PAGES * 4_096;
/** How many small batches go by between two looks at the room. */
const ROOM_BATCHES = 64;

/**
 * Stores batches of commits, each batch one transaction with one sync: a small batch as a row of the intake, which is
 * filed into the tables later (`file`), a large one in the tables at once.
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
  readonly #intake: Intake;
  #hasRoom = false;
  #untilLook = 0;

  constructor(database: Database, path: string, hook: LedgerHook = () => undefined, onDrift?: OnDrift) {
    this.#database = database;
    this.#path = path;
    this.#hook = hook;
    this.#sql = prepared(database);
    this.#changes = new ChangeWriter(database, onDrift);
    this.#intake = new Intake(database, this.#changes);
  }

  /** The newest number given to a timeline entry. */
  get sequence(): number {
    return this.#changes.sequence + this.#intake.lines;
  }

  /** How many commits are durable, but not in the tables yet. */
  get unfiled(): number {
    return this.#intake.commits.length;
  }

  /** The newest revision of a command that is not filed yet. */
  unfiledCommand(id: CommandId): AnyCommand | undefined {
    return this.#intake.command(id);
  }

  unfiledIdempotency(key: string): IdempotencyRecord | undefined {
    return this.#intake.idempotency(key);
  }

  /** What the process before this one left in the intake; `file` brings it into the tables. */
  load(): void {
    this.#intake.load();
  }

  store(batch: readonly Changes[]): readonly CommitResult[] {
    if (isSmall(batch) && this.#mayWait()) return this.#take(batch);
    this.file();
    return this.#durably(() => this.#inTables(batch));
  }

  /** Brings into the tables what stands in the intake. What comes back failed is a mistake of ours, and left out. */
  file(): readonly CommitResult[] {
    const { commits } = this.#intake;
    if (commits.length === 0) return [];
    this.#hook('ledger.before_filing');
    // No sync: if a power cut takes this transaction away, the row in the intake is there again.
    this.#database.pragma('synchronous = NORMAL');
    try {
      const results = this.#inTables(commits, () => this.#intake.clear());
      this.#intake.filed();
      this.#hook('ledger.after_filing');
      return results.filter(({ ok: stored }) => !stored);
    } finally {
      this.#database.pragma('synchronous = FULL');
    }
  }

  #take(batch: readonly Changes[]): readonly CommitResult[] {
    const admission = this.#intake.admit(batch);
    if (admission.commits.every(({ length }) => length === 0)) return admission.results;
    this.#durably(() => this.#transaction(() => this.#intake.insert(admission)));
    this.#intake.taken(admission);
    return admission.results;
  }

  #durably<T>(store: () => T): T {
    this.#hook('ledger.before_store');
    const stored = store();
    this.#hook('ledger.after_sync');
    return stored;
  }

  #inTables(batch: readonly Changes[], then: () => void = () => undefined): readonly CommitResult[] {
    try {
      return this.#transaction(() => {
        const firsts = this.#changes.write(batch);
        then();
        return firsts.map((firstSequence) => ok({ firstSequence }));
      });
    } catch (error) {
      if (failureOf(error, this.#path) !== undefined) throw error;
      return this.#transaction(() => {
        const results = batch.map((changes) => this.#writeAlone(changes));
        then();
        return results;
      });
    }
  }

  #transaction<T>(work: () => T): T {
    const mark = this.#changes.mark();
    try {
      this.#sql.begin.run();
      const result = work();
      this.#hook('ledger.before_sync');
      this.#sql.commit.run();
      return result;
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
        ? fail({ ...STALE, at: error.message })
        : fail(problem('internal', 'the ledger cannot store this', { cause: error }));
    }
  }

  /** Near the end of the space a commit is only acknowledged once it stands where it is to stay. */
  #mayWait(): boolean {
    if (this.#untilLook-- > 0) return this.#hasRoom;
    this.#untilLook = ROOM_BATCHES;
    const pages = (name: string): number => this.#database.pragma(name, { simple: true }) as number;
    const { bavail, bsize } = statfsSync(this.#path);
    const pagesLeft = pages('max_page_count') - pages('page_count') + pages('freelist_count');
    this.#hasRoom = pagesLeft > ROOM_PAGES && bavail * bsize > ROOM_BYTES;
    return this.#hasRoom;
  }
}

function isSmall(batch: readonly Changes[]): boolean {
  let changes = 0;
  for (const { length } of batch) changes += length;
  return changes <= SMALL;
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
