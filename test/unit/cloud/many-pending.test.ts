import { expect, test } from 'vitest';
import { aWish, got } from '../../support/cloud.ts';
import { engineWorld } from '../../support/engine-world.ts';

const WEEK_MS = 604_800_000;
const SHADOWS = 400;

test('after a restart many pending commands are published through a narrow way, each once', async () => {
  const { clock, ledger, start, gauge } = await engineWorld({ requestsPerSecond: 4 });
  const first = await start();
  first.transport.drop();
  const wish = { applyWithinMs: WEEK_MS, expiresInMs: WEEK_MS, onEnd: 'keep' as const };
  for (let number = 0; number < SHADOWS; number += 1) {
    got(await first.cloud.create({ ...aWish(`thing-${number}`, { on: true }), ...wish }));
  }
  await first.cloud.stop();
  ledger.reopen();
  const { cloud, transport } = await start();
  // A read and a write each, at four a second.
  await clock.advance(((SHADOWS * 2) / 4) * 1_000 * 1.1);
  expect(await gauge(cloud, 'shadow_commands_pending sent')).toBe(SHADOWS);
  expect(new Set(transport.sent('update')).size).toBe(SHADOWS);
  expect(transport.sent('update')).toHaveLength(SHADOWS);
  await cloud.stop();
});

test('looking again at many shadows never piles up, and a new command goes before all of it', async () => {
  const { clock, start, gauge } = await engineWorld({ requestsPerSecond: 4 });
  const { cloud, transport } = await start();
  for (let number = 0; number < SHADOWS; number += 1) {
    got(
      await cloud.create({ ...aWish(`thing-${number}`, { on: true }), expiresInMs: WEEK_MS, applyWithinMs: WEEK_MS }),
    );
  }
  await clock.advance(600_000);
  const reads = transport.sent('get').length;
  await clock.advance(600_000);
  expect(await gauge(cloud, 'shadow_outbox_depth ')).toBeLessThan(SHADOWS);
  expect(transport.sent('get').length).toBeGreaterThan(reads + SHADOWS);
  got(await cloud.create(aWish('new', { on: true })));
  await clock.advance(2_000);
  expect(transport.sent('update')).toContain('$aws/things/new/shadow/update');
  await cloud.stop();
});
