import { copyFileSync, existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LedgerPlace } from '../../../src/adapters/sqlite/batch-writer.ts';
import {
  openSqliteLedger,
  type SqliteLedger,
  type SqliteLedgerOptions,
} from '../../../src/adapters/sqlite/sqlite-ledger.ts';
import type { Ledger, LedgerChange } from '../../../src/ports/ledger.ts';
import { MemoryLedger } from '../../../simulators/ledger/memory-ledger.ts';
import {
  aCommand,
  aLine,
  aRecord,
  at,
  aView,
  aWrite,
  code,
  commandId,
  commit,
  got,
  line,
  ref,
  stored,
} from '../../support/ledger-fixtures.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

describe('small commits of the ledger', () => {
  let folder: TemporaryFolder;
  let path: string;
  let copies = 0;
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
  /** What a process that is killed now leaves behind. */
  function crashed(): string {
    const copy = folder.path(`crashed-${(copies += 1)}.sqlite`);
    for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
    return copy;
  }
  const rows = (file: string, table: string): unknown => {
    const database = new Sqlite(file, { readonly: true });
    const count = database.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    database.close();
    return count;
  };

  test('are durable before they are filed: a start after a crash has them, with their numbers', async () => {
    const ledger = await ledgerAt();
    await commit(ledger, stored(aCommand(1)), line(aLine(aCommand(1))), { type: 'write', write: aWrite(1) });
    await commit(ledger, line(aLine(aCommand(1))), stored(aCommand(1, { status: 'sent', revision: 2 })));
    const left = crashed();
    expect([rows(left, 'intake'), rows(left, 'command')]).toEqual([2, 0]);
    const again = await ledgerAt({ path: left });
    expect(await got(again.command(commandId(1)))).toMatchObject({ status: 'sent', revision: 2 });
    expect((await got(again.timeline(commandId(1)))).map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect((await got(again.shadow(ref('heater-1')))).writes).toEqual([aWrite(1)]);
    expect([rows(left, 'intake'), rows(left, 'command')]).toEqual([0, 1]);
    expect(await commit(again, line(aLine(aCommand(1))))).toEqual({ firstSequence: 3 });
  });

  test('are answered from where they stand by id and by key, and filed for every other question', async () => {
    const places: LedgerPlace[] = [];
    const ledger = await ledgerAt({ hook: (place) => void places.push(place) });
    await commit(ledger, stored(aCommand(1)), { type: 'idempotency', record: aRecord('key', aCommand(1)) });
    expect(await got(ledger.command(commandId(1)))).toEqual(aCommand(1));
    expect(await got(ledger.idempotency('key'))).toEqual(aRecord('key', aCommand(1)));
    expect(places).not.toContain('ledger.before_filing');
    expect((await got(ledger.commands({}, { limit: 9 }))).items).toEqual([aCommand(1)]);
    expect(places.filter((place) => place === 'ledger.before_filing')).toHaveLength(1);
  });

  test('are refused when their revision is old, wherever the newer one stands', async () => {
    const ledger = await ledgerAt();
    const revision = (number: number): LedgerChange => stored(aCommand(1, { revision: number }));
    await commit(ledger, revision(3));
    expect(await code(ledger.commit([revision(3)]))).toBe('ledger_stale');
    await got(ledger.commands({}, { limit: 1 })); // filed
    expect(await code(ledger.commit([revision(2)]))).toBe('ledger_stale');
    expect(await code(ledger.commit([revision(4), revision(4)]))).toBe('ledger_stale');
    await commit(ledger, revision(4));
  });

  test('that are damaged on the disk are refused by name at the start', async () => {
    const ledger = await ledgerAt();
    await commit(ledger, stored(aCommand(1)));
    const left = crashed();
    const database = new Sqlite(left);
    database.exec(`UPDATE intake SET changes = '[{'`);
    database.close();
    expect(await code(openSqliteLedger({ path: left }))).toBe('ledger_corrupt');
  });

  test('make the same ledger as large ones, whenever they are filed and whenever the process dies', async () => {
    const things = fc.integer({ min: 1, max: 3 });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('change' as const), number: things }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('many' as const), number: things }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('ask' as const, 'crash' as const), number: things }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const model = new MemoryLedger();
        let file = folder.path(`run-${(copies += 1)}.sqlite`);
        let ledger = await got(openSqliteLedger({ path: file }));
        const revisions = new Map<number, number>();
        for (const { do: what, number } of steps) {
          if (what === 'ask') await got(ledger.shadow(ref(`heater-${number}`)));
          else if (what === 'crash') {
            const copy = folder.path(`run-${(copies += 1)}.sqlite`);
            for (const end of ['', '-wal']) if (existsSync(file + end)) copyFileSync(file + end, copy + end);
            await ledger.close();
            file = copy;
            ledger = await got(openSqliteLedger({ path: file }));
          } else {
            const count = what === 'many' ? 20 : 1;
            const changes = Array.from({ length: count }, () => revised(revisions, number)).flat();
            expect(await ledger.commit(changes)).toEqual(await model.commit(changes));
          }
        }
        expect(await contents(ledger)).toEqual(await contents(model));
        await ledger.close();
      }),
      { numRuns: 15 },
    );
  });

  /** The next thing that happens to a command, with its line, its write and the view of its shadow. */
  function revised(revisions: Map<number, number>, number: number): LedgerChange[] {
    const revision = (revisions.get(number) ?? 0) + 1;
    revisions.set(number, revision);
    const place = ref(`heater-${number}`);
    const ended = revision >= 5 ? { status: 'succeeded' as const, endedAt: at(5) } : {}; // an end is for good
    const command = aCommand(number, { ref: place, revision, ...ended });
    const write = aWrite(number, { ref: place, state: revision % 2 === 0 ? 'accepted' : 'open' });
    return [
      stored(command),
      line(aLine(command)),
      { type: 'write', write },
      { type: 'view', view: aView(`heater-${number}`) },
    ];
  }

  async function contents(ledger: Ledger): Promise<unknown> {
    const all = { limit: 1_000 };
    return {
      commands: await got(ledger.commands({}, all)),
      events: await got(ledger.events(0, 1_000)),
      shadows: await Promise.all([1, 2, 3].map((number) => got(ledger.shadow(ref(`heater-${number}`))))),
      open: await got(ledger.openShadows(all)),
    };
  }
});
