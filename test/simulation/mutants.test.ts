import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { drawPlan } from '../../simulators/workload/draw-plan.ts';
import { MUTANTS } from './mutants.ts';

/** Within so many seeds, from the first on, each mistake must be found. */
const SEEDS_MAX = Number(process.env['MUTANT_SEEDS'] ?? 40);

beforeEach(() => {
  vi.resetModules();
});

afterEach(() => {
  vi.resetModules();
  vi.doUnmock('../../src/core/command/judge.ts');
  vi.doUnmock('../../src/core/command/clocks.ts');
  vi.doUnmock('../../src/core/command/ending.ts');
  vi.doUnmock('../../src/core/command/resolve.ts');
  vi.doUnmock('../../src/core/command/transition.ts');
  vi.doUnmock('../../src/core/desk/asking.ts');
  vi.doUnmock('../../src/core/desk/facts.ts');
  vi.doUnmock('../../src/core/view/sight.ts');
  vi.doUnmock('../../src/core/reconcile/report.ts');
  vi.doUnmock('../../src/core/reconcile/backoff.ts');
  vi.doUnmock('../../src/device/inbox.ts');
  vi.doUnmock('../../src/cloud/steady-time.ts');
});

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
