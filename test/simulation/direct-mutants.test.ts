import { afterEach, expect, test } from 'vitest';
import { drawPlan } from '../../simulators/workload/draw-plan.ts';
import { putBack } from './in-place-of.ts';
import { DIRECT_MUTANTS } from './direct-mutants.ts';

/** Within so many seeds that have direct commands, each mistake must be found. */
const SEEDS_MAX = Number(process.env['MUTANT_SEEDS'] ?? 40);

const seeds: number[] = [];
for (let seed = 1; seeds.length < SEEDS_MAX; seed += 1) if (drawPlan(seed).direct === true) seeds.push(seed);

afterEach(putBack);

test.each(DIRECT_MUTANTS)('found: $mistake', { timeout: 240_000 }, async ({ mistake, finds, programs, replace }) => {
  replace?.();
  const { PRODUCTION } = await import('../../simulators/world/production.ts');
  const { Runner } = await import('../../simulators/world/run-seed.ts');
  const runner = new Runner();
  for (const seed of seeds) {
    const { violations } = await runner.run(seed, { programs: programs?.(PRODUCTION) ?? PRODUCTION });
    const [first] = violations;
    if (first === undefined) continue;
    const [invariant] = first.invariant.split(' ');
    console.log(`seed ${seed} ${first.invariant}: ${mistake}`);
    expect(finds, first.words).toContain(invariant);
    return;
  }
  expect.fail(`not found in ${SEEDS_MAX} seeds: ${mistake}`);
});
