import { expect, test } from 'vitest';
import type { FieldPointer } from '../../src/core/brand.ts';
import { DESK_SETTINGS, type DeskEvent } from '../../src/core/desk/desk.ts';
import { markAt, sourceOf } from '../../src/core/view/view.ts';
import { DeskWorld } from '../support/desk-world.ts';

/** What the simulation found where messages overtake each other, as small as it could be made. */

/** A desk whose device does what it should, with the first command seen through. */
function settledWorld(): DeskWorld {
  const world = new DeskWorld();
  world.link(true);
  world.create({ a: 1 });
  world.deliverAll();
  world.act('obeys');
  world.deliverAll();
  return world;
}

const statusOf = (world: DeskWorld): unknown => [...world.stored.values()].at(-1);

function taken(world: DeskWorld): DeskEvent {
  const event = world.mail.shift();
  if (event === undefined) throw new Error('nothing was said');
  return event;
}

test('seed 35117: a write whose answer comes after its deletion went with that life, whatever is claimed in the next', () => {
  const world = settledWorld();
  world.create({ a: 2 });
  const late = taken(world);
  const version = world.record?.document.version ?? 0;
  world.delete();
  world.deliverAll();
  // A report from before the deletion creates the shadow anew, with a claim that was true of the life before.
  const state = { reported: { a: 2, reconciler: { version } } };
  const timestamp = Math.floor(world.now / 1_000);
  world.send({ type: 'read', read: { version: version + 2, timestamp, state, metadata: {} } });
  world.send(late);
  expect(world.desk.sight.view).toMatchObject({ incarnation: 2, version: version + 2 });
  expect(statusOf(world)).toMatchObject({
    status: 'superseded',
    incarnation: 1,
    fields: [{ state: { outcome: 'superseded', by: { kind: 'deleted' } } }],
  });
});

test('a write that lands in the next life of the shadow, with its version continued, belongs to that one', () => {
  const world = settledWorld();
  world.create({ a: 2 });
  const late = taken(world);
  if (late.type !== 'accepted') throw new Error('it was accepted');
  const { version } = late.update;
  world.send({ type: 'deleted', version });
  world.send({ type: 'accepted', update: { ...late.update, version: version + 1 } });
  expect(statusOf(world)).toMatchObject({ status: 'sent', incarnation: 2, version: version + 1 });
});

test('seeds 38031 and 38561: what the device showed counts, although later messages were heard of first', () => {
  const world = settledWorld();
  const before = world.desk.sight.view?.version ?? 0;
  world.create({ a: 2 });
  const first = taken(world);
  world.act('obeys');
  world.deliverAll();
  // An earlier report comes a second time, and takes the claim back.
  const again = { version: before + 3, state: { reported: { reconciler: { version: before } } }, metadata: {} };
  world.send({ type: 'accepted', update: { ...again, timestamp: 1 } });
  expect(world.desk.sight.view?.version).toBe(before);
  world.send(first);
  expect(world.desk.sight.view?.version).toBe(before + 3);
  expect(statusOf(world)).toMatchObject({ status: 'succeeded' });
});

test('seed 6041: a write that is answered with 500 is looked for, and found where it landed all the same', () => {
  const world = settledWorld();
  world.create({ b: 5 });
  const stored = taken(world);
  const [write] = world.desk.writes.values();
  if (write === undefined) throw new Error('it is under way');
  world.send({ type: 'rejected', writeId: write.id, code: 500, message: '' });
  world.advance(DESK_SETTINGS.backoffMsMax);
  world.deliverAll();
  expect(statusOf(world)).toMatchObject({ status: 'sent', versionFrom: 'get' });
  // Its other answer, when it is no longer waited for.
  world.send(stored);
  world.heal();
  expect(statusOf(world)).toMatchObject({ status: 'succeeded' });
  expect(world.record?.document.state.desired).toEqual({ a: 1, b: 5 });
});

test('a write that the service handles twice stays ours', () => {
  const world = settledWorld();
  world.create({ a: 2 }, { applyWithinMs: 10_000 });
  const first = taken(world);
  if (first.type !== 'accepted') throw new Error('it was accepted');
  world.send(first);
  world.send({ type: 'accepted', update: { ...first.update, version: first.update.version + 1 } });
  const mark = markAt(world.desk.sight.view?.marks.desired, '/a' as FieldPointer);
  const [id] = [...world.stored.keys()].slice(-1);
  expect(mark === undefined ? undefined : sourceOf(mark)).toMatchObject({ kind: 'command', commandId: id });
});

test('seed 65122: an attempt that was throttled and landed all the same is ours, though another one is under way', () => {
  const world = settledWorld();
  world.create({ a: 2 });
  world.deliverAll();
  world.create({ a: 3 });
  const landed = taken(world);
  const [attempt] = [...world.desk.writes.values()].slice(-1);
  if (attempt === undefined) throw new Error('it is under way');
  world.send({ type: 'rejected', writeId: attempt.id, code: 429, message: '' });
  world.loseWrite();
  world.advance(DESK_SETTINGS.backoffMsMax);
  world.send(landed);
  const [older, younger] = [...world.stored.values()].slice(-2);
  expect(older).toMatchObject({
    status: 'superseded',
    fields: [{ state: { outcome: 'superseded', by: { kind: 'command', commandId: younger?.id } } }],
  });
});

test('seed 74181: an answer that a resumed session brings from an earlier life is no evidence in this one', () => {
  const world = settledWorld();
  const { version = 0, stamp = 0 } = world.desk.sight.view ?? {};
  world.delete();
  world.deliverAll();
  world.create({ a: 2 });
  world.deliverAll();
  const state = { desired: { a: 2 }, reported: { a: 2, reconciler: { version: version + 8 } } };
  world.send({ type: 'read', read: { version: version + 9, timestamp: stamp - 60, state, metadata: {} } });
  expect(statusOf(world)).toMatchObject({ status: 'sent' });
  // Of now it is one of this life that was overheard.
  world.send({ type: 'read', read: { version: version + 9, timestamp: stamp, state: {}, metadata: {} } });
  expect(world.desk.sight.view?.version).toBe(version + 9);
});
