import { describe, expect, test } from 'vitest';
import type { Journal } from '../../src/ports/journal.ts';

export interface JournalWorld {
  /** A journal over the same records as the one before: the next start of the device. */
  open(): Journal;
  close(): void;
}

/** The promises of the journal port, for every implementation. */
export function describeJournal(name: string, create: () => JournalWorld): void {
  describe(`journal: ${name}`, () => {
    const inWorld = (run: (world: JournalWorld) => Promise<void>) => async () => {
      const world = create();
      try {
        await run(world);
      } finally {
        world.close();
      }
    };

    test(
      'a new one is empty',
      inWorld(async (world) => {
        expect(await world.open().open()).toEqual({ ok: true, value: { records: new Map() } });
      }),
    );

    test(
      'the newest record of each key is there after a restart, without closing',
      inWorld(async (world) => {
        const journal = world.open();
        await journal.open();
        await journal.write('a', { n: 1 }, { durable: true });
        await journal.write('b', { n: 2 }, { durable: true });
        await journal.write('a', { n: 3 }, { durable: true });

        const opened = await world.open().open();

        expect(opened).toEqual({
          ok: true,
          value: {
            records: new Map([
              ['a', { n: 3 }],
              ['b', { n: 2 }],
            ]),
          },
        });
      }),
    );

    test(
      'null removes a record',
      inWorld(async (world) => {
        const journal = world.open();
        await journal.open();
        await journal.write('a', { n: 1 }, { durable: true });
        await journal.write('a', null, { durable: true });
        expect(await world.open().open()).toEqual({ ok: true, value: { records: new Map() } });
      }),
    );

    test(
      'a record without its own sync is there after an orderly end',
      inWorld(async (world) => {
        const journal = world.open();
        await journal.open();
        void journal.write('a', { n: 1 }, { durable: false });
        await journal.close();
        await journal.close();
        expect(await world.open().open()).toEqual({ ok: true, value: { records: new Map([['a', { n: 1 }]]) } });
      }),
    );

    test(
      'writes of one key take effect in their order',
      inWorld(async (world) => {
        const journal = world.open();
        await journal.open();
        const writes = Array.from({ length: 50 }, (_, n) => journal.write('a', { n }, { durable: n % 2 === 0 }));
        await Promise.all(writes);
        const opened = await world.open().open();
        expect(opened.ok && opened.value.records.get('a')).toEqual({ n: 49 });
      }),
    );

    test(
      'keys and records may hold anything JSON can',
      inWorld(async (world) => {
        const journal = world.open();
        await journal.open();
        const record = JSON.parse('{"__proto__":{"x":1},"text":"ü\\n\\u2028"}') as never;
        await journal.write('__proto__', record, { durable: true });
        const opened = await world.open().open();
        expect(opened.ok && JSON.stringify(opened.value.records.get('__proto__'))).toBe(JSON.stringify(record));
      }),
    );
  });
}
