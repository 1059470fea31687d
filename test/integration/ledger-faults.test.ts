import {
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadSqlite } from '../../src/adapters/sqlite/native.ts';
import {
  openSqliteLedger,
  type SqliteLedger,
  type SqliteLedgerOptions,
} from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { eventually } from '../support/eventually.ts';
import {
  aCommand,
  aLine,
  at,
  aView,
  code,
  commandId,
  commit,
  got,
  line,
  ref,
  stored,
} from '../support/ledger-fixtures.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

describe('a ledger file with a fault', () => {
  let folder: TemporaryFolder;
  let path: string;
  const open: SqliteLedger[] = [];
  beforeEach(() => {
    folder = temporaryFolder();
    path = folder.path('ledger.sqlite');
  });
  afterEach(async () => {
    for (const ledger of open.splice(0)) await ledger.close();
    folder.remove();
  });
  async function ledgerAt(options: Partial<SqliteLedgerOptions> = {}): Promise<SqliteLedger> {
    const ledger = await got(openSqliteLedger({ path, ...options }));
    open.push(ledger);
    return ledger;
  }
  /** A closed ledger of many pages. */
  async function filled(commands = 300): Promise<void> {
    const ledger = await got(openSqliteLedger({ path }));
    const rows = Array.from({ length: commands }, (_, number) => aCommand(number, { reason: 'x'.repeat(400) }));
    await commit(ledger, ...rows.flatMap((command) => [stored(command), line(aLine(command))]));
    await ledger.close();
  }
  const overwrite = (offset: number, bytes: string): void => {
    const file = openSync(path, 'r+');
    writeSync(file, bytes, offset);
    closeSync(file);
  };

  describe('damaged (F2)', () => {
    test.each([
      { what: 'its header', offset: 0, bytes: 'not a database at all' },
      { what: 'a page in the middle', offset: 20 * 4096, bytes: 'X'.repeat(64) },
      { what: 'its schema', offset: 100, bytes: 'Y'.repeat(64) },
    ])('in $what is refused with its name and advice, and left as it is', async ({ offset, bytes }) => {
      await filled();
      overwrite(offset, bytes);
      const before = readFileSync(path);
      const result = await openSqliteLedger({ path });
      expect(result).toMatchObject({ ok: false, problem: { code: 'ledger_corrupt', at: path } });
      expect(result.ok ? '' : result.problem.message).toContain('restore the newest backup');
      expect(readFileSync(path).equals(before)).toBe(true);
      // Nothing stays locked behind a refusal.
      rmSync(path);
      expect(await (await ledgerAt()).health()).toMatchObject({ state: 'ok' });
    });

    test('and too large to read through first: found while it works, and refused from then on', async () => {
      await filled();
      overwrite(20 * 4096, 'X'.repeat(64));
      const ledger = await ledgerAt({ checkBytesMax: 0 });
      await eventually(async () => (await ledger.health()).state === 'corrupt');
      expect(await code(ledger.commit([stored(aCommand(9_999))]))).toBe('ledger_corrupt');
      expect(await code(ledger.command(commandId(1)))).toBe('ledger_corrupt');
    });

    test('sound and large: read through beside the work, and goes on', async () => {
      await filled();
      const lines: string[] = [];
      const log = {
        debug: () => undefined,
        warn: () => undefined,
        error: () => undefined,
        info: (_: object, message: string) => void lines.push(message),
      };
      const ledger = await ledgerAt({
        checkBytesMax: 0,
        log: {
          ...log,
          with: () => ({
            ...log,
            with: () => {
              throw new Error();
            },
          }),
        },
      });
      await eventually(() => lines.includes('the ledger file is sound'));
      expect(await ledger.health()).toMatchObject({ state: 'ok' });
    });

    test('at any byte: it opens or refuses by name, but never breaks', async () => {
      await filled(60);
      const sound = readFileSync(path);
      for (let offset = 0; offset < sound.length; offset += 1_021) {
        const bytes = Buffer.from(sound);
        bytes[offset] = (bytes[offset] ?? 0) ^ 0xff;
        for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true });
        writeFileSync(path, bytes);
        const result = await openSqliteLedger({ path });
        if (!result.ok) {
          expect(['ledger_corrupt', 'ledger_newer', 'invalid_config', 'ledger_unavailable']).toContain(
            result.problem.code,
          );
          continue;
        }
        const list = await result.value.commands({}, { limit: 100 });
        if (!list.ok) expect(list.problem.code).toBe('ledger_corrupt');
        await result.value.commit([stored(aCommand(9_999))]);
        await result.value.close();
      }
    });
  });

  describe('whose write-ahead log lost its end (F4)', () => {
    test('has the commits before it, each whole', async () => {
      const ledger = await ledgerAt();
      const sizes: number[] = [];
      for (let number = 1; number <= 12; number++) {
        const command = aCommand(number);
        await commit(ledger, stored(command), line(aLine(command)), { type: 'view', view: aView(`thing-${number}`) });
        sizes.push(statSync(`${path}-wal`).size);
      }
      const copy = folder.path('copy.sqlite');
      for (const bytes of sizes.flatMap((size) => [size - 1, size])) {
        for (const end of ['', '-wal']) copyFileSync(path + end, copy + end);
        truncateSync(`${copy}-wal`, bytes);
        const torn = await got(openSqliteLedger({ path: copy }));
        const { entries } = await got(torn.events(0, 100));
        expect(entries.length).toBe(sizes.filter((size) => size <= bytes).length);
        for (const [index, { commandId, sequence }] of entries.entries()) {
          expect(sequence).toBe(index + 1);
          expect(await got(torn.command(commandId))).toBeDefined();
          expect((await got(torn.shadow(ref(`thing-${index + 1}`)))).view).toBeDefined();
        }
        expect(await commit(torn, line(aLine(aCommand(77))))).toEqual({ firstSequence: entries.length + 1 });
        await torn.close();
        for (const end of ['', '-wal', '-shm']) rmSync(copy + end, { force: true });
      }
    });
  });

  describe('on a full disk (F1)', () => {
    test('stores nothing, says so, reads on, and works again when there is room, without a restart', async () => {
      const ledger = await ledgerAt({ bytesMax: 400_000 });
      const big = (number: number) =>
        aCommand(number, { reason: 'x'.repeat(2_000), status: 'succeeded', endedAt: at(number) });
      let last = 0;
      for (; ; last++) {
        const result = await ledger.commit([stored(big(last)), line(aLine(big(last)))]);
        if (result.ok) continue;
        expect(result.problem.code).toBe('ledger_full');
        break;
      }
      expect(last).toBeGreaterThan(50);
      expect(await ledger.health()).toMatchObject({ state: 'full' });
      expect(await got(ledger.command(commandId(last)))).toBeUndefined();
      expect(await got(ledger.command(commandId(last - 1)))).toBeDefined();
      const { newest } = await got(ledger.events(0, 1));
      expect(newest).toBe(last);
      // Many at once: all are refused, none is left half.
      const more = await Promise.all(Array.from({ length: 20 }, (_, n) => ledger.commit([stored(big(1_000 + n))])));
      expect(new Set(more.map((result) => (result.ok ? 'ok' : result.problem.code)))).toEqual(new Set(['ledger_full']));
      expect(await got(ledger.prune(at(30), 100))).toBe(30);
      expect(await commit(ledger, stored(big(last)), line(aLine(big(last))))).toEqual({ firstSequence: newest + 1 });
      expect(await ledger.health()).toEqual({ state: 'ok', waiting: 0 });
    });
  });

  describe('whose disk fails to sync (F5)', () => {
    test('accepts nothing any more, however often it is asked', async () => {
      let failing = false;
      const ledger = await ledgerAt({
        hook: (place) => {
          if (failing && place === 'ledger.before_sync')
            throw Object.assign(new Error('disk'), { code: 'SQLITE_IOERR_FSYNC' });
        },
      });
      await commit(ledger, stored(aCommand(1)));
      failing = true;
      expect(await code(ledger.commit([stored(aCommand(2))]))).toBe('ledger_unavailable');
      failing = false;
      expect(await code(ledger.commit([stored(aCommand(3))]))).toBe('ledger_unavailable');
      expect(await ledger.health()).toMatchObject({ state: 'unavailable' });
      await ledger.close();
      const again = await ledgerAt();
      expect((await got(again.commands({}, { limit: 9 }))).items.map(({ id }) => id)).toEqual([commandId(1)]);
    });
  });

  describe('that others use (D21)', () => {
    test('waits for a lock of another tool without losing or reordering anything', async () => {
      const ledger = await ledgerAt();
      const other = new Sqlite(path);
      other.exec('BEGIN IMMEDIATE');
      const commits = [1, 2, 3].map((number) =>
        ledger.commit([stored(aCommand(number)), line(aLine(aCommand(number)))]),
      );
      await eventually(async () => (await ledger.health()).waiting === 3);
      other.exec('ROLLBACK');
      other.close();
      expect((await Promise.all(commits)).map((result) => (result.ok ? result.value.firstSequence : 0))).toEqual([
        1, 2, 3,
      ]);
    });

    test('gives up on a lock that stays, and works when it is gone', async () => {
      const ledger = await ledgerAt({ busyMs: 60 });
      const other = new Sqlite(path);
      other.exec('BEGIN IMMEDIATE');
      expect(await code(ledger.commit([stored(aCommand(1))]))).toBe('ledger_unavailable');
      expect(await got(ledger.command(commandId(1)))).toBeUndefined();
      other.close();
      await commit(ledger, stored(aCommand(1)));
    });

    test('a refused batch takes along what was asked for after it, so that nothing is stored out of order', async () => {
      const ledger = await ledgerAt({ busyMs: 60 });
      const other = new Sqlite(path);
      other.exec('BEGIN IMMEDIATE');
      // One more than a batch holds.
      const commits = Array.from({ length: 2_001 }, (_, number) => code(ledger.commit([stored(aCommand(number))])));
      await commits[0];
      other.close();
      expect(new Set(await Promise.all(commits))).toEqual(new Set(['ledger_unavailable']));
      await commit(ledger, stored(aCommand(1)));
    });

    test('can be read and backed up by others meanwhile', async () => {
      const ledger = await ledgerAt();
      await commit(ledger, stored(aCommand(1)));
      const other = new Sqlite(path, { readonly: true });
      // What was just acknowledged stands in the tables a moment later.
      await eventually(() => other.prepare('SELECT count(*) FROM command').pluck().get() === 1);
      await other.backup(folder.path('backup.sqlite'));
      other.close();
      await commit(ledger, stored(aCommand(2)));
      const backup = await got(openSqliteLedger({ path: folder.path('backup.sqlite') }));
      expect((await got(backup.commands({}, { limit: 9 }))).items).toEqual([aCommand(1)]);
      await backup.close();
    });

    test('has one server, whichever name it goes by', async () => {
      await ledgerAt();
      expect(await code(openSqliteLedger({ path }))).toBe('ledger_locked');
      symlinkSync(path, folder.path('link.sqlite'));
      expect(await code(openSqliteLedger({ path: folder.path('link.sqlite') }))).toBe('ledger_locked');
    });
  });

  test('a place that is no file, or a file of another program, is refused with words', async () => {
    expect(await code(openSqliteLedger({ path: folder.path('.') }))).toBe('ledger_unavailable');
    const other = new Sqlite(path);
    other.exec('CREATE TABLE theirs (a)');
    other.close();
    expect(await openSqliteLedger({ path })).toMatchObject({ problem: { code: 'invalid_config' } });
    writeFileSync(folder.path('text'), 'just some text, long enough to be no header of SQLite'.repeat(20));
    expect(await code(openSqliteLedger({ path: folder.path('text') }))).toBe('ledger_corrupt');
  });

  test('a folder that is not there yet is made', async () => {
    path = folder.path('a/b/ledger.sqlite');
    await commit(await ledgerAt(), stored(aCommand(1)));
  });

  test('a native module that is not built is named, with the command that builds it', async () => {
    const result = await loadSqlite(() => Promise.reject(new Error('Could not locate the bindings file')));
    expect(result).toMatchObject({ ok: false, problem: { code: 'ledger_unavailable' } });
    expect(result.ok ? '' : result.problem.message).toContain('npm rebuild better-sqlite3');
  });

  test('a mistake of ours in one commit does not take the others of its batch with it', async () => {
    const ledger = await ledgerAt();
    const broken = { ...aCommand(2), patch: { n: 1n } } as never;
    const results = await Promise.all([
      ledger.commit([stored(aCommand(1)), line(aLine(aCommand(1)))]),
      ledger.commit([line(aLine(aCommand(2))), stored(broken)]),
      ledger.commit([stored(aCommand(3)), line(aLine(aCommand(3)))]),
    ]);
    expect(results.map((result) => (result.ok ? result.value.firstSequence : result.problem.code))).toEqual([
      1,
      'internal',
      2,
    ]);
  });
});
