import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CALM } from '../../simulators/network/conditions.ts';
import { modelWith } from '../support/command-fixtures.ts';
import { CloudWorld, deaf, obedient, plain } from '../support/cloud-world.ts';
import { got } from '../support/cloud.ts';

/**
 * Shadow semantics: the faults of group B that concern the server. B6 (a report that meets a version conflict) is the
 * device's: `test/simulation/device-faults.test.ts`. B12, B13 and half a surrogate pair at the edge:
 * `test/integration/api/attacks.test.ts`.
 */

let world: CloudWorld;

beforeEach(async () => {
  world = new CloudWorld();
  await world.start();
});

afterEach(() => world.stop());

describe('B1 desired is superseded while the device applies', () => {
  test('the older command is superseded if its value was never reported', async () => {
    await world.device('lamp', deaf);
    const older = await world.create('lamp', { level: 1 });
    const newer = await world.create('lamp', { level: 2 });

    await world.report('lamp', { level: 2 });

    expect(await world.command(older.id)).toMatchObject({
      status: 'superseded',
      fields: [{ state: { by: { kind: 'command', commandId: newer.id } } }],
    });
    expect(await world.command(newer.id)).toMatchObject({ status: 'succeeded' });
  });

  test('the older command succeeded if its value was truly reported first', async () => {
    const older = await world.create('lamp', { level: 1 });
    await world.report('lamp', { level: 1 });
    const newer = await world.create('lamp', { level: 2 });

    expect(await world.command(older.id)).toMatchObject({ status: 'succeeded' });
    expect(await world.command(newer.id)).toMatchObject({ status: 'sent' });
  });
});

test('B2 desired flips A, B, A: the success of A is not awarded to B', async () => {
  await world.report('lamp', { mode: 'a' });
  const first = await world.create('lamp', { mode: 'a' });
  const second = await world.create('lamp', { mode: 'b' });
  const third = await world.create('lamp', { mode: 'a' });

  await world.report('lamp', { mode: 'a' });

  expect((await world.command(first.id)).status).toBe('succeeded');
  expect(await world.command(second.id)).toMatchObject({
    status: 'superseded',
    fields: [{ state: { by: { commandId: third.id } } }],
  });
  expect((await world.command(third.id)).status).toBe('succeeded');
});

describe('B3 two apps write the same field, both with a version', () => {
  test('one wins, the other fails with version_conflict', async () => {
    await world.report('lamp', { level: 0 });
    await world.desire('lamp', { level: 1 });
    const version = world.document('lamp')?.version as number;

    const first = await world.create('lamp', { level: 2 }, { ifVersion: version });
    const second = await world.create('lamp', { level: 3 }, { ifVersion: version });

    expect((await world.command(first.id)).status).toBe('sent');
    expect(await world.command(second.id)).toMatchObject({ status: 'failed', statusReason: 'version_conflict' });
    expect(world.document('lamp')?.state.desired).toEqual({ level: 2 });
  });

  test('reports and other fields that moved the version are no conflict', async () => {
    await world.desire('lamp', { level: 1 });
    const version = world.document('lamp')?.version as number;
    await world.create('lamp', { other: 1 });
    await world.report('lamp', { level: 0 });

    const command = await world.create('lamp', { level: 2 }, { ifVersion: version });

    expect((await world.command(command.id)).status).toBe('sent');
  });

  test('a conflict on the wire is read again and tried again, with the lock', async () => {
    await world.desire('lamp', { level: 1 });
    const version = world.document('lamp')?.version as number;
    world.faults({ kind: 'reject', code: 409, text: 'Version conflict', message: 'update', times: 3 });

    const command = await world.create('lamp', { level: 2 }, { ifVersion: version });
    await world.advance(5_000);

    expect((await world.command(command.id)).status).toBe('sent');
    const ours = world.updates.filter(({ from }) => from === 'cloud');
    expect(ours).toHaveLength(4);
    expect(ours.every(({ body }) => typeof body['version'] === 'number')).toBe(true);
  });

  test('conflicts that go on leave a line, and the write is never unlocked', async () => {
    await world.desire('lamp', { level: 1 });
    const version = world.document('lamp')?.version as number;
    world.faults({ kind: 'reject', code: 409, text: 'Version conflict', message: 'update' });

    const command = await world.create('lamp', { level: 2 }, { ifVersion: version });
    await world.advance(600_000);

    const lines = got(await world.cloud.timeline(command.id)).map(({ event }) => event);
    expect(lines).toContain('conflict_goes_on');
    expect(world.updates.filter(({ from }) => from === 'cloud').every(({ body }) => 'version' in body)).toBe(true);
    expect((await world.command(command.id)).status).toBe('queued');
  });
});

