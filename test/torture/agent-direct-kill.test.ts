import { expect, test } from 'vitest';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { killWhileCommandsFlow } from '../support/direct-kills.ts';

const KILLS = Number(process.env['KILLS'] ?? 500);
const SEED = Number(process.env['SEED'] ?? 1);

test(`I4 commands flow to an agent that is killed ${KILLS} times: no double effect, no lost answer`, async () => {
  const random = new SeededRandom(SEED);
  const report = await killWhileCommandsFlow(KILLS, () => random.fraction());
  const { order, ...counts } = report;
  console.log(`agent-direct-kill: SEED=${SEED} ${JSON.stringify(counts)}, ${order.length} in sequence`);
  const { doubled, lost, contradicted, untrue } = report;
  expect({ doubled, lost, contradicted, untrue }).toEqual({ doubled: [], lost: [], contradicted: [], untrue: [] });
  expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
});
