import { expect, test } from 'vitest';
import type { FieldPointer } from '../../../src/core/brand.ts';
import type { Engine } from '../../../src/cloud/engine.ts';
import { aWish, got, refOf } from '../../support/cloud.ts';
import { engineWorld, type AnsweringService } from '../../support/engine-world.ts';

const IDLE_MS = 60_000;
const things = Array.from({ length: 30 }, (_, number) => `thing-${number}`);
const SETTLED = { applyWithinMs: 86_400_000, expiresInMs: 86_400_000, onEnd: 'keep' } as const;

/** Thirty shadows of plain devices that did what was wished, and nothing under way. */
async function converged(desksMax = 5) {
  const world = await engineWorld({ desksMax, deskIdleMs: IDLE_MS, sweepMs: 86_400_000 });
  const { cloud, transport } = await world.start();
  const { clock } = world;
  for (const thing of things) got(await cloud.create(aWish(thing, { on: true }, SETTLED)));
  await clock.advance(1_000);
  for (const thing of things) transport.report(thing, { on: true });
  await clock.advance(1_000);
  const desks = (): Promise<number | undefined> => world.gauge(cloud, 'shadow_desks ');
  return { ...world, cloud, transport, desks };
}

const onField = '/on' as FieldPointer;
const driftOf = async (cloud: Engine) => got(await cloud.drift({}, { limit: 50 })).items;

test('shadows of which nothing is open and nothing is heard leave the memory, down to what may stay', async () => {
  const { clock, desks } = await converged();
  expect(await desks()).toBe(things.length);
  await clock.advance(IDLE_MS * 3);
  expect(await desks()).toBe(5);
});

test('what is said of a shadow that left the memory is taken as if it had stayed', async () => {
  const { clock, cloud, transport, desks } = await converged(0);
  await clock.advance(IDLE_MS * 3);
  expect(await desks()).toBe(0);
  expect(got(await cloud.thing(refOf('thing-3').thingName)).shadows).toEqual([refOf('thing-3')]);

  transport.report('thing-3', { on: false });
  await clock.advance(1_000);
  // It had agreed on the wish that still stands, which only the view in the ledger knows.
  expect(await driftOf(cloud)).toMatchObject([{ ref: refOf('thing-3'), field: onField, cause: 'changed_on_device' }]);
  expect(got(await cloud.shadow(refOf('thing-3')))).toMatchObject({ version: 3, reported: { on: false } });
});

test('a command on a shadow that left the memory is written after a look, and proved', async () => {
  const { clock, cloud, transport, desks } = await converged(0);
  await clock.advance(IDLE_MS * 3);
  expect(await desks()).toBe(0);
  const { command } = got(await cloud.create(aWish('thing-7', { on: false })));
  await clock.advance(1_000);
  expect(got(await cloud.command(command.id))).toMatchObject({ status: 'sent', version: 3 });
  transport.report('thing-7', { on: false });
  await clock.advance(1_000);
  expect(got(await cloud.command(command.id))).toMatchObject({ status: 'succeeded' });
});

test('a shadow with an open command or with drift stays, and one that is heard of', async () => {
  const { clock, cloud, transport, desks } = await converged(0);
  got(await cloud.create(aWish('thing-1', { mode: 'eco' }, SETTLED)));
  transport.report('thing-2', { on: false });
  for (let round = 0; round < 6; round += 1) {
    transport.report('thing-3', { on: true });
    await clock.advance(IDLE_MS / 2);
  }
  expect(await desks()).toBe(3);
});

test('nothing leaves the memory while the ledger refuses what is known of it', async () => {
  const { clock, cloud, ledger, transport, desks } = await converged(0);
  ledger.refuse('ledger_full');
  transport.report('thing-9', { on: true, load: 7 });
  await clock.advance(IDLE_MS * 5);
  expect(await desks()).toBe(things.length);
  ledger.refuse(undefined);
  await clock.advance(IDLE_MS * 5);
  expect(await desks()).toBe(0);
  expect(got(await cloud.shadow(refOf('thing-9')))).toMatchObject({ version: 3, reported: { on: true, load: 7 } });
});

test('no question of a later stay in memory has the name of an earlier one, whose answer may still be on its way', async () => {
  const { clock, cloud, transport, desks } = await converged(0);
  const ask = async (service: AnsweringService) => {
    const report = cloud.shadow(refOf('thing-4'), { refresh: true });
    await clock.advance(1_000);
    got(await report);
    return service.published.filter(({ topic }) => topic === '$aws/things/thing-4/shadow/get');
  };
  await ask(transport);
  await ask(transport);
  await clock.advance(IDLE_MS * 3);
  expect(await desks()).toBe(0);
  const tokens = (await ask(transport)).map(({ body }) => body['clientToken']);
  expect(tokens.length).toBeGreaterThan(3);
  expect(new Set(tokens).size).toBe(tokens.length);
});
