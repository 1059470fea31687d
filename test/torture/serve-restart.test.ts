import { expect, test } from 'vitest';
import { restartWithPending } from '../support/pending-restart.ts';

const PENDING = Number(process.env['PENDING'] ?? 100_000);

test(`a server that starts with ${PENDING} pending commands counts them, takes new ones at once, and publishes each`, async () => {
  const report = await restartWithPending(PENDING, PENDING);
  console.log(JSON.stringify(report));
  expect(report).toMatchObject({ openAtReady: PENDING, newCommandStatus: 202, open: PENDING + 1, sent: PENDING + 1 });
});
