import { expect, test } from 'vitest';
import type { CommandId } from '../../../src/core/brand.ts';
import { aWish, got, refOf } from '../../support/cloud.ts';
import { engineWorld } from '../../support/engine-world.ts';

const WEEK_MS = 604_800_000;
const WAITS = { applyWithinMs: 60_000, expiresInMs: WEEK_MS, onEnd: 'keep' } as const;
const SHADOWS = 100;
const things = Array.from({ length: SHADOWS }, (_, number) => `thing-${number}`);

/** A hundred shadows with a command each, of devices of which nothing is heard, and a server that keeps no desk longer than it must. */
async function waiting(more: Partial<Parameters<typeof engineWorld>[0]> = {}) {
  const world = await engineWorld({ desksMax: 0, deskRestMs: 1_000, sweepMs: WEEK_MS, ...more });
  const { cloud, transport } = await world.start();
  const ids: CommandId[] = [];
  for (const thing of things) ids.push(got(await cloud.create(aWish(thing, { on: true }, WAITS))).command.id);
  await world.clock.advance(5_000);
  const status = async (number: number) => got(await cloud.command(ids[number] ?? ('' as never)));
  const inMemory = (): Promise<number | undefined> => world.gauge(cloud, 'shadow_desks ');
  const resting = (): Promise<number | undefined> => world.gauge(cloud, 'shadow_desks_resting ');
  return { ...world, cloud, transport, ids, status, inMemory, resting };
}

const says = (thing: string, eventType: string, versionNumber = 1) =>
  [
    `$aws/events/presence/${eventType}/${thing}`,
    { clientId: thing, timestamp: 1, eventType, sessionIdentifier: 's', principalIdentifier: 'p', versionNumber },
  ] as const;

test('shadows whose commands wait for their devices leave the memory, and are counted as before', async () => {
  const { cloud, inMemory, resting, gauge } = await waiting();
  expect(await inMemory()).toBe(0);
  expect(await resting()).toBe(SHADOWS);
  expect(await gauge(cloud, 'shadow_commands_pending sent')).toBe(SHADOWS);
  expect(got(await cloud.explainShadow(refOf('thing-5'))).commands).toHaveLength(1);
  expect((await cloud.health()).openCommands).toBe(SHADOWS);
});

test('a report is taken as if the shadow had stayed: no question, and a success', async () => {
  const { clock, cloud, transport, status, gauge } = await waiting();
  const asked = transport.sent('get').length;
  transport.report('thing-3', { on: true });
  await clock.advance(100);
  expect(await status(3)).toMatchObject({ status: 'succeeded' });
  expect(transport.sent('get')).toHaveLength(asked);
  expect(await gauge(cloud, 'shadow_commands_pending sent')).toBe(SHADOWS - 1);
});

test('a device that comes back starts the clock of its command, is nudged, and is missed in time', async () => {
  const { clock, transport, status } = await waiting();
  const written = transport.sent('update').length;
  transport.say(...says('thing-4', 'connected'));
  await clock.advance(10_000);
  expect((await status(4)).clock.runningSince).toBeDefined();
  expect(transport.sent('update').slice(written)).toContain('$aws/things/thing-4/shadow/update');
  await clock.advance(60_000);
  expect(await status(4)).toMatchObject({ status: 'timed_out' });
  expect((await status(5)).clock.runningSince).toBeUndefined();
});

test('what expires while it rests ends then, after a look', async () => {
  const { clock, cloud, status } = await waiting();
  const { command } = got(await cloud.create(aWish('late', { on: true }, { ...WAITS, expiresInMs: 40_000 })));
  await clock.advance(39_000);
  expect(got(await cloud.command(command.id))).toMatchObject({ status: 'sent' });
  await clock.advance(2_000);
  expect(got(await cloud.command(command.id))).toMatchObject({ status: 'expired' });
  expect(await status(1)).toMatchObject({ status: 'sent' });
});

test('operators reach what rests', async () => {
  const { clock, cloud, ids, status, resting } = await waiting();
  got(await cloud.act(ids[7] as never, { type: 'cancel', by: { name: 'ben' } }));
  got(
    await cloud.act(ids[8] as never, {
      type: 'extend',
      by: { name: 'ben' },
      expiresAt: (clock.wall() + 20_000) as never,
    }),
  );
  await clock.advance(10_000);
  expect(await status(7)).toMatchObject({ status: 'cancelled' });
  expect(await resting()).toBe(SHADOWS - 1);
  await clock.advance(20_000);
  expect(await status(8)).toMatchObject({ status: 'expired' });
});

test('when the link returns each is asked for once, and what happened meanwhile is heard', async () => {
  const { clock, cloud, transport, resting } = await waiting();
  transport.drop();
  await clock.advance(60_000);
  // Whose answer was on its way just then stays until it knows what became of the question.
  expect(await resting()).toBeGreaterThan(SHADOWS * 0.8);
  transport.report('thing-9', { mode: 'eco' });
  const asked = transport.sent('get').length;
  transport.restore();
  await clock.advance(10_000);
  expect(new Set(transport.sent('get').slice(asked)).size).toBe(SHADOWS);
  expect(got(await cloud.shadow(refOf('thing-9')))).toMatchObject({ reported: { mode: 'eco' } });
  expect(await resting()).toBeGreaterThan(SHADOWS * 0.8);
});

test('each is looked at again from time to time although nothing is heard of it', async () => {
  const { clock, transport, inMemory } = await waiting();
  const asked = transport.sent('get').length;
  await clock.advance(600_000);
  const again = transport.sent('get').slice(asked);
  expect(new Set(again).size).toBe(SHADOWS);
  // A minute each, a quarter more or less.
  expect(again.length).toBeGreaterThan(SHADOWS * 7);
  expect(again.length).toBeLessThan(SHADOWS * 13);
  expect(await inMemory()).toBeLessThan(SHADOWS / 4);
});

test('nothing rests while the ledger refuses what is known of it', async () => {
  const { clock, cloud, ledger, transport, resting, inMemory, status } = await waiting();
  ledger.refuse('ledger_full');
  transport.say(...says('thing-6', 'connected'));
  await clock.advance(30_000);
  expect(await inMemory()).toBeGreaterThan(0);
  transport.report('thing-6', { on: true });
  await clock.advance(30_000);
  ledger.refuse(undefined);
  await clock.advance(60_000);
  expect(await status(6)).toMatchObject({ status: 'succeeded' });
  expect(await resting()).toBeGreaterThan(SHADOWS * 0.8);
  await cloud.stop();
});
