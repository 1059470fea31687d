import { problem, type Problem } from '../../core/problem.ts';

/** What a failure of SQLite means for us; `fatal` ones hold until the process is started again. */
export interface Failure {
  readonly problem: Problem;
  readonly fatal: boolean;
  /** Somebody else holds the lock for the moment. */
  readonly busy: boolean;
}

/**
 * Sorts SQLite's codes. After a failed fsync nobody knows which pages reached the disk, and asking again can lie (F5);
 * a damaged file gets no further writes (F2). Both stay until an operator has looked. Undefined for errors that are not
 * SQLite's: those are our own mistakes.
 */
export function failureOf(error: unknown, path: string): Failure | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  const more = { at: path, cause: error };
  const transient = (problem: Problem, busy = false): Failure => ({ problem, fatal: false, busy });
  const fatal = (problem: Problem): Failure => ({ problem, fatal: true, busy: false });
  if (code.startsWith('SQLITE_FULL')) {
    return transient(problem('ledger_full', 'the disk of the ledger is full: nothing was stored', more));
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return transient(problem('ledger_unavailable', 'another process holds the ledger locked', more), true);
  }
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) {
    return fatal(
      problem('ledger_corrupt', 'the ledger file is damaged: stop, keep a copy, restore the newest backup', more),
    );
  }
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_PERM')) {
    return transient(problem('ledger_unavailable', 'the ledger file cannot be written: check owner and mount', more));
  }
  if (code.startsWith('SQLITE_IOERR') && !code.includes('FSYNC')) {
    return transient(problem('ledger_unavailable', 'the disk of the ledger failed: nothing was stored', more));
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return fatal(
      problem('ledger_unavailable', 'the disk of the ledger failed to sync: check it, then start again', more),
    );
  }
  return code.startsWith('SQLITE_NOMEM') ? transient(problem('ledger_unavailable', 'out of memory', more)) : undefined;
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return error.code.startsWith('SQLITE_') ? error.code : undefined;
}
