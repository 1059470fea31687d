import { closeSync, existsSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { backupLedger, checkLedger } from '../../src/adapters/sqlite/file-tools.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { aCommand, aLine, code, commit, everyPage, got, line, stored } from '../support/ledger-fixtures.ts';
import { shadowctl } from '../support/shadowctl.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

describe('a ledger under the hands of an operator', () => {
  let folder: TemporaryFolder;
  let path: string;
  let backup: string;
  beforeEach(() => {
    folder = temporaryFolder();
    path = folder.path('ledger.sqlite');
    backup = folder.path('backup.sqlite');
  });
  afterEach(() => folder.remove());
  const damage = (file: string): void => {
    const handle = openSync(file, 'r+');
    writeSync(handle, 'X'.repeat(64), 12 * 4096);
    closeSync(handle);
  };
  async function filled(): Promise<void> {
    const ledger = await got(openSqliteLedger({ path }));
    const rows = Array.from({ length: 200 }, (_, number) => aCommand(number, { reason: 'x'.repeat(400) }));
    await commit(ledger, ...rows.flatMap((command) => [stored(command), line(aLine(command))]));
    await ledger.close();
  }

  test('is backed up while it works: the copy is a ledger of one moment', async () => {
    const ledger = await got(openSqliteLedger({ path }));
    let [number, going] = [0, true];
    const work = (async () => {
      while (going) {
        const command = aCommand((number += 1));
        await commit(ledger, stored(command), line(aLine(command)), line(aLine(command)));
      }
    })();
    await Promise.resolve();
    const before = number;
    const facts = await got(backupLedger(path, backup));
    going = false;
    await work;
    await ledger.close();
    const copy = await got(openSqliteLedger({ path: backup }));
    const commands = await everyPage((page) => copy.commands({}, page), 100);
    expect(commands.length).toBe(facts.commands);
    expect(commands.length).toBeGreaterThanOrEqual(before - 1);
    expect((await got(copy.events(0, 1e6))).entries).toHaveLength(2 * commands.length);
    await copy.close();
  });

  test('never loses an earlier backup, and leaves no half one behind', async () => {
    await filled();
    writeFileSync(backup, 'precious');
    expect(await code(backupLedger(path, backup))).toBe('invalid_usage');
    damage(path);
    expect(await code(backupLedger(path, folder.path('second.sqlite')))).toBe('ledger_corrupt');
    expect(readdirSync(folder.path('.')).filter((name) => name.startsWith('second'))).toEqual([]);
  });

  test('is checked by name of what is wrong', async () => {
    await filled();
    expect(await got(checkLedger(path))).toMatchObject({ commands: 200, open: 200, sequence: 200 });
    damage(path);
    expect(await code(checkLedger(path))).toBe('ledger_corrupt');
    expect(await code(checkLedger(folder.path('nowhere')))).toBe('not_found');
    expect(existsSync(folder.path('nowhere'))).toBe(false);
    writeFileSync(folder.path('text'), 'x'.repeat(9_000));
    expect(await code(checkLedger(folder.path('text')))).toBe('ledger_corrupt');
  });

  test('the program does both, with its exit codes', async () => {
    await filled();
    const store = `sqlite:${path}`;
    const done = await shadowctl(['ledger', 'backup', backup, '--store', store, '--json']);
    expect([done.code, done.stderr]).toEqual([0, '']);
    expect(JSON.parse(done.stdout)).toMatchObject({ sound: true, path: backup, commands: 200 });
    expect(await shadowctl(['ledger', 'check', '--store', `sqlite:${backup}`])).toMatchObject({ code: 0 });
    damage(path);
    const damaged = await shadowctl(['ledger', 'check', '--store', store]);
    expect(damaged.code).toBe(2);
    expect(damaged.stderr).toContain('restore the newest backup');
  });
});
