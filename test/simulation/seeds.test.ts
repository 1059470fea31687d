import { beforeAll, expect, test } from 'vitest';
import { Coverage } from '../../simulators/world/coverage.ts';
import { PRODUCTION } from '../../simulators/world/production.ts';
import { Runner, type RunResult } from '../../simulators/world/run-seed.ts';
import { drawPlan } from '../../simulators/workload/draw-plan.ts';
import { SWITCHES } from './switches.ts';

/** What CI spends: the same seeds every time, about a minute on two cores. The nightly count is `npm run simulate -- --seeds 50000`. */
const SEEDS = 400;

const runner = new Runner();
const results: RunResult[] = [];

function coverageOf(runs: readonly RunResult[]): Coverage {
  const coverage = new Coverage();
  for (const run of runs) coverage.add(run.coverage);
  return coverage;
}

beforeAll(async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) results.push(await runner.run(seed, { programs: PRODUCTION }));
  const sum = (of: (result: RunResult) => number): number => results.reduce((total, each) => total + of(each), 0);
  const deviceHours = sum((each) => each.deviceHours).toFixed(0);
  console.log(`${SEEDS} seeds, ${deviceHours} simulated device-hours, ${sum(({ events }) => events)} events`);
  const hits = coverageOf(results).entries();
  console.log(hits.map(([name, times]) => `${name} ${times}`).join(', '));
}, 400_000);

test('every seed keeps every invariant', () => {
  const found = results.flatMap(({ seed, violations }) =>
    violations.map(
      ({ invariant, atMs, words }) =>
        `SEED=${seed} npm run simulate -- --seed ${seed} --trace: ${invariant} at ${atMs} ms: ${words}`,
    ),
  );
  expect(found).toEqual([]);
});

test('every fault and failpoint is hit', () => {
  expect(coverageOf(results).neverHit(), 'a fault that never happens tests nothing').toEqual([]);
});

/** What is rare may need some of the seeds that had it, run again without. */
const RERUNS_MAX = 30;

test.each(SWITCHES)('without $name the coverage list names just that', { timeout: 60_000 }, async (one) => {
  // A seed whose plan does not have it runs as if it were switched off.
  const isOn = ({ seed }: RunResult): boolean => one.isOn(drawPlan(seed));
  const coverage = coverageOf(results.filter((result) => !isOn(result)));
  const named = (): string[] => coverage.neverHit().filter((name) => name !== one.mayMiss);
  for (const { seed } of results.filter(isOn).slice(0, RERUNS_MAX)) {
    if (named().length <= one.hits.length) break;
    coverage.add((await runner.run(seed, { programs: PRODUCTION, plan: one.off(drawPlan(seed)) })).coverage);
  }
  expect(named().sort()).toEqual([...one.hits].sort());
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
