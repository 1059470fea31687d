import { expect, test } from 'vitest';
import { PRODUCTION } from '../../simulators/world/production.ts';
import { explore } from '../../simulators/world/small-scope.ts';

test(
  'two apps, one device, one server: every order with two overtakings, and with one and a crash',
  { timeout: 400_000 },
  async () => {
    const { schedules, states, violations } = await explore(PRODUCTION, { overtakesMax: 2, crashedOvertakesMax: 1 });
    console.log(`small scope: ${schedules} schedules, ${states} distinct states`);
    expect(violations.map(({ schedule, invariant, words }) => `${schedule}: ${invariant}: ${words}`)).toEqual([]);
    expect(schedules).toBeGreaterThan(400);
  },
);
