import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteLedger, type SqliteLedger } from '../../../src/adapters/sqlite/sqlite-ledger.ts';
import type { ThingName } from '../../../src/core/brand.ts';
import { epochMs } from '../../../src/core/brand.ts';
import type { Command } from '../../../src/core/command/command.ts';
import {
  aCommand,
  aDirect,
  at,
  aWrite,
  commit,
  everyPage,
  got,
  next,
  ref,
  stored,
} from '../../support/ledger-fixtures.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

const THINGS = ['heater-1', 'heater-2', 'pump-1'] as const;

describe('where the rows of commands stand', () => {
  let folder: TemporaryFolder;
  let path: string;
  let ledger: SqliteLedger;
  beforeEach(async () => {
    folder = temporaryFolder();
    path = folder.path('ledger.sqlite');
    ledger = await got(openSqliteLedger({ path }));
  });
  afterEach(async () => {
    await ledger.close();
    folder.remove();
  });
  async function asked<T>(sql: string): Promise<T> {
    await got(ledger.openShadows({ limit: 1 })); // files what is in the intake
    const database = new Sqlite(path, { readonly: true });
    const found = database.prepare(sql).pluck().get() as T;
    database.close();
    return found;
  }
  const idsOf = (commands: readonly { readonly id: string }[]): string[] => commands.map(({ id }) => id);
  const of = (number: number): Command => aCommand(number, { ref: ref(THINGS[number % THINGS.length] ?? '') });
  /** Every list of a thing against all that was stored. */
  async function expectLists(all: readonly Command[], limit: number): Promise<void> {
    for (const thingName of THINGS as unknown as readonly ThingName[]) {
      const own = all.filter((command) => command.ref.thingName === thingName).sort((a, b) => (a.id < b.id ? 1 : -1));
      const listed = await everyPage((page) => ledger.commands({ thingName }, page), limit);
      expect(idsOf(listed)).toEqual(idsOf(own));
      const some = await got(ledger.commands({ thingName, createdFrom: at(40) }, { limit: 1_000 }));
      expect(idsOf(some.items)).toEqual(idsOf(own.filter(({ createdAt }) => createdAt >= at(40)).slice(0, 1_000)));
    }
  }

  test('a list of a thing has all of its commands, whether they are in their places or not', async () => {
    const all: Command[] = [];
    // The second of two neighbours is stored first: ids rise with time, but not strictly.
    const numbers = Array.from({ length: 4_500 }, (_, index) => index ^ 1);
    for (let from = 0; from < numbers.length; from += 300) {
      const batch = numbers.slice(from, from + 300).map(of);
      all.push(...batch);
      await commit(ledger, ...batch.map(stored));
    }
    const placed = await asked<number>('SELECT count(*) FROM thing_command');
    expect(placed).toBeGreaterThan(2_000);
    expect(placed).toBeLessThan(all.length);
    await expectLists(all, 400);

    await ledger.close();
    ledger = await got(openSqliteLedger({ path }));
    // With the three hundred that were left it is enough, without them it is not.
    const more = Array.from({ length: 1_900 }, (_, index) => of(5_000 + index));
    await commit(ledger, ...more.map(stored));
    expect(await asked<number>('SELECT count(*) FROM thing_command')).toBeGreaterThan(placed);
    await expectLists([...all, ...more], 400);
  });

  test('what many things have goes to its places sooner', async () => {
    const batch = Array.from({ length: 1_000 }, (_, index) => aCommand(index, { ref: ref(`thing-${index}`) }));
    await commit(ledger, ...batch.map(stored));
    expect(await asked<number>('SELECT count(*) FROM thing_command')).toBe(1_000);
  });

  test('a command that gets the number of one that was pruned is listed like every other', async () => {
    const step = fc.oneof(
      fc.record({ store: fc.constantFrom(1, 40, 2_100) }),
      fc.record({ prune: fc.constantFrom(1, 50, 5_000), newest: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
        await ledger.close();
        folder.remove();
        folder = temporaryFolder();
        path = folder.path('ledger.sqlite');
        ledger = await got(openSqliteLedger({ path }));
        let [all, number]: [Command[], number] = [[], 0];
        for (const one of steps) {
          if ('store' in one) {
            const batch = Array.from({ length: one.store }, () => of((number += 1)));
            all.push(...batch);
            await commit(ledger, ...batch.map(stored));
          } else if (all.length > 0) {
            const going = one.newest ? all.slice(-one.prune) : all.slice(0, one.prune);
            const ended = going.map((command) => next(command, { status: 'succeeded', endedAt: at(-1_000_000) }));
            await commit(ledger, ...ended.map(stored));
            expect(await got(ledger.prune(epochMs(at(-1)), 10_000))).toBe(going.length);
            all = all.filter((command) => !going.includes(command));
          }
        }
        await expectLists(all, 1_000);
        const left = 'SELECT count(*) FROM thing_command WHERE number NOT IN (SELECT number FROM command)';
        expect(await asked<number>(left)).toBe(0);
      }),
      {
        numRuns: 8,
        examples: [
          [[{ store: 2_100 }, { prune: 50, newest: true }, { store: 40 }]],
          [[{ store: 2_100 }, { prune: 5_000, newest: true }, { store: 40 }]],
          [[{ store: 2_100 }, { prune: 50, newest: false }, { store: 40 }]],
        ],
      },
    );
  });

  test('a command that succeeds takes no more room in its row than at first', async () => {
    const [shadow, direct, write] = [aCommand(1), aDirect(2), aWrite(1)];
    await commit(ledger, stored(shadow), stored(direct), { type: 'write', write });
    const room = 'SELECT group_concat(length(state)) FROM (SELECT state FROM command ORDER BY id)';
    const outcome = 'SELECT length(outcome) FROM write';
    const [before, outcomeBefore] = [await asked<string>(room), await asked<number>(outcome)];
    expect((await got(ledger.command(shadow.id)))?.status).toBe('queued');

    const instants = { sentAt: at(1), endedAt: at(2) };
    const clock = { leftMs: 59_000 };
    await commit(
      ledger,
      stored(next(shadow, { status: 'succeeded', clock, version: 123_456, versionFrom: 'accepted', ...instants })),
      stored(next(direct, { status: 'succeeded', clock, attempts: 1, deliveredAt: at(2), ...instants })),
      { type: 'write', write: { ...write, state: 'accepted', acceptedVersion: 123_456 } },
    );
    const after = (await asked<string>(room)).split(',').map(Number);
    for (const [index, characters] of before.split(',').entries()) {
      expect(after[index]).toBeLessThanOrEqual(Number(characters));
    }
    expect(await asked<number>(outcome)).toBeLessThanOrEqual(outcomeBefore);
    expect(await got(ledger.command(direct.id))).toMatchObject({ status: 'succeeded', deliveredAt: at(2) });
  });
});