test('B4 two apps write the same field without a version: the last wins, both authors are known', async () => {
  const first = await world.create('lamp', { level: 1 }, { by: { name: 'anna' } });
  const second = await world.create('lamp', { level: 2 }, { by: { name: 'ben' } });

  expect(await world.command(first.id)).toMatchObject({ status: 'superseded', author: 'anna' });
  expect(await world.command(second.id)).toMatchObject({ status: 'sent', author: 'ben' });
});

test('B5 two apps write different fields: both survive', async () => {
  await world.device('lamp', plain);

  const first = await world.create('lamp', { level: 1 });
  const second = await world.create('lamp', { colour: 'red' });

  expect((await world.command(first.id)).status).toBe('succeeded');
  expect((await world.command(second.id)).status).toBe('succeeded');
});

describe('B7 the shadow is deleted while a command is pending', () => {
  test('a command that was sent is superseded by the deletion', async () => {
    const command = await world.create('lamp', { level: 1 });

    await world.delete('lamp');

    expect(await world.command(command.id)).toMatchObject({
      status: 'superseded',
      fields: [{ state: { by: { kind: 'deleted' } } }],
    });
  });

  test('a command that waits in the lane is written anew', async () => {
    world.faults({ kind: 'throttle', message: 'update', times: 3 });
    const command = await world.create('lamp', { level: 1 });
    expect(command.status).toBe('queued');
    world.faults();
    await world.desire('lamp', { other: 1 });
    await world.delete('lamp');

    await world.advance(10_000);

    expect((await world.command(command.id)).status).toBe('sent');
    expect(world.document('lamp')?.state.desired).toEqual({ level: 1 });
  });
});

test('B8 deleted and made anew within 48 h: a new life, the command of the old one is not judged by it', async () => {
  const old = await world.create('lamp', { level: 1 });
  await world.delete('lamp');

  await world.report('lamp', { level: 1 });
  const young = await world.create('lamp', { level: 1 });

  expect((await world.command(old.id)).status).toBe('superseded');
  expect((await world.command(young.id)).incarnation).toBe(2);
});

test('B9 deleted and made anew after 48 h: lower versions are taken after our own get', async () => {
  await world.desire('lamp', { level: 1 });
  await world.desire('lamp', { level: 2 });
  await world.desire('lamp', { level: 3 });
  const sent = await world.create('lamp', { level: 4 });
  world.network.setConditions({ ...CALM, loss: 1 }, 'cloud');
  await world.deleteForGood('lamp');
  await world.report('lamp', { level: 0 });
  world.network.clearConditions('cloud');

  await world.advance(120_000);

  expect((await world.command(sent.id)).status).toBe('superseded');
  const next = await world.create('lamp', { level: 5 });
  await world.report('lamp', { level: 5 });
  expect((await world.command(next.id)).status).toBe('succeeded');
});

test('B10 a late delete of the old life does not end the new one', async () => {
  await world.desire('lamp', { level: 1 });
  await world.delete('lamp');
  const command = await world.create('lamp', { level: 2 });
  expect((await world.command(command.id)).status).toBe('sent');

  world.network.publish('$aws/things/lamp/shadow/delete/accepted', Buffer.from('{"version":1,"timestamp":1}'));
  await world.settle();

  expect((await world.command(command.id)).status).toBe('sent');
});

