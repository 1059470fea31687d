import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { tokenOf } from '../../src/core/command/write.ts';
import { eventually } from '../support/eventually.ts';
import { code, commandId, everyPage, got, writeId } from '../support/ledger-fixtures.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const CHILD = join(import.meta.dirname, '../support/ledger-child.mjs');

describe('a ledger whose process is killed', () => {
  let folder: TemporaryFolder;
  let path: string;
  let child: ChildProcessWithoutNullStreams;
  let printed = '';
  beforeEach(() => {
    folder = temporaryFolder();
    path = folder.path('ledger.sqlite');
  });
  afterEach(async () => {
    await kill();
    folder.remove();
  });

  function start(from: number, lanes: number): void {
    printed = '';
    child = spawn(process.execPath, [CHILD, path, String(from), String(lanes)]);
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  }
  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }
  const acknowledged = (): number[] => printed.split('\n').slice(1, -1).map(Number);

  test('has every commit that settled, none torn, and no gap in the timeline', { timeout: 60_000 }, async () => {
    const kept: number[] = [];
    let from = 1;
    for (const [round, lanes] of [1, 20, 100, 20, 1, 100].entries()) {
      start(from, lanes);
      await eventually(() => acknowledged().length > 20 * round + lanes);
      await kill();
      kept.push(...acknowledged());
      from = Math.max(...kept) + 1_000;
    }
    const ledger = await got(openSqliteLedger({ path }));
    for (const number of kept) {
      expect(await got(ledger.command(commandId(number))), `commit ${number}`).toBeDefined();
    }
    const commands = await everyPage((page) => ledger.commands({}, page), 500);
    for (const { id, createdAt } of commands) {
      expect(await got(ledger.timeline(id))).toHaveLength(2);
      expect(await got(ledger.write(tokenOf(writeId(createdAt))))).toBeDefined();
    }
    const { entries, newest } = await got(ledger.events(0, 1e6));
    expect(entries).toHaveLength(2 * commands.length);
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => index + 1));
    expect(newest).toBe(entries.length);
    await ledger.close();
  });

  test('can be opened at once; while it lived nobody else could', async () => {
    start(1, 1);
    await eventually(() => acknowledged().length > 3);
    expect(await code(openSqliteLedger({ path }))).toBe('ledger_locked');
    await kill();
    const ledger = await got(openSqliteLedger({ path }));
    expect(await ledger.health()).toEqual({ state: 'ok', waiting: 0 });
    start(1_000_000, 1);
    await once(child, 'close');
    expect(printed).toContain('"code":"ledger_locked"');
    await ledger.close();
  });
});
