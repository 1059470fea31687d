import type SqliteDatabase from 'better-sqlite3';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';

export type Sqlite = typeof SqliteDatabase;

/**
 * Loads the native module, which is missing after an install without scripts. Only the server's ledger needs it; device,
 * CLI and simulator run without.
 */
export async function loadSqlite(
  load: () => Promise<{ readonly default: Sqlite }> = importSqlite,
): Promise<Result<Sqlite>> {
  try {
    const { default: Sqlite } = await load();
    // The binding itself is loaded by the first connection.
    new Sqlite(':memory:').close();
    return ok(Sqlite);
  } catch (cause) {
    const message =
      'the native SQLite module is not built for this Node: run `npm rebuild better-sqlite3` (npm 12: `npm install-scripts approve better-sqlite3` first)';
    return fail(problem('ledger_unavailable', message, { cause }));
  }
}

const importSqlite = (): Promise<{ readonly default: Sqlite }> => import('better-sqlite3');
