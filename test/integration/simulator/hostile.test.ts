import { expect, test } from 'vitest';
import { sendHostilePayloads } from '../../support/hostile-run.ts';

test(
  '5,000 hostile payloads over MQTT and HTTP have well-formed answers and do no harm',
  { timeout: 120_000 },
  async () => {
    const counted = await sendHostilePayloads(1, 5_000);
    expect(counted['accepted']).toBeGreaterThan(100);
    expect(counted['400']).toBeGreaterThan(100);
  },
);