describe('B11 more than 8 KB', () => {
  test('after the merge, though the patch is small: the command fails in the words of the service', async () => {
    await world.report('lamp', { log: 'x'.repeat(8_150) });

    const command = await world.create('lamp', { level: 'y'.repeat(60) });

    expect(await world.command(command.id)).toMatchObject({ status: 'failed', statusReason: 'payload_too_large' });
    const lines = got(await world.cloud.timeline(command.id));
    expect(lines.at(-1)).toMatchObject({ event: 'rejected', by: 'service' });
    expect(lines.at(-1)?.detail?.['message']).toMatch(/413/);
  });

  test('the patch alone: refused before anything is stored', async () => {
    const refused = await world.cloud.create({
      ref: { thingName: 'lamp' as never },
      patch: { a: 'x'.repeat(9_000) },
      by: { name: 'a' },
    });

    expect(refused).toMatchObject({ ok: false, problem: { code: 'payload_too_large' } });
  });

  test('one of several that shared a request: the others go through', async () => {
    await world.report('lamp', { log: 'x'.repeat(8_000) });
    world.faults({ kind: 'delay', delayMs: 300, message: 'update', times: 1 });
    const first = await world.create('lamp', { a: 1 });
    const [big, small] = await Promise.all([
      world.create('lamp', { b: 'y'.repeat(300) }),
      world.create('lamp', { c: 3 }),
    ]);
    await world.advance(5_000);

    expect((await world.command(first.id)).status).toBe('sent');
    expect(await world.command(big.id)).toMatchObject({ status: 'failed', statusReason: 'payload_too_large' });
    expect((await world.command(small.id)).status).toBe('sent');
  });
});

describe('B12, B13, B15, B18 what cannot be a wish is refused before it is stored', () => {
  const tests: [string, Record<string, unknown>, string][] = [
    ['too deep', { a: { b: { c: { d: { e: { f: { g: { h: { i: 1 } } } } } } } } }, 'too_deep'],
    ['null in an array', { a: [1, null] }, 'invalid_request'],
    ["the device's own member", { reconciler: { version: 1 } }, 'invalid_request'],
    ['nothing', {}, 'invalid_request'],
    ['B18 a whole number that loses digits on the way', { serial: 2 ** 53 }, 'invalid_request'],
    ['B18 one in an array', { serials: [1, [-(2 ** 60)]] }, 'invalid_request'],
  ];
  test.each(tests)('%s', async (_what, patch, code) => {
    const refused = await world.cloud.create({
      ref: { thingName: 'lamp' as never },
      patch: patch as never,
      by: { name: 'a' },
    });

    expect(refused).toMatchObject({ ok: false, problem: { code } });
  });
});

test('B19 a momentary field is no state: the command is refused before it is stored, and says what to send', async () => {
  await world.stop();
  world = new CloudWorld({ modelOf: () => modelWith({ '/reboot': { momentary: true } }) });
  await world.start();

  const wish = { ref: { thingName: 'lamp' as never }, patch: { reboot: true }, by: { name: 'a' } };
  const refused = await world.cloud.create(wish);

  expect(refused).toMatchObject({ ok: false, problem: { code: 'model_violation', at: '/reboot' } });
  expect(refused.ok ? '' : refused.problem.message).toContain('direct command');
  expect(got(await world.cloud.commands({}, { limit: 9 })).items).toEqual([]);
  expect(world.updates).toEqual([]);
});

test('B14 a field the device does not know is refused, the other fields of the command are applied', async () => {
  await world.device('lamp', (device, desired, version) =>
    device.report({
      level: desired['level'] ?? null,
      reconciler: {
        version,
        fields: { '/warp': { outcome: 'refused', code: 'unsupported', message: 'no such field' } },
      },
    }),
  );

  const command = await world.create('lamp', { level: 1, warp: 9 });

  const { status, fields } = await world.command(command.id);
  expect(status).toBe('failed');
  expect(fields.map(({ field, state }) => [field, state.outcome])).toEqual([
    ['/level', 'confirmed'],
    ['/warp', 'refused'],
  ]);
});

test('B16 a clamped value is no success, and nobody loops', async () => {
  await world.device('lamp', (device) => device.report({ level: 100 }));

  const command = await world.create('lamp', { level: 120 }, { applyWithinMs: 20_000 });
  const updates = world.updates.length;
  await world.advance(15_000);

  expect((await world.command(command.id)).status).toBe('sent');
  expect(world.updates.length - updates).toBeLessThan(8);
  await world.advance(10_000);
  expect((await world.command(command.id)).status).toBe('timed_out');
});

