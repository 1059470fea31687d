import { expect, test } from 'vitest';
import { PRODUCTION } from '../../simulators/world/production.ts';
import { explore } from '../../simulators/world/small-scope.ts';

test('two apps, one device, one server: every order with two overtakings, with and without a crash', async () => {
  const { schedules, states, violations } = await explore(PRODUCTION, { overtakesMax: 2, crashedOvertakesMax: 2 });
  console.log(`small scope: ${schedules} schedules, ${states} distinct states`);
  expect(violations.map(({ schedule, invariant, words }) => `${schedule}: ${invariant}: ${words}`)).toEqual([]);
  expect(schedules).toBeGreaterThan(4_000);
});
