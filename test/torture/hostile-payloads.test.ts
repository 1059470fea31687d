import { expect, test } from 'vitest';
import { sendHostilePayloads } from '../support/hostile-run.ts';

const COUNT = 100_000;
const SEED = Number(process.env['SEED'] ?? 7);

test(`${COUNT} hostile payloads do no harm and leave memory flat`, async () => {
  const counted = await sendHostilePayloads(SEED, COUNT);
  console.log(`hostile payloads, seed ${SEED}: ${JSON.stringify(counted)}`);
  expect(counted['accepted']).toBeGreaterThan(1_000);
  expect(counted['grownMb']).toBeLessThan(50);
});
