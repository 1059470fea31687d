import { existsSync, fsyncSync, openSync, closeSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { BatchWriter } from './batch-writer.ts';
import { failureOf } from './failure.ts';
import { APPLICATION_ID } from './migrate.ts';
import { MIGRATIONS } from './migrations/migrations.ts';
import { loadSqlite, type Sqlite } from './native.ts';
import { corrupt } from './open-database.ts';

/** What an operator wants to know of a ledger file. */
export interface LedgerFacts {
  readonly path: string;
  readonly bytes: number;
  readonly schema: number;
  readonly commands: number;
  readonly open: number;
  /** The newest number of the timeline. */
  readonly sequence: number;
}

/** Reads a ledger through, every page and every index; a server may work on it meanwhile. */
export async function checkLedger(path: string): Promise<Result<LedgerFacts>> {
  const Sqlite = await loadSqlite();
  return Sqlite.ok ? withLedger(Sqlite.value, path, (database) => factsOf(database, path)) : Sqlite;
}

/**
 * Copies a ledger as it stands at this moment to a new file, while a server works on it: readers do not stop the writer.
 * The copy appears under its name only when it is whole, checked and on the disk.
 */
export async function backupLedger(path: string, destination: string): Promise<Result<LedgerFacts>> {
  const Sqlite = await loadSqlite();
  if (!Sqlite.ok) return Sqlite;
  if (existsSync(destination)) {
    return fail(problem('invalid_usage', 'the backup would overwrite a file: choose a new name', { at: destination }));
  }
  const part = `${destination}.part`;
  rmSync(part, { force: true });
  const copied = withLedger(Sqlite.value, path, (database) => {
    database.prepare('VACUUM INTO ?').run(part);
    fileIntake(new Sqlite.value(part), part);
    return ok(undefined);
  });
  const checked = copied.ok ? withLedger(Sqlite.value, part, (database) => factsOf(database, destination)) : copied;
  for (const end of ['-wal', '-shm']) rmSync(part + end, { force: true });
  if (!checked.ok) {
    rmSync(part, { force: true });
    return checked;
  }
  sync(part);
  renameSync(part, destination);
  sync(dirname(destination));
  return checked;
}

/** A backup is read by other tools, too: what was acknowledged stands in its tables. */
function fileIntake(copy: Database, path: string): void {
  const writer = new BatchWriter(copy, path);
  writer.load();
  writer.file();
  copy.close();
}

function withLedger<T>(Sqlite: Sqlite, path: string, work: (database: Database) => Result<T>): Result<T> {
  if (!existsSync(path)) return fail(problem('not_found', 'there is no such file', { at: path }));
  let database: Database | undefined;
  try {
    database = new Sqlite(path, { readonly: true, timeout: 5_000 });
    if (database.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
      return fail(problem('invalid_config', 'this file is no ledger of ours', { at: path }));
    }
    return work(database);
  } catch (error) {
    const failure = failureOf(error, path);
    if (failure?.problem.code === 'ledger_corrupt') return fail(corrupt(path, (error as Error).message, error));
    if (failure !== undefined) return fail(failure.problem);
    return fail(problem('ledger_unavailable', (error as Error).message, { at: path, cause: error }));
  } finally {
    database?.close();
  }
}

function factsOf(database: Database, path: string): Result<LedgerFacts> {
  const schema = database.pragma('user_version', { simple: true }) as number;
  if (schema > (MIGRATIONS.at(-1)?.number ?? 0)) {
    return fail(
      problem('ledger_newer', `the ledger has schema ${schema}, which this program does not know`, { at: path }),
    );
  }
  const found = database.pragma('integrity_check(1)', { simple: true }) as string;
  if (found !== 'ok') return fail(corrupt(path, found));
  const number = (sql: string): number => database.prepare(sql).pluck().get() as number;
  return ok({
    path,
    bytes: statSync(database.name).size,
    schema,
    commands: number('SELECT count(*) FROM command'),
    open: number('SELECT count(*) FROM command WHERE live = 2'),
    sequence: number('SELECT coalesce(max(sequence), 0) FROM timeline'),
  });
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}
