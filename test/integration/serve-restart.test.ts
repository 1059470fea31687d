import { expect, test } from 'vitest';
import { restartWithPending } from '../support/pending-restart.ts';

test(
  'a server that starts with 3,000 pending commands counts them, takes new ones at once, and publishes each',
  { timeout: 120_000 },
  async () => {
    const report = await restartWithPending(3_000, 1_500);
    expect(report).toMatchObject({ newCommandStatus: 202, open: 3_001, sent: 3_001 });
    expect(report.openAtReady).toBe(3_000);
  },
);
