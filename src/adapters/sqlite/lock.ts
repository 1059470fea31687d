import type { Database } from 'better-sqlite3';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { failureOf } from './failure.ts';
import type { Sqlite } from './native.ts';

/**
 * One writer per ledger. The lock is an exclusive transaction on a file of its own beside the ledger, held for life:
 * the kernel drops it when the process dies, however it dies, so nothing stale is ever left to clean up. The ledger
 * itself stays readable for others (`sqlite3 -readonly`, online backups).
 */
export function lockLedger(Sqlite: Sqlite, path: string): Result<Database> {
  let lock: Database | undefined;
  try {
    lock = new Sqlite(`${path}.lock`, { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    return ok(lock);
  } catch (error) {
    lock?.close();
    if (failureOf(error, path)?.busy === true) {
      const message = `another server has this ledger open: stop it, or give this one another --store (\`fuser ${path}.lock\` names it)`;
      return fail(problem('ledger_locked', message, { at: path, cause: error }));
    }
    throw error;
  }
}
