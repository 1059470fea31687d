import { expect, test } from 'vitest';
import { drawPlan } from '../../simulators/workload/draw-plan.ts';
import { PRODUCTION } from '../../simulators/world/production.ts';
import type { Programs } from '../../simulators/world/programs.ts';
import { Runner } from '../../simulators/world/run-seed.ts';
import { shrink } from '../../simulators/world/shrink.ts';
import { MUTANTS } from './mutants.ts';

test('a failure shrinks to a few steps that show it again', { timeout: 240_000 }, async () => {
  const mutant = MUTANTS.find(({ mistake }) => mistake === 'the event stream loses one in seven');
  const programs: Programs = mutant?.programs?.(PRODUCTION) ?? PRODUCTION;
  const runner = new Runner();
  const seed = 2;
  const plan = drawPlan(seed);
  const { violations } = await runner.run(seed, { programs });
  const [violation] = violations;
  expect(violation?.invariant).toBe('I21 Stream');
  if (violation === undefined) return;

  const smaller = await shrink(plan, violation, (tried) => runner.run(seed, { programs, plan: tried }), 60);

  expect(smaller.violation.invariant).toBe('I21 Stream');
  expect(smaller.plan.steps.length).toBeLessThan(plan.steps.length / 2);
  const again = await runner.run(seed, { programs, plan: smaller.plan });
  expect(again.violations[0]).toEqual(smaller.violation);
  const sound = await runner.run(seed, { programs: PRODUCTION, plan: smaller.plan });
  expect(sound.violations).toEqual([]);
});
