import { expect, test } from 'vitest';
import { SeededRandom } from '../../../simulators/time/seeded-random.ts';

const draw = (random: SeededRandom) => Array.from({ length: 50 }, () => random.fraction());

test('the same seed draws the same sequence, another seed another one', () => {
  expect(draw(new SeededRandom(42))).toEqual(draw(new SeededRandom(42)));
  expect(draw(new SeededRandom(42))).not.toEqual(draw(new SeededRandom(43)));
});

test('a named stream does not notice how much was drawn from its parent', () => {
  const quiet = new SeededRandom(1);
  const busy = new SeededRandom(1);
  draw(busy);
  expect(draw(busy.fork('faults'))).toEqual(draw(quiet.fork('faults')));
  expect(draw(quiet.fork('faults'))).not.toEqual(draw(quiet.fork('names')));
});

test('fractions fill [0, 1) evenly and bytes all 256 values', () => {
  const random = new SeededRandom('even');
  const buckets = new Array<number>(10).fill(0);
  for (let at = 0; at < 100_000; at++) {
    const bucket = Math.floor(random.fraction() * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  expect(new Set(random.bytes(10_000)).size).toBe(256);
});
