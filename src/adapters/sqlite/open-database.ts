import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import { problem, type Problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { failureOf } from './failure.ts';
import { lockLedger } from './lock.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS, type Migration } from './migrations/migrations.ts';
import type { Sqlite } from './native.ts';

export interface OpenDatabase {
  readonly database: Database;
  readonly lock: Database;
  /** Without links, so that two names of one file are one ledger. */
  readonly path: string;
  /** The file was too large to read through before the start; somebody should while it runs. */
  readonly unchecked: boolean;
}

export interface OpenDatabaseOptions {
  readonly path: string;
  readonly migrations?: readonly Migration[];
  /** Called inside the transaction of each migration step. */
  readonly onMigration?: (number: number) => void;
  /** Files up to this size are read through before the first command is accepted; larger ones beside the work. */
  readonly checkBytesMax?: number;
  /** The file never grows beyond this; at the limit it is `ledger_full` until pruning has made room. */
  readonly bytesMax?: number;
}

/** About 0.1 s of reading. */
const CHECK_BYTES_MAX = 64 * 1024 * 1024;
/** SQLite waits with the process blocked, so only briefly; the group commit repeats without blocking. */
const BUSY_MS = 20;
/**
 * 8 MB. More is slower: whenever pages of a tree were reordered, SQLite goes through all cached pages at the next commit,
 * while a page that is not here is nearly always in the cache of the operating system (ADR 6).
 */
const CACHE_KIB = 8_192;
/** 16 MB of write-ahead log: many commits touch the same pages, and each goes into the file once per checkpoint. */
const CHECKPOINT_PAGES = 4_000;
/** What a write-ahead log may keep of a burst after its checkpoint (F3). */
const WAL_BYTES_KEPT = 64 * 1024 * 1024;

/** Opens, locks, checks and migrates; on any failure nothing stays open. */
export function openDatabase(Sqlite: Sqlite, options: OpenDatabaseOptions): Result<OpenDatabase> {
  const opened: Database[] = [];
  try {
    const result = open(Sqlite, options, opened);
    if (!result.ok) closeAll(opened);
    return result;
  } catch (error) {
    closeAll(opened);
    return fail(openingProblem(error, options.path));
  }
}

function open(Sqlite: Sqlite, options: OpenDatabaseOptions, opened: Database[]): Result<OpenDatabase> {
  mkdirSync(dirname(resolve(options.path)), { recursive: true });
  const path = existsSync(options.path) ? realpathSync(options.path) : resolve(options.path);
  const lock = lockLedger(Sqlite, path);
  if (!lock.ok) return lock;
  opened.push(lock.value);
  const database = new Sqlite(path, { timeout: BUSY_MS });
  opened.unshift(database);
  // A damaged header shows here (F2), and so does a file that can only be read.
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  // Statements that touch many pages would write their way back into a file that is made and removed each time.
  database.pragma('temp_store = MEMORY');
  database.pragma(`cache_size = -${CACHE_KIB}`);
  database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  database.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`);
  if (options.bytesMax !== undefined) limitPages(database, options.bytesMax);
  const unchecked = statSync(path).size > (options.checkBytesMax ?? CHECK_BYTES_MAX);
  if (!unchecked) {
    const damage = quickCheck(database);
    if (damage !== undefined) return fail(corrupt(path, damage));
  }
  const migrations = options.migrations ?? MIGRATIONS;
  const migrated = migrate(database, path, migrations, options.onMigration);
  if (!migrated.ok) return migrated;
  const strange = strangeObject(database, schemaOf(new Sqlite(':memory:'), migrations));
  if (strange !== undefined) return fail(corrupt(path, `the schema of ${strange} is not ours`));
  // What we write is of closed types, and a CHECK of three values costs each row that is written a table of its own in
  // memory. It stays in the schema for everybody else, and for the checks of the file above.
  database.pragma('ignore_check_constraints = ON');
  return ok({ database, lock: lock.value, path, unchecked });
}

type Schema = ReadonlyMap<string, string>;

/** A flipped bit in a column's name passes every check of the pages: the schema is compared with a fresh one. */
function schemaOf(fresh: Database, migrations: readonly Migration[]): Schema {
  migrate(fresh, ':memory:', migrations);
  const schema = readSchema(fresh);
  fresh.close();
  return schema;
}

function readSchema(database: Database): Schema {
  const rows = database.prepare('SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL').raw().all();
  return new Map(rows as [string, string][]);
}

/** What an operator adds (an index, a view) is none of our business. */
function strangeObject(database: Database, expected: Schema): string | undefined {
  const found = readSchema(database);
  return [...expected].find(([name, sql]) => found.get(name) !== sql)?.[0];
}

function limitPages(database: Database, bytesMax: number): void {
  const pageBytes = database.pragma('page_size', { simple: true }) as number;
  database.pragma(`max_page_count = ${Math.max(1, Math.floor(bytesMax / pageBytes))}`);
}

/** The first thing wrong with the file, or undefined. Throws where the damage is worse than it can say. */
export function quickCheck(database: Database): string | undefined {
  const found = database.pragma('quick_check(1)', { simple: true }) as string;
  return found === 'ok' ? undefined : found;
}

export function corrupt(path: string, detail: string, cause?: unknown): Problem {
  const message = `the ledger file is damaged (${detail}): keep a copy of it and restore the newest backup, see docs/OPERATIONS.md`;
  return problem('ledger_corrupt', message, { at: path, cause });
}

function openingProblem(error: unknown, path: string): Problem {
  const failure = failureOf(error, path);
  if (failure?.problem.code === 'ledger_corrupt') return corrupt(path, messageOf(error), error);
  if (failure !== undefined) return failure.problem;
  return problem('ledger_unavailable', `the ledger cannot be opened: ${messageOf(error)}`, { at: path, cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function closeAll(databases: readonly Database[]): void {
  for (const database of databases) {
    try {
      database.close();
    } catch {
      // A damaged file may refuse even this; the process lets go of it.
    }
  }
}
