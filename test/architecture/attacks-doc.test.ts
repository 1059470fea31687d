import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** How many attacks each letter of the catalogue has. */
const CATALOGUE = { A: 20, B: 24, C: 30, D: 17, E: 16, F: 12, G: 13 };

const text = readFileSync('docs/ATTACKS.md', 'utf8');
const number = (letter: string, at: number): string => `${letter}-${String(at).padStart(2, '0')}`;
const rows = [...text.matchAll(/^\| ([A-G]-\d\d)(?: to [A-G]-(\d\d))? \| (.+?) \| (\w+) \| (.+) \|$/gm)].map(
  ([, first = '', last, , state = '', where = '']) => {
    const [letter = '', from = ''] = first.split('-');
    const numbers = Array.from({ length: Number(last ?? from) - Number(from) + 1 }, (_, at) =>
      number(letter, Number(from) + at),
    );
    return {
      numbers,
      state,
      where,
      files: [...where.matchAll(/`(test\/[\w./-]+\.ts)`/g)].map(([, file = '']) => file),
    };
  },
);

test('every attack of the catalogue stands in the table once', () => {
  const all = Object.entries(CATALOGUE).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, at) => number(letter, at + 1)),
  );
  expect(rows.flatMap(({ numbers }) => numbers)).toEqual(all);
});

test('what is held names its tests, and each of them has the number in it', () => {
  const held = rows.filter(({ state }) => state === 'held');
  expect(held.length).toBeGreaterThan(60);
  const missing = held.flatMap(({ numbers, files }) => {
    if (files.length === 0) return numbers;
    return numbers.flatMap((each) =>
      files.flatMap((file) =>
        existsSync(file) && readFileSync(file, 'utf8').includes(each) ? [] : [`${each}: ${file}`],
      ),
    );
  });
  expect(missing).toEqual([]);
});

test('what is not held says why', () => {
  const other = rows.filter(({ state }) => state !== 'held');
  expect(other.filter(({ state, where }) => !['outside', 'none'].includes(state) || where.length < 15)).toEqual([]);
});
