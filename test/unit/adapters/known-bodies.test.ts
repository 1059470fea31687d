import { expect, test } from 'vitest';
import { KnownBodies } from '../../../src/adapters/sqlite/known-bodies.ts';

const body = (name: string, length = 20): string => JSON.stringify({ name, fill: 'x'.repeat(length) });
const names = (rows: readonly { name: string }[]): string => rows.map(({ name }) => name).join('');
const known = (charactersMax = 1_000) => new KnownBodies<{ name: string; fill: string }>(charactersMax);

test('a text that was read lately gives the same object, one that changed a new one', () => {
  const bodies = known();
  const [a, b] = bodies.read([body('a'), body('b')]);
  const again = bodies.read([body('b'), body('c'), body('a')]);

  expect(names(again)).toBe('bca');
  expect(again[0]).toBe(b);
  expect(again[2]).toBe(a);
  expect(bodies.read([body('a', 21)])[0]).not.toBe(a);
});

test('every text gives its own object, in order, however little is kept', () => {
  for (const charactersMax of [0, 60, 100, 150, 1_000]) {
    const bodies = known(charactersMax);
    for (const order of ['abc', 'cabd', 'dd', 'ebadc', 'a', '', 'gfedcbaabcdefg']) {
      expect(names(bodies.read([...order].map((name) => body(name))))).toBe(order);
    }
  }
});

test('what is not asked for goes, what is asked for again and again stays', () => {
  const bodies = known(400);
  const [kept, gone] = bodies.read([body('k'), body('g')]);
  for (let round = 0; round < 20; round += 1) {
    expect(bodies.read([body(`new ${round}`), body('k')])[1]).toBe(kept);
  }
  expect(bodies.read([body('g')])[0]).not.toBe(gone);
});