test('B17 a lossy value within the tolerance of the model is a success', async () => {
  await world.stop();
  world = new CloudWorld({ modelOf: () => modelWith({ '/targetC': { tolerance: { absolute: 0.05 } } }) });
  await world.start();
  const command = await world.create('heater', { targetC: 21.3 });

  await world.report('heater', { targetC: Math.fround(21.3) });

  expect((await world.command(command.id)).status).toBe('succeeded');
});

describe('B18 a value that does not come back as it was sent', () => {
  test.each([
    ['minus zero as zero', -0, 0],
    ['a whole number with a point', 21, 21.0],
    ['letters that are no ASCII', 'Grüße \u{1F321}', 'Grüße \u{1F321}'],
  ])('%s is the same value', async (_what, sent, shown) => {
    const command = await world.create('lamp', { value: sent });
    await world.report('lamp', { value: shown });
    expect((await world.command(command.id)).status).toBe('succeeded');
  });

  test.each([
    ['a number as text', 21, '21'],
    ['letters put together in another way', '\u00fc', 'u\u0308'],
    ['capitals', 'ECO', 'eco'],
  ])('%s is another value: no success, one drift entry, and nobody loops', async (_what, sent, shown) => {
    const command = await world.create('lamp', { value: sent }, { applyWithinMs: 20_000, onEnd: 'keep' });
    await world.report('lamp', { value: shown });
    const updates = world.updates.length;
    await world.advance(60_000);
    expect((await world.command(command.id)).status).toBe('timed_out');
    expect(world.updates.length - updates).toBeLessThan(8);
    const drift = got(await world.cloud.drift({}, { limit: 9 })).items;
    expect(drift).toMatchObject([{ field: '/value', desired: sent, reported: shown, flaps: 0 }]);
  });
});

describe('B20 two shadows of one thing', () => {
  test('a command on each ends on its own, whatever becomes of the other and in whatever order they are told', async () => {
    const network = await world.create('hub/network', { ssid: 'new' });
    const mqtt = await world.create('hub/mqtt', { host: 'new' }, { applyWithinMs: 20_000 });

    await world.report('hub/mqtt', { host: 'old' });
    await world.report('hub/network', { ssid: 'new' });
    expect((await world.command(network.id)).status).toBe('succeeded');
    await world.advance(60_000);

    expect((await world.command(mqtt.id)).status).toBe('timed_out');
    expect((await world.command(network.id)).status).toBe('succeeded');
  });

  test('versions of one are never held against the other', async () => {
    for (let level = 0; level < 5; level += 1) await world.report('hub/network', { level });
    const mqtt = await world.create('hub/mqtt', { host: 'new' });
    expect((await world.command(mqtt.id)).version).toBe(1);
    await world.report('hub/mqtt', { host: 'new' });
    expect((await world.command(mqtt.id)).status).toBe('succeeded');
  });
});

test.each([
  [true, 'succeeded', 0],
  [false, 'timed_out', 1],
] as const)('B21 an array that comes back sorted, declared unordered: %s, has %s', async (unordered, status, drift) => {
  await world.stop();
  world = new CloudWorld({ modelOf: () => modelWith(unordered ? { '/days': { unordered } } : {}) });
  await world.start();
  const command = await world.create('heater', { days: ['tu', 'mo'] }, { applyWithinMs: 20_000, onEnd: 'keep' });

  await world.report('heater', { days: ['mo', 'tu'] });
  await world.advance(60_000);

  expect((await world.command(command.id)).status).toBe(status);
  expect(got(await world.cloud.driftCounts({})).fields).toBe(drift);
});

test('B22 a field removed from desired that the device goes on reporting is no drift', async () => {
  await world.device('lamp', obedient);
  await world.create('lamp', { level: 1 });

  const removal = await world.create('lamp', { level: null });

  expect(await world.command(removal.id)).toMatchObject({
    status: 'succeeded',
    fields: [{ state: { outcome: 'confirmed', reason: 'removed' } }],
  });
  expect(got(await world.cloud.driftCounts({})).fields).toBe(0);
});
