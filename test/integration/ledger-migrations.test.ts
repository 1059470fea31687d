import Sqlite, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../../src/adapters/sqlite/migrate.ts';
import { MIGRATIONS, type Migration } from '../../src/adapters/sqlite/migrations/migrations.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { tokenOf } from '../../src/core/command/write.ts';
import {
  aCommand,
  at,
  aDrift,
  aLine,
  aView,
  aWrite,
  code,
  commit,
  got,
  line,
  ref,
  stored,
} from '../support/ledger-fixtures.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const NEWEST = MIGRATIONS.length;
const FUTURE: Migration = { number: NEWEST + 1, sql: 'CREATE TABLE later (a); ALTER TABLE command ADD COLUMN b;' };
const BROKEN: Migration = { number: NEWEST + 1, sql: 'CREATE TABLE half (a); CREATE TABLE command (again);' };

/** What a ledger of each schema version held, as that version's program stored it. */
const ROWS: Readonly<Record<number, (database: Database) => void>> = {
  0: () => undefined,
  1: (database) => fill(database, 'NULL, 1, ?'),
  2: (database) => fill(database, 'NULL, 1, ?, NULL'),
  3: (database) => fill(database, 'NULL, 1, ?, NULL, NULL', ', NULL'),
  4: (database) => fill(database, 'NULL, 1, ?, NULL, NULL', ', NULL'),
  5: (database) => fill(database, 'NULL, 1, ?, NULL, NULL', ', NULL'),
  6: (database) => fill(database, 'NULL, 1, ?, NULL, NULL', ', NULL'),
  7: (database) => fill(database, 'NULL, 1, ?, NULL, NULL', ', NULL'),
  8: (database) => fill(database, 'NULL, 1, ?, NULL, NULL', ', NULL'),
};

function fill(database: Database, lastColumns: string, lastOfWrite = ''): void {
  const command = aCommand(1);
  const row = { thing: 'heater-1', shadow: '', author: 'app', ...command.policy };
  database
    .prepare(`INSERT INTO command VALUES (1, ?, ?, ?, ?, 2, ?, ?, ?, ${lastColumns})`)
    .run(
      command.id,
      row.thing,
      row.shadow,
      'queued',
      row.author,
      command.createdAt,
      row.expiresAt,
      JSON.stringify(command),
    );
  const { commandId, ...entry } = aLine(command);
  database.prepare('INSERT INTO timeline VALUES (1, ?, ?)').run(commandId, JSON.stringify(entry));
  const write = aWrite(1);
  database
    .prepare(`INSERT INTO write VALUES (?, ?, ?, 1, ?, ?${lastOfWrite})`)
    .run(write.id, row.thing, '', command.id, JSON.stringify(write));
  database.prepare('INSERT INTO shadow VALUES (1, ?, ?, ?)').run(row.thing, '', JSON.stringify(aView('heater-1')));
  const drift = JSON.stringify(aDrift('heater-1', '/a'));
  database.prepare("INSERT INTO drift VALUES ('heater-1', '', '/a', 'stuck', NULL, 1, 0, 0, 0, NULL, ?)").run(drift);
}

describe('migrations of the ledger', () => {
  let folder: TemporaryFolder;
  let path: string;
  beforeEach(() => {
    folder = temporaryFolder();
    path = folder.path('ledger.sqlite');
  });
  afterEach(() => folder.remove());

  /** A file as the program with this schema version left it. */
  function leftBy(version: number): void {
    const database = new Sqlite(path);
    database.pragma('journal_mode = WAL');
    migrate(database, path, MIGRATIONS.slice(0, version));
    ROWS[version]?.(database);
    database.close();
  }
  const version = (): unknown => {
    const database = new Sqlite(path, { readonly: true });
    const found = database.pragma('user_version', { simple: true });
    database.close();
    return found;
  };

  test('are numbered 1, 2, 3, … and every version has rows to be tested with', () => {
    expect(MIGRATIONS.map(({ number }) => number)).toEqual(MIGRATIONS.map((_, index) => index + 1));
    expect(Object.keys(ROWS)).toHaveLength(NEWEST + 1);
  });

  test.each(Object.keys(ROWS).map(Number))(
    'bring a ledger of version %i to the newest with all it held',
    async (from) => {
      leftBy(from);
      const ledger = await got(openSqliteLedger({ path }));
      if (from > 0) {
        expect(await got(ledger.command(aCommand(1).id))).toEqual(aCommand(1));
        expect((await got(ledger.commands({ thingName: aCommand(1).ref.thingName }, { limit: 9 }))).items).toEqual([
          aCommand(1),
        ]);
        expect(await got(ledger.timeline(aCommand(1).id))).toEqual([{ sequence: 1, ...aLine(aCommand(1)) }]);
        expect(await got(ledger.write(tokenOf(aWrite(1).id)))).toEqual(aWrite(1));
        expect(await got(ledger.shadow(ref('heater-1')))).toEqual({
          view: aView('heater-1'),
          open: [aCommand(1)],
          ended: [],
          writes: [aWrite(1)],
          drift: [aDrift('heater-1', '/a')],
          flapped: [],
        });
        expect(await got(ledger.driftCounts({}, [at(0)]))).toMatchObject({ fields: 1, shadows: 1, olderThan: [1] });
      }
      expect(await commit(ledger, stored(aCommand(2)), line(aLine(aCommand(2))))).toEqual({
        firstSequence: from > 0 ? 2 : 1,
      });
      await ledger.close();
      expect(version()).toBe(NEWEST);
    },
  );

  test('a newer ledger is refused by this program and left as it is', async () => {
    const newer = await got(openSqliteLedger({ path, migrations: [...MIGRATIONS, FUTURE] }));
    await commit(newer, stored(aCommand(1)));
    await newer.close();
    const result = await openSqliteLedger({ path });
    expect(result).toMatchObject({ ok: false, problem: { code: 'ledger_newer', at: path } });
    expect(version()).toBe(NEWEST + 1);
    const again = await got(openSqliteLedger({ path, migrations: [...MIGRATIONS, FUTURE] }));
    expect(await got(again.command(aCommand(1).id))).toEqual(aCommand(1));
    await again.close();
  });

  test('a step that ends half way leaves the step before it, and the next start goes on from there (F6)', async () => {
    leftBy(NEWEST);
    const crash = {
      path,
      migrations: [...MIGRATIONS, FUTURE],
      onMigration: () => {
        throw new Error('killed here');
      },
    };
    expect(await code(openSqliteLedger(crash))).toBe('ledger_unavailable');
    expect(await code(openSqliteLedger({ path, migrations: [...MIGRATIONS, BROKEN] }))).toBe('ledger_unavailable');
    expect(version()).toBe(NEWEST);
    const old = await got(openSqliteLedger({ path }));
    expect(await got(old.command(aCommand(1).id))).toEqual(aCommand(1));
    await old.close();
    await (await got(openSqliteLedger({ path, migrations: [...MIGRATIONS, FUTURE] }))).close();
    expect(version()).toBe(NEWEST + 1);
  });
});
