import { problem, type Problem } from '../../core/problem.ts';
import { fail, type Result } from '../../core/result.ts';
import type { CommitReceipt, LedgerChange } from '../../ports/ledger.ts';
import type { Failure } from './failure.ts';

/** What one call of `commit` asked for. */
export type Changes = readonly LedgerChange[];
export type CommitResult = Result<CommitReceipt>;

/** Stores these commits in one transaction; gives one result each, or throws if nothing at all was stored. */
export type StoreBatch = (batch: readonly Changes[]) => readonly CommitResult[];

export interface GroupCommitOptions {
  readonly store: StoreBatch;
  /** What a thrown error means; undefined is a mistake of ours. */
  readonly failureOf: (error: unknown) => Failure | undefined;
  /** Told of every outcome: undefined when a batch was stored. */
  readonly onOutcome: (failure: Failure | undefined) => void;
  readonly onBatch: (batch: BatchReport) => void;
  /** How long to ask again while another process holds the file locked. */
  readonly busyMs: number;
}

export interface BatchReport {
  readonly commits: number;
  readonly durationMs: number;
}

interface Waiting {
  readonly changes: Changes;
  readonly settle: (result: CommitResult) => void;
}

/** Commits of one sync. More would hold the event loop for longer than a sync takes. */
const BATCH_MAX = 2_000;
/** Beyond this the callers are refused: a queue without end only moves the trouble into memory (I13). */
const WAITING_MAX = 100_000;
const BUSY_RETRY_MS = 20;

/**
 * Group commit. A call that finds the ledger idle is stored at the end of this turn of the event loop, with everything
 * that other callbacks of the same turn asked for; there is no timer to wait for. While a sync runs the loop stands
 * still, and whatever arrived meanwhile shares the next one: batches grow with the load by themselves.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #waiting: Waiting[] = [];
  #scheduled = false;
  #busySince: number | undefined;
  #closed: Problem | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  commit(changes: Changes): Promise<CommitResult> {
    if (this.#closed !== undefined) return Promise.resolve(fail(this.#closed));
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.resolve(fail(problem('ledger_unavailable', 'too many commits wait for the ledger')));
    }
    return new Promise((settle) => {
      this.#waiting.push({ changes, settle });
      this.#schedule();
    });
  }

  /** Refuses everything from now on, what waits included. */
  refuse(why: Problem): void {
    this.#closed = why;
    this.#settleAll(fail(why));
  }

  /** Stores what waits, then refuses. */
  close(why: Problem): void {
    for (let before = 0; this.#waiting.length !== before;) {
      before = this.#waiting.length;
      this.#flush();
    }
    this.refuse(this.#closed ?? why);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = (): void => {
      this.#scheduled = false;
      this.#flush();
      if (this.#waiting.length > 0) this.#schedule();
    };
    if (this.#busySince === undefined) setImmediate(run);
    else setTimeout(run, BUSY_RETRY_MS);
  }

  /** Stores up to one batch; what met a lock waits on, in its place. */
  #flush(): void {
    const batch = this.#waiting.splice(0, BATCH_MAX);
    if (batch.length === 0) return;
    const started = performance.now();
    const results = this.#store(batch);
    if (results === 'again') {
      this.#waiting.unshift(...batch);
      return;
    }
    this.#options.onBatch({ commits: batch.length, durationMs: performance.now() - started });
    for (const [index, { settle }] of batch.entries()) settle(results[index] ?? NO_RESULT);
  }

  #store(batch: Waiting[]): readonly CommitResult[] | 'again' {
    try {
      const results = this.#options.store(batch.map(({ changes }) => changes));
      this.#busySince = undefined;
      this.#options.onOutcome(undefined);
      return results;
    } catch (error) {
      const failure = this.#options.failureOf(error);
      if (failure === undefined) throw error;
      if (failure.busy && this.#mayWait()) return 'again';
      this.#busySince = undefined;
      this.#options.onOutcome(failure);
      // What was asked for after these must not be stored before them.
      for (const one of this.#waiting.splice(0)) batch.push(one);
      return batch.map(() => fail(failure.problem));
    }
  }

  /** Somebody works on the file with another tool (D21): ask again for a while, without holding the event loop. */
  #mayWait(): boolean {
    const now = performance.now();
    this.#busySince ??= now;
    return now - this.#busySince < this.#options.busyMs;
  }

  #settleAll(result: CommitResult): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(result);
  }
}

const NO_RESULT: CommitResult = fail(problem('internal', 'the ledger gave no result'));
