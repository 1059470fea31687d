import { afterEach, expect, test } from 'vitest';
import { drawPlan } from '../../simulators/workload/draw-plan.ts';
import { putBack } from './in-place-of.ts';
import { MUTANTS } from './mutants.ts';

/** Within so many seeds, from the first on, each mistake must be found. */
const SEEDS_MAX = Number(process.env['MUTANT_SEEDS'] ?? 40);

afterEach(putBack);

test('there are at least twenty known mistakes', () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
});

test.each(MUTANTS)('found: $mistake', { timeout: 240_000 }, async (mutant) => {
  const { mistake, finds, from = 1, trouble = [], programs, replace } = mutant;
  replace?.();
  const { PRODUCTION } = await import('../../simulators/world/production.ts');
  const { Runner } = await import('../../simulators/world/run-seed.ts');
  const runner = new Runner();
  for (let seed = from; seed < from + SEEDS_MAX; seed++) {
    const drawn = drawPlan(seed);
    const plan = { ...drawn, steps: [...drawn.steps, ...trouble] };
    const { violations } = await runner.run(seed, { programs: programs?.(PRODUCTION) ?? PRODUCTION, plan });
    const [first] = violations;
    if (first === undefined) continue;
    const [invariant] = first.invariant.split(' ');
    console.log(`seed ${seed} ${first.invariant}: ${mistake}: ${first.words}`);
    expect(finds, first.words).toContain(invariant);
    return;
  }
  expect.fail(`not found in ${SEEDS_MAX} seeds: ${mistake}`);
});
