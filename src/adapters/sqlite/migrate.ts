import type { Database } from 'better-sqlite3';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { MIGRATIONS, type Migration } from './migrations/migrations.ts';

/** 'shdw': tells our file from any other SQLite file. */
export const APPLICATION_ID = 0x73686477;

/**
 * Brings the schema to the newest version, one transaction per step: a crash in the middle leaves the step before it,
 * and the next start goes on from there (F6). The version is the file's `user_version`. Gives the version it found.
 */
export function migrate(
  database: Database,
  path: string,
  migrations: readonly Migration[] = MIGRATIONS,
  onStep: (number: number) => void = () => undefined,
): Result<number> {
  const found = database.pragma('user_version', { simple: true }) as number;
  const newest = migrations.at(-1)?.number ?? 0;
  const foreign = refuseForeign(database, path);
  if (!foreign.ok) return foreign;
  if (found > newest) {
    const message = `the ledger has schema ${found}, this program knows up to ${newest}: start the newer program, or restore a backup`;
    return fail(problem('ledger_newer', message, { at: path }));
  }
  for (const { number, sql } of migrations) {
    if (number <= found) continue;
    database.transaction(() => {
      database.exec(sql);
      database.pragma(`application_id = ${APPLICATION_ID}`);
      database.pragma(`user_version = ${number}`);
      onStep(number);
    })();
  }
  return ok(found);
}

function refuseForeign(database: Database, path: string): Result<void> {
  const application = database.pragma('application_id', { simple: true });
  if (application === APPLICATION_ID) return ok(undefined);
  const tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  if (application === 0 && tables === 0) return ok(undefined);
  return fail(
    problem('invalid_config', 'this SQLite file belongs to another program: choose another path', { at: path }),
  );
}
