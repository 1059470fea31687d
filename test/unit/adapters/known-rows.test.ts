import { expect, test } from 'vitest';
import { KnownRows } from '../../../src/adapters/sqlite/known-rows.ts';

interface Row {
  readonly name: string;
  readonly fill: string;
}

const body = (name: string, length = 20): string => JSON.stringify({ name, fill: 'x'.repeat(length) });
const names = (rows: readonly Row[]): string => rows.map(({ name }) => name).join('');

/** A table of rows `a`, `b`, …, and how often somebody asked for their bodies. */
function table(charactersMax = 1_000) {
  const known = new KnownRows<Row>(charactersMax);
  const lengths = new Map<string, number>();
  let asked = 0;
  return {
    asked: () => asked,
    read: (keys: string) =>
      known.read([...keys], () => {
        asked += 1;
        return [...keys].map((key) => body(key, lengths.get(key)));
      }),
    change: (key: string, length: number) => {
      lengths.set(key, length);
      known.forget(key);
    },
  };
}

test('a row that was read lately gives the same object, without its body', () => {
  const rows = table();
  const [a, b] = rows.read('ab');
  const again = rows.read('bca');

  expect(names(again)).toBe('bca');
  expect(again[0]).toBe(b);
  expect(again[2]).toBe(a);
  rows.read('abc');
  expect(rows.asked()).toBe(2);
});

test('a row that changed is read again, in whichever half it stood', () => {
  for (const between of ['', 'ABCDEFGHIJ']) {
    const rows = table(800);
    rows.read('a');
    rows.read(between);
    rows.change('a', 21);

    expect(rows.read('ba')[1]?.fill).toHaveLength(21);
  }
});

test('every key gives its own row, in order, however little is kept', () => {
  for (const charactersMax of [0, 60, 100, 150, 1_000]) {
    const rows = table(charactersMax);
    for (const order of ['abc', 'cabd', 'dd', 'ebadc', 'a', '', 'gfedcbaabcdefg']) {
      expect(names(rows.read(order))).toBe(order);
    }
  }
});

test('what is not asked for goes, what is asked for again and again stays', () => {
  const rows = table(400);
  const [kept, gone] = rows.read('kg');
  for (const round of 'abcdefhijlmnopqrstuvwxyz') expect(rows.read(`${round}k`)[1]).toBe(kept);
  expect(rows.read('g')[0]).not.toBe(gone);
});
