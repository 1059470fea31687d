import { expect, test } from 'vitest';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { AgentWorld, killAtRandom, stale } from '../support/agent-world.ts';

const KILLS = Number(process.env['KILLS'] ?? 500);
const SEED = Number(process.env['SEED'] ?? 1);

test(`an agent killed ${KILLS} times at random applies nothing stale and reports what the hardware shows`, async () => {
  const world = await AgentWorld.open();
  const random = new SeededRandom(SEED);
  const { n, effects, value, reported } = await killAtRandom(world, KILLS, () => random.fraction());
  const repeated = effects.length - new Set(effects).size;
  const counts = `${KILLS} kills, ${world.starts} starts, ${n} wishes, ${effects.length} effects, ${repeated} repeated`;
  console.log(`agent-kill: SEED=${SEED} ${counts}`);
  await world.close();

  expect(stale(effects)).toEqual([]);
  expect({ value, reported }).toEqual({ value: n, reported: n });
  expect(effects.length).toBeLessThanOrEqual(n + world.starts);
});
