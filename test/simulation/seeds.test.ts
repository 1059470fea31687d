import { expect, test } from 'vitest';
import { Coverage } from '../../simulators/world/coverage.ts';
import { PRODUCTION } from '../../simulators/world/production.ts';
import { Runner } from '../../simulators/world/run-seed.ts';

/** What CI spends: the same seeds every time, about a minute on two cores. The nightly count is `npm run simulate -- --seeds 50000`. */
const SEEDS = 400;

const runner = new Runner();

test('every seed keeps every invariant, and every fault and failpoint is hit', { timeout: 400_000 }, async () => {
  const coverage = new Coverage();
  let deviceHours = 0;
  let events = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await runner.run(seed, { programs: PRODUCTION });
    deviceHours += result.deviceHours;
    events += result.events;
    coverage.add(result.coverage);
    const found = result.violations.map(({ invariant, atMs, words }) => `${invariant} at ${atMs} ms: ${words}`);
    expect(found, `SEED=${seed} npm run simulate -- --seed ${seed} --trace`).toEqual([]);
  }
  console.log(`${SEEDS} seeds, ${deviceHours.toFixed(0)} simulated device-hours, ${events} events`);
  console.log(
    coverage
      .entries()
      .map(([name, hits]) => `${name} ${hits}`)
      .join(', '),
  );
  expect(coverage.neverHit(), 'a fault that never happens tests nothing').toEqual([]);
});

test.each([3, 8, 14])('seed %i run twice gives the same trace', async (seed) => {
  const first = await runner.run(seed, { programs: PRODUCTION, keepLines: true });
  const second = await new Runner().run(seed, { programs: PRODUCTION, keepLines: true });
  expect(second.lines).toEqual(first.lines);
  expect(second.hash).toBe(first.hash);
});

test('a trace that is kept has the hash of one that is not', async () => {
  const kept = await runner.run(5, { programs: PRODUCTION, keepLines: true });
  const bare = await runner.run(5, { programs: PRODUCTION });
  expect(bare.hash).toBe(kept.hash);
});
