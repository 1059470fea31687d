import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { drawPlan } from '../../simulators/workload/draw-plan.ts';
import { DIRECT_MUTANTS } from './direct-mutants.ts';

/** Within so many seeds that have direct commands, each mistake must be found. */
const SEEDS_MAX = Number(process.env['MUTANT_SEEDS'] ?? 40);

const seeds: number[] = [];
for (let seed = 1; seeds.length < SEEDS_MAX; seed += 1) if (drawPlan(seed).direct === true) seeds.push(seed);

beforeEach(() => {
  vi.resetModules();
});

afterEach(() => {
  vi.resetModules();
  vi.doUnmock('../../src/core/direct/device-order.ts');
  vi.doUnmock('../../src/core/direct/transition.ts');
  vi.doUnmock('../../src/device/reply-store.ts');
});

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
