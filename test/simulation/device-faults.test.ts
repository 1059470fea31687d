import { expect, test } from 'vitest';
import { problem } from '../../src/core/problem.ts';
import { fail, ok } from '../../src/core/result.ts';
import type { Journal } from '../../src/ports/journal.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import { DeviceWorld, modelWith, type BootOptions } from '../support/device-world.ts';
import { field, TestHardware } from '../support/test-device.ts';

/** The fault catalogue, sections A to C, as far as it concerns the device. Numbers are those of the catalogue. */

async function running(values: Readonly<Record<string, JsonValue>> = { '/a': 1 }, options: BootOptions = {}) {
  const world = new DeviceWorld();
  const hardware = new TestHardware(values);
  await world.boot(hardware, options);
  await world.run(1_000);
  return { world, hardware };
}

const values = (hardware: TestHardware): unknown[] => hardware.effects.map(({ value }) => value);

test('A1 a delta that comes twice has one effect and one answer', async () => {
  const { world, hardware } = await running();
  world.deliver = (answers) =>
    answers.flatMap((answer) => (answer.kind.startsWith('update/') ? [answer, answer] : [answer]));
  const before = world.reports().length;

  world.desire({ a: 2 });
  await world.run(1_000);

  expect(values(hardware)).toEqual([2]);
  expect(world.reports().length - before).toBe(1);
});

test('A3 patches that come in the wrong order end in the newest wish, and nothing older is applied after it', async () => {
  const { world, hardware } = await running();
  const kept: { kind: string; body: never }[] = [];
  world.deliver = (answers) => {
    kept.unshift(...(answers as never[]));
    return [];
  };
  for (const a of [2, 3, 4]) world.desire({ a });
  world.deliver = (answers) => answers;
  for (const { kind, body } of kept) world.tell(kind, body);
  await world.run(1_000);

  expect(world.reported('a')).toBe(4);
  expect(values(hardware)).toEqual([4]);
  expect(world.said.version).toBe(4);
});

test('A4 with every delta and accepted lost the next resync brings the wish', async () => {
  const { world, hardware } = await running();
  world.deliver = (answers) =>
    answers.filter(({ kind, body }) => kind.startsWith('get/') || body['clientToken'] !== 'app');

  world.desire({ a: 2 });
  await world.run(20 * 60_000);

  expect(values(hardware)).toEqual([2]);
  expect(world.said.version).toBe(2);
});

test('A4 a lost accepted is made good by its delta', async () => {
  const { world } = await running();
  world.deliver = (answers) =>
    answers.filter(({ kind, body }) => kind !== 'update/accepted' || body['clientToken'] !== 'app');

  world.desire({ a: 2 });
  await world.run(1_000);

  expect(world.reported('a')).toBe(2);
});

test('A5 a delta delayed past a newer wish and past a deletion has no effect', async () => {
  const { world, hardware } = await running();
  const late: { kind: string; body: never }[] = [];
  world.deliver = (answers) => {
    late.push(...(answers.filter(({ kind }) => kind !== 'get/accepted') as never[]));
    return [];
  };
  world.desire({ a: 2 });
  world.deliver = (answers) => answers;
  world.desire({ a: 3 });
  await world.run(1_000);
  world.delete();
  await world.run(1_000);
  for (const { kind, body } of late) world.tell(kind, body);
  await world.run(5_000);

  expect(values(hardware)).toEqual([3]);
  expect(hardware.values.get('/a')).toBe(3);
});

test('A6 messages of the life before, replayed after a restart, have no effect', async () => {
  const { world, hardware } = await running();
  const seen: { kind: string; body: never }[] = [];
  world.deliver = (answers) => {
    seen.push(...(answers as never[]));
    return answers;
  };
  world.desire({ a: 2 });
  await world.run(1_000);
  world.desire({ a: 3 });
  await world.run(1_000);
  world.crash();
  await world.run(1_000);
  await world.boot(hardware);
  for (const { kind, body } of [...seen]) world.tell(kind, body);
  await world.run(5_000);

  expect(values(hardware)).toEqual([2, 3]);
});

test('A7 accepted and delta of one version: whichever comes first, the wish is done once', async () => {
  for (const order of [1, -1]) {
    const { world, hardware } = await running();
    world.deliver = (answers) => (order === 1 ? answers : [...answers].reverse());
    world.desire({ a: 2 });
    await world.run(1_000);
    expect(values(hardware)).toEqual([2]);
    expect(world.reported('a')).toBe(2);
  }
});

test('A8 a version gap is asked for once', async () => {
  const { world } = await running();
  world.deliver = (answers) =>
    answers.filter(({ body }) => Number(body['version']) > 4 || body['clientToken'] !== 'app');
  const before = world.sent.filter(({ kind }) => kind === 'get').length;

  for (const a of [2, 3, 4, 5]) world.desire({ a });
  await world.run(2_000);

  expect(world.sent.filter(({ kind }) => kind === 'get').length - before).toBe(1);
  expect(world.reported('a')).toBe(5);
});

test('A9 an update that changes nothing moves the version and costs no message', async () => {
  const { world, hardware } = await running();
  const before = world.sent.length;

  world.update({});
  await world.run(60_000);

  expect(world.sent.length).toBe(before);
  expect(hardware.effects).toEqual([]);
  world.desire({ a: 2 });
  await world.run(1_000);
  expect(world.sent.filter(({ kind }) => kind === 'get')).toHaveLength(2);
});

test("A13 answers to other people's gets change nothing", async () => {
  const { world, hardware } = await running();
  world.desire({ a: 2 });
  await world.run(1_000);

  world.tell('get/accepted', {
    state: { desired: { a: 9 } },
    metadata: {},
    version: 99,
    timestamp: 1,
    clientToken: 'x',
  });
  await world.run(2_000);

  expect(values(hardware)).toEqual([2]);
});

test('A14 a rejection that is not ours is ignored', async () => {
  const { world } = await running();
  world.tell('update/rejected', { code: 409, message: 'Version conflict' });
  world.tell('update/rejected', { code: 409, message: 'Version conflict', clientToken: 'somebody' });
  const before = world.sent.length;
  await world.run(10_000);
  expect(world.sent.length).toBe(before);
});

test('A16 two devices with one client id do not ask at every kick', async () => {
  const { world } = await running();
  const before = world.sent.filter(({ kind }) => kind === 'get').length;

  for (let kick = 0; kick < 40; kick += 1) {
    world.network.cut('thing');
    await world.run(1_000);
  }

  expect(world.sent.filter(({ kind }) => kind === 'get').length - before).toBeLessThan(15);
  expect(world.logged.map(({ message }) => message)).toContain(
    'the connection flaps; another client may use the same client id',
  );
  await world.run(120_000);
  world.desire({ a: 2 });
  await world.run(120_000);
  expect(world.reported('a')).toBe(2);
});

test('A17 a poisonous message is dropped and the stream goes on behind it', async () => {
  const { world } = await running();
  const topic = '$aws/things/thing/shadow/update/accepted';
  for (const poison of [
    '',
    '{',
    '[]',
    'null',
    '{"version":"x"}',
    `{"state":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
  ]) {
    world.network.publish(topic, Buffer.from(poison));
  }
  world.desire({ a: 2 });
  await world.run(1_000);

  expect(world.reported('a')).toBe(2);
  expect(world.logged.filter(({ message }) => message === 'a message was not understood')).toHaveLength(6);
});

test('A18 topics that are none of ours are ignored', async () => {
  const { world } = await running();
  world.network.publish('$aws/things/thing/shadow/get/new-kind', Buffer.from('{}'));
  await world.run(1_000);
  expect(world.logged.filter(({ level }) => level !== 'info')).toEqual([]);
});

test('B1 a wish replaced during its apply is finished, told as it is, and followed by the newer one', async () => {
  const { world, hardware } = await running();
  let release = (): void => undefined;
  hardware.obey = async (change) => {
    await new Promise<void>((resolve) => (release = resolve));
    return hardware.set(change);
  };
  world.desire({ a: 2 });
  await world.run(100);
  world.desire({ a: 3 });
  await world.run(100);
  hardware.obey = (change) => hardware.set(change);
  release();
  await world.run(1_000);

  expect(values(hardware)).toEqual([2, 3]);
  expect(world.reports().map(({ body }) => (body['state'] as never)['reported']['a'])).toEqual([1, 2, 3]);
});

test('B2 a wish that flips there and back ends where it began', async () => {
  const { world, hardware } = await running();
  world.desire({ a: 2 });
  world.desire({ a: 3 });
  world.desire({ a: 2 });
  await world.run(1_000);
  expect(world.reported('a')).toBe(2);
  expect(values(hardware).at(-1)).toBe(2);
  expect(world.said.version).toBe(4);
});

test('B6 a report that conflicts is worked out again from a fresh document', async () => {
  const { world } = await running();
  let conflicts = 2;
  world.swallow = (kind, body) => {
    if (kind !== 'update' || conflicts === 0) return false;
    conflicts -= 1;
    world.tell('update/rejected', {
      code: 409,
      message: 'Version conflict',
      clientToken: body['clientToken'] as string,
    });
    return true;
  };
  world.desire({ a: 2 });
  await world.run(30_000);
  expect(world.reported('a')).toBe(2);
  expect(world.said.version).toBe(2);
});

test('B8 a shadow that is deleted and created anew is a new life: the new wish is done', async () => {
  const { world, hardware } = await running();
  world.desire({ a: 2 });
  await world.run(1_000);
  world.delete();
  await world.run(1_000);
  expect(world.reported('a')).toBe(2);
  world.desire({ a: 5 });
  await world.run(1_000);
  expect(values(hardware)).toEqual([2, 5]);
  expect(world.reported('a')).toBe(5);
});

test('B9 a shadow whose versions began again is followed, not waited for', async () => {
  const { world, hardware } = await running({ '/a': 1 }, { reconnectMaxMs: 3_600_000 });
  for (let a = 2; a < 12; a += 1) world.desire({ a });
  await world.run(1_000);
  world.network.takeAway();
  world.delete();
  await world.run(49 * 3_600_000);
  world.desire({ a: 99 });
  expect(world.document.version).toBe(1);
  world.network.bringBack();
  await world.run(2 * 3_600_000);
  expect(hardware.values.get('/a')).toBe(99);
  expect(world.reported('a')).toBe(99);
});

test('B10 a deletion of long ago, delivered late, does not disturb the shadow that is there', async () => {
  const { world } = await running();
  world.desire({ a: 2 });
  await world.run(1_000);
  const reports = world.reports().length;
  world.tell('delete/accepted', { version: 1, timestamp: 1 });
  await world.run(5_000);
  expect(world.reports().length).toBe(reports);
  world.desire({ a: 3 });
  await world.run(1_000);
  expect(world.reported('a')).toBe(3);
});

test('B11 a document that grows too large loses our own words first, and the values stay', async () => {
  const world = new DeviceWorld();
  const hardware = new TestHardware({ '/a': 1, '/big': 'x' });
  hardware.obey = ({ field: name }) => ({ field: name, result: 'refused', code: 'no', message: 'm'.repeat(200) });
  await world.boot(hardware);
  await world.run(1_000);
  hardware.turn('/big', 'y'.repeat(7_700));
  await world.run(1_000);
  world.desire({ a: 2, b: 3, c: 4, d: 5 });
  await world.run(5_000);

  expect(world.reported('big')).toBe('y'.repeat(7_700));
  expect(world.said.version).toBe(world.document.version - 1);
  expect(world.said.fields?.['/a']).toMatchObject({ outcome: 'refused', code: 'no' });
  expect(world.logged.map(({ message }) => message)).toContain('the report was trimmed to fit the shadow');
});

test('B11 a value that can never fit is named, and the others are reported', async () => {
  const world = new DeviceWorld();
  const hardware = new TestHardware({ '/a': 1, '/huge': 'x' });
  await world.boot(hardware);
  await world.run(1_000);
  hardware.turn('/huge', 'y'.repeat(9_000));
  hardware.turn('/a', 2);
  await world.run(10_000);
  expect(world.reported('a')).toBe(2);
  expect(world.reported('huge')).toBe('x');
  expect(world.said.fields?.['/huge']).toMatchObject({ outcome: 'retrying', code: 'payload_too_large' });
});

test('B14 keys of a newer app are refused by name, the others are done', async () => {
  const { world } = await running({ '/a': 1 }, { model: modelWith({ a: { type: 'number' } }) });
  world.desire({ a: 2, later: { than: 'us' } });
  await world.run(1_000);
  expect(world.reported('a')).toBe(2);
  expect(world.said.fields).toEqual({
    '/later/than': { outcome: 'refused', code: 'unknown_field', message: 'this device has no such field' },
  });
  world.desire({ later: null });
  await world.run(1_000);
  expect(world.said.fields ?? {}).toEqual({});
});

test('B15 a field that only the device sets is refused', async () => {
  const model = modelWith({ a: { type: 'number', 'x-shadow': { owner: 'device' } } });
  const { world, hardware } = await running({ '/a': 1 }, { model });
  world.desire({ a: 2 });
  await world.run(1_000);
  expect(hardware.effects).toEqual([]);
  expect(world.said.fields?.['/a']).toMatchObject({ outcome: 'refused', code: 'device_owned' });
});

test('B16 a clamped value is reported as it is and refused, without a loop', async () => {
  const { world, hardware } = await running();
  hardware.obey = ({ field: name, value }) => hardware.set({ field: name, value: Math.min(100, Number(value)) });
  world.desire({ a: 120 });
  await world.run(60 * 60_000);
  expect(world.reported('a')).toBe(100);
  expect(world.said.fields?.['/a']).toMatchObject({ outcome: 'refused', code: 'clamped' });
  expect(values(hardware)).toEqual([120]);
  // The first one created the shadow. Each report that differs causes a delta, which must not be answered (R61).
  expect(world.reports()).toHaveLength(2);
});

test('B17 a value that loses precision within the tolerance has converged', async () => {
  const model = modelWith({ a: { type: 'number', 'x-shadow': { tolerance: { absolute: 0.01 } } } });
  const { world, hardware } = await running({ '/a': 1 }, { model });
  hardware.obey = ({ field: name, value }) => hardware.set({ field: name, value: Math.fround(Number(value)) });
  world.desire({ a: 21.3 });
  await world.run(60 * 60_000);
  expect(world.reported('a')).toBe(Math.fround(21.3));
  expect(world.said.fields ?? {}).toEqual({});
  expect(hardware.effects).toHaveLength(1);
});

test('B19 a momentary field is refused on the shadow path', async () => {
  const model = modelWith({ reboot: { type: 'boolean', 'x-shadow': { momentary: true } } });
  const { world, hardware } = await running({ '/reboot': false }, { model });
  world.desire({ reboot: true });
  await world.run(1_000);
  expect(hardware.effects).toEqual([]);
  expect(world.said.fields?.['/reboot']).toMatchObject({ outcome: 'refused', code: 'momentary' });
});

test('B21 a list that the device sorts has converged', async () => {
  const model = modelWith({ list: { type: 'array', 'x-shadow': { unordered: true } } });
  const { world, hardware } = await running({ '/list': [] }, { model });
  hardware.obey = ({ field: name, value }) => hardware.set({ field: name, value: [...(value as number[])].sort() });
  world.desire({ list: [3, 1, 2] });
  await world.run(60_000);
  expect(world.reported('list')).toEqual([1, 2, 3]);
  expect(hardware.effects).toHaveLength(1);
  expect(world.said.fields ?? {}).toEqual({});
});

test('B22 a wish that is withdrawn leaves the device as it is', async () => {
  const { world, hardware } = await running();
  world.desire({ a: 2 });
  await world.run(1_000);
  world.desire({ a: null });
  await world.run(1_000);
  hardware.turn('/a', 7);
  await world.run(5_000);
  expect(values(hardware)).toEqual([2]);
  expect(world.reported('a')).toBe(7);
});

test('C6 a value that brings the device down again and again is put in quarantine', async () => {
  const world = new DeviceWorld();
  const hardware = new TestHardware({ '/a': 1, '/b': 1 });
  let starts = 0;
  const options = {};
  hardware.obey = (change) => {
    if (change.value !== 666) return hardware.set(change);
    world.crash();
    return new Promise(() => undefined);
  };
  await world.boot(hardware, options);
  await world.run(1_000);
  world.desire({ a: 666, b: 2 });
  for (; starts < 10; starts += 1) {
    await world.run(5_000);
    if (world.device === undefined) await world.boot(hardware, options);
  }
  await world.run(5_000);

  expect(values(hardware).filter((value) => value === 666)).toHaveLength(3);
  expect(world.reported('b')).toBe(2);
  expect(world.said.fields?.['/a']).toMatchObject({ outcome: 'refused', code: 'quarantined' });
  world.desire({ a: 5 });
  await world.run(1_000);
  expect(world.reported('a')).toBe(5);
});

test('C7 an adapter that throws harms its own fields only, is tried again, and given up', async () => {
  const world = new DeviceWorld();
  const bad = new TestHardware({ '/bad': 1 }, 'bad');
  bad.obey = () => {
    throw new Error('wire cut');
  };
  await world.boot([bad, new TestHardware({ '/good': 1 }, 'good')]);
  await world.run(1_000);
  world.desire({ bad: 2, good: 2 });
  await world.run(500);
  expect(world.reported('good')).toBe(2);
  expect(world.said.fields?.['/bad']).toMatchObject({
    outcome: 'retrying',
    code: 'adapter_failed',
    message: 'wire cut',
  });
  await world.run(3_600_000);
  expect(world.said.fields?.['/bad']).toMatchObject({ outcome: 'refused', code: 'adapter_failed' });
  expect(bad.effects).toHaveLength(8);
});

test('C8 an adapter that hangs holds up neither the other fields nor their next wishes', async () => {
  const world = new DeviceWorld();
  const stuck = new TestHardware({ '/stuck': 1 }, 'stuck');
  stuck.obey = () => new Promise(() => undefined);
  await world.boot([stuck, new TestHardware({ '/free': 1 }, 'free')]);
  await world.run(1_000);
  world.desire({ stuck: 2, free: 2 });
  await world.run(1_500);
  expect(world.reported('free')).toBe(2);
  expect(world.said.fields?.['/stuck']).toEqual({ outcome: 'applying' });
  world.desire({ free: 3 });
  await world.run(500);
  expect(world.reported('free')).toBe(3);
  await world.run(60_000);
  expect(world.said.fields?.['/stuck']).toMatchObject({ outcome: 'retrying', code: 'adapter_timeout' });
  expect(stuck.effects).toHaveLength(1);
  expect(world.sent.length).toBeLessThan(15);
});

test('C9 an adapter that finishes after its time-out is read back, and the truth is told', async () => {
  const { world, hardware } = await running();
  let finish = (): void => undefined;
  hardware.obey = async (change) => {
    await new Promise<void>((resolve) => (finish = resolve));
    return hardware.set(change);
  };
  world.desire({ a: 2 });
  await world.run(40_000);
  expect(world.said.fields?.['/a']).toMatchObject({ outcome: 'retrying', code: 'adapter_timeout' });
  finish();
  await world.run(1_000);
  expect(world.reported('a')).toBe(2);
  expect(world.said.fields ?? {}).toEqual({});
  expect(hardware.effects).toHaveLength(1);
});

test('C10 an adapter that says done although nothing changed is not believed', async () => {
  const { world, hardware } = await running();
  hardware.obey = ({ field: name }) => ({ field: name, result: 'applied' });
  world.desire({ a: 2 });
  await world.run(200);
  expect(world.reported('a')).toBe(1);
  expect(world.said.fields?.['/a']).toMatchObject({ outcome: 'retrying', code: 'not_applied' });
});

test('C11 a value that flaps costs ever fewer reports, not one per change', async () => {
  const { world, hardware } = await running();
  const before = world.reports().length;
  for (let change = 0; change < 6_000; change += 1) {
    hardware.turn('/a', change % 2);
    await world.run(100);
  }
  expect(world.reports().length - before).toBeLessThan(30);
  hardware.turn('/a', 42);
  await world.run(120_000);
  expect(world.reported('a')).toBe(42);
});

test('C12 enforce: a change by hand is put back', async () => {
  const { world, hardware } = await running();
  world.desire({ a: 2 });
  await world.run(1_000);
  hardware.turn('/a', 9);
  await world.run(1_000);
  expect(hardware.values.get('/a')).toBe(2);
  expect(world.reported('a')).toBe(2);
});

test('C12 enforce: a fight over a value is fought ever more slowly', async () => {
  const { world, hardware } = await running();
  hardware.watch(() => undefined);
  world.desire({ a: 2 });
  await world.run(1_000);
  for (let second = 0; second < 600; second += 1) {
    if (hardware.values.get('/a') === 2) hardware.turn('/a', 9);
    await world.run(1_000);
  }
  expect(hardware.effects.length).toBeLessThan(40);
  expect(hardware.effects.length).toBeGreaterThan(5);
});

test('C12 adopt: desired follows a change by hand', async () => {
  const model = modelWith({ a: { type: 'number', 'x-shadow': { onLocalChange: 'adopt' } } });
  const { world, hardware } = await running({ '/a': 1 }, { model });
  world.desire({ a: 2 });
  await world.run(1_000);
  hardware.turn('/a', 9);
  await world.run(1_000);
  expect(world.document.state.desired).toEqual({ a: 9 });
  expect(world.reported('a')).toBe(9);
  hardware.turn('/a', 10);
  await world.run(10_000);
  expect(world.document.state.desired).toEqual({ a: 10 });
  expect(values(hardware)).toEqual([2]);
});

test('C12 adopt: a change by hand loses to a wish that was not seen yet', async () => {
  const model = modelWith({ a: { type: 'number', 'x-shadow': { onLocalChange: 'adopt' } } });
  const { world, hardware } = await running({ '/a': 1 }, { model });
  world.desire({ a: 2 });
  await world.run(1_000);
  world.deliver = () => [];
  world.desire({ a: 5 });
  world.deliver = (answers) => answers;
  hardware.turn('/a', 9);
  await world.run(10_000);
  expect(world.document.state.desired).toEqual({ a: 5 });
  expect(hardware.values.get('/a')).toBe(5);
});

const LEASE = { a: { type: 'number', 'x-shadow': { onLocalChange: 'lease', leaseMs: 600_000 } } };

test('C12 lease: a change by hand is left alone for its time, then the wish holds again', async () => {
  const { world, hardware } = await running({ '/a': 1 }, { model: modelWith(LEASE) });
  world.desire({ a: 2 });
  await world.run(1_000);
  hardware.turn('/a', 9);
  await world.run(1_000);
  expect(world.reported('a')).toBe(9);
  const until = world.clock.wall() + 599_000;
  const said = world.said.fields?.['/a'] as { until?: number } | undefined;
  expect(said).toMatchObject({ outcome: 'overridden', by: 'local' });
  expect(Math.abs((said?.until ?? 0) - until)).toBeLessThan(3_000);
  await world.run(590_000);
  expect(hardware.values.get('/a')).toBe(9);
  await world.run(20_000);
  expect(hardware.values.get('/a')).toBe(2);
  expect(world.said.fields ?? {}).toEqual({});
});

test('C12 lease: a newer wish ends it at once', async () => {
  const { world, hardware } = await running({ '/a': 1 }, { model: modelWith(LEASE) });
  world.desire({ a: 2 });
  await world.run(2_000);
  hardware.turn('/a', 9);
  await world.run(2_000);
  world.desire({ a: 3 });
  await world.run(1_000);
  expect(hardware.values.get('/a')).toBe(3);
});

test('C12 lease: what is left of it survives a restart', async () => {
  const { world, hardware } = await running({ '/a': 1 }, { model: modelWith(LEASE) });
  world.desire({ a: 2 });
  await world.run(1_000);
  hardware.turn('/a', 9);
  await world.run(300_000);
  await world.device?.stop();
  await world.boot(hardware, { model: modelWith(LEASE) });
  await world.run(200_000);
  expect(hardware.values.get('/a')).toBe(9);
  await world.run(150_000);
  expect(hardware.values.get('/a')).toBe(2);
});

test('C13 a field waits until the one it depends on has converged', async () => {
  const model = modelWith({
    mode: { type: 'string' },
    speed: { type: 'number', 'x-shadow': { dependsOn: ['/mode'] } },
  });
  const { world, hardware } = await running({ '/speed': 0, '/mode': 'off' }, { model });
  world.desire({ speed: 3, mode: 'on' });
  await world.run(1_000);
  expect(hardware.effects.map(({ field: name }) => name)).toEqual(['/mode', '/speed']);
  expect(world.said.fields ?? {}).toEqual({});
});

test('C13 a field whose dependency is refused is refused with its name', async () => {
  const model = modelWith({
    mode: { enum: ['off', 'on'] },
    speed: { type: 'number', 'x-shadow': { dependsOn: ['/mode'] } },
  });
  const { world, hardware } = await running({ '/speed': 0, '/mode': 'off' }, { model });
  world.desire({ speed: 3, mode: 'turbo' });
  await world.run(1_000);
  expect(hardware.effects).toEqual([]);
  expect(world.said.fields).toMatchObject({
    '/mode': { outcome: 'refused', code: 'not_allowed' },
    '/speed': { outcome: 'refused', code: 'dependency_refused' },
  });
});

const GROUP = {
  a: { type: 'number', 'x-shadow': { group: 'g' } },
  b: { type: 'number', 'x-shadow': { group: 'g' } },
  c: { type: 'number' },
};

test('C13 a group whose member fails is put back in reverse order, and says so per field', async () => {
  const { world, hardware } = await running({ '/a': 1, '/b': 1, '/c': 1 }, { model: modelWith(GROUP) });
  hardware.obey = (change) =>
    change.field === '/b' && change.value === 2
      ? { field: change.field, result: 'refused', code: 'no_power', message: 'not enough power' }
      : hardware.set(change);
  world.desire({ a: 2, b: 2, c: 2 });
  await world.run(1_000);
  expect(Object.fromEntries(hardware.values)).toEqual({ '/a': 1, '/b': 1, '/c': 2 });
  expect(world.said.fields).toMatchObject({
    '/a': { outcome: 'refused', code: 'group_undone' },
    '/b': { outcome: 'refused', code: 'no_power' },
  });
  expect(world.reported('c')).toBe(2);
});

test('C14 an adapter that writes into what it is given changes nothing that we know', async () => {
  const { world, hardware } = await running({ '/list': [0] });
  hardware.obey = (change) => {
    expect(() => (change.value as number[]).push(99)).toThrow(TypeError);
    return hardware.set(change);
  };
  world.desire({ list: [1, 2] });
  await world.run(1_000);
  expect(world.reported('list')).toEqual([1, 2]);
});

test('C15 a sensor that cannot be read at boot is said to be so, and no wish is echoed', async () => {
  const world = new DeviceWorld();
  world.desire({ a: 5 });
  const hardware = new TestHardware({ '/a': 1 });
  hardware.beforeRead = () => {
    throw new Error('bus error');
  };
  await world.boot(hardware);
  await world.run(1_000);
  expect(world.reported('a')).toBeUndefined();
  expect(world.said.fields?.['/a']).toMatchObject({ outcome: 'retrying', code: 'adapter_failed' });
  hardware.beforeRead = () => undefined;
  await world.run(120_000);
  expect(world.reported('a')).toBe(5);
});

const UNLOCK = { open: { type: 'boolean', 'x-shadow': { validForMs: 10_000 } } };

test('C16 with a clock that begins in 1970 fresh wishes are done and late ones refused', async () => {
  const world = new DeviceWorld();
  const clock = world.clock.withWall(0 as never);
  const hardware = new TestHardware({ '/open': false });
  await world.boot(hardware, { model: modelWith(UNLOCK), clock });
  await world.run(1_000);
  world.desire({ open: true });
  await world.run(1_000);
  expect(hardware.values.get('/open')).toBe(true);
});

test('C18 after a month away the first thing is a get, and a late unlock does nothing', async () => {
  const { world, hardware } = await running(
    { '/open': false },
    { model: modelWith(UNLOCK), reconnectMaxMs: 3_600_000 },
  );
  world.network.takeAway();
  world.desire({ open: true });
  await world.run(30 * 86_400_000);
  world.network.bringBack();
  const from = world.sent.length;
  await world.run(2 * 3_600_000);
  expect(world.sent[from]?.kind).toBe('get');
  expect(hardware.effects).toEqual([]);
  expect(world.said.fields?.['/open']).toMatchObject({ outcome: 'refused', code: 'stale' });
});

test('an idle, converged device sends nothing for a whole day but its resync gets', async () => {
  const { world, hardware } = await running();
  world.desire({ a: 2 });
  await world.run(60_000);
  const before = world.sent.length;
  await world.run(24 * 3_600_000);
  const sent = world.sent.slice(before);
  expect(sent.filter(({ kind }) => kind !== 'get')).toEqual([]);
  expect(sent.length).toBeGreaterThan(70);
  expect(sent.length).toBeLessThan(125);
  expect(hardware.effects).toHaveLength(1);
});

test('the same value written anew is answered, and a refused one is tried again', async () => {
  const { world, hardware } = await running();
  hardware.obey = ({ field: name }) => ({ field: name, result: 'refused', code: 'jammed', message: 'jammed' });
  world.desire({ a: 2 });
  await world.run(2_000);
  hardware.obey = (change) => hardware.set(change);
  const version = world.desire({ a: 2 });
  await world.run(2_000);
  expect(values(hardware)).toEqual([2, 2]);
  expect(world.said.version).toBe(version);
  expect(world.said.fields ?? {}).toEqual({});
});

test('a nudge tries again at once what waits for a retry', async () => {
  const { world, hardware } = await running({ '/a': 1 }, { limits: { retryBaseMs: 1e9, retryCapMs: 1e9 } });
  hardware.obey = ({ field: name }) => ({ field: name, result: 'failed', code: 'busy', message: 'busy' });
  world.desire({ a: 2 });
  await world.run(2_000);
  hardware.obey = (change) => hardware.set(change);
  world.update({});
  await world.run(2_000);
  expect(world.reported('a')).toBe(2);
});

test('before a delayed retry the wish is checked; one that is gone meanwhile is not applied', async () => {
  const { world, hardware } = await running({ '/a': 1 }, { limits: { retryBaseMs: 60_000 } });
  hardware.obey = ({ field: name }) => ({ field: name, result: 'failed', code: 'busy', message: 'busy' });
  world.desire({ a: 2 });
  await world.run(20);
  world.deliver = (answers) => answers.filter(({ kind }) => kind.startsWith('get/'));
  world.desire({ a: 1 });
  const gets = world.sent.filter(({ kind }) => kind === 'get').length;
  await world.run(60_000);
  expect(world.sent.filter(({ kind }) => kind === 'get').length).toBeGreaterThan(gets);
  expect(values(hardware)).toEqual([2]);
});

test('a report without an answer is settled by a get, not sent twice', async () => {
  const { world } = await running();
  world.deliver = (answers) =>
    answers.filter(({ kind, body }) => kind !== 'update/accepted' || body['clientToken'] === 'app');
  world.desire({ a: 2 });
  await world.run(4_000);
  const reports = world.reports().length;
  world.deliver = (answers) => answers;
  await world.run(20_000);
  expect(world.reported('a')).toBe(2);
  expect(world.reports().length - reports).toBeLessThanOrEqual(1);
});

test('a throttled report is sent again later', async () => {
  const { world } = await running();
  let refusals = 3;
  world.swallow = (kind, body) => {
    if (kind !== 'update' || refusals === 0) return false;
    refusals -= 1;
    world.tell('update/rejected', {
      code: 429,
      message: 'Too Many Requests',
      clientToken: body['clientToken'] as string,
    });
    return true;
  };
  world.desire({ a: 2 });
  await world.run(60_000);
  expect(world.reported('a')).toBe(2);
});

test('two adapters that own overlapping fields are refused at the start', async () => {
  const world = new DeviceWorld();
  const left = new TestHardware({ '/a': 1 }, 'left');
  const right = new TestHardware({ '/a/b': 1 }, 'right');
  await expect(world.boot([left, right])).rejects.toThrow('adapters left and right both own /a/b');
});

test('fields that depend on each other in a circle are refused at the start', async () => {
  const world = new DeviceWorld();
  const model = modelWith({
    a: { type: 'number', 'x-shadow': { dependsOn: ['/b'] } },
    b: { type: 'number', 'x-shadow': { dependsOn: ['/a'] } },
  });
  await expect(world.boot(new TestHardware({ '/a': 1, '/b': 1 }), { model })).rejects.toThrow('circle');
});

test('an adapter that reads what JSON cannot hold harms no other field', async () => {
  const world = new DeviceWorld();
  const odd = new TestHardware({ '/odd': 1 }, 'odd');
  odd.values.set('/odd', [null] as never);
  await world.boot([odd, new TestHardware({ '/fine': 1 }, 'fine')]);
  await world.run(1_000);
  expect(world.reported('fine')).toBe(1);
  expect(world.said.fields?.['/odd']).toMatchObject({ outcome: 'retrying', code: 'not_json' });
});

test('an orderly stop finishes the pass, reports, and leaves no intent behind', async () => {
  const { world, hardware } = await running();
  hardware.obey = async (change) => {
    await new Promise((resolve) => world.clock.at((world.clock.monotonic() + 500) as never, () => resolve(undefined)));
    return hardware.set(change);
  };
  world.desire({ a: 2 });
  await world.run(100);
  const stopped = world.device?.stop();
  await world.run(1_500);
  await stopped;
  expect(world.reported('a')).toBe(2);
  const journal = await world.journal.open();
  expect(journal.ok && journal.value.records.get('thing')).not.toHaveProperty('intent');
  expect(field('/a')).toBe('/a');
});

test('I12 a sensor that hangs or is slow keeps no other field waiting', async () => {
  const world = new DeviceWorld();
  const slow = new TestHardware({ '/slow': 1 }, 'slow');
  await world.boot([slow, new TestHardware({ '/free': 1 }, 'free')]);
  await world.run(1_000);
  slow.beforeRead = () =>
    new Promise((resolve) => world.clock.at((world.clock.monotonic() + 5_000) as never, () => resolve()));
  world.desire({ free: 2, slow: 2 });
  await world.run(1_200);
  expect(world.reported('free')).toBe(2);
  expect(world.said.fields?.['/slow']).toMatchObject({ outcome: 'retrying', code: 'adapter_slow' });
  await world.run(30_000);
  expect(world.reported('slow')).toBe(2);
  const before = world.reports().length;
  await world.run(3_600_000);
  expect(world.reports().length).toBe(before);
  slow.beforeRead = () => new Promise(() => undefined);
  world.desire({ free: 3 });
  await world.run(1_200);
  expect(world.reported('free')).toBe(3);
  world.desire({ free: 4 });
  await world.run(100);
  expect(world.reported('free')).toBe(4);
});

test('C17 with a journal that cannot be written the device goes on and reports the truth', async () => {
  const world = new DeviceWorld();
  const full: Journal = {
    open: () => Promise.resolve(ok({ records: new Map() })),
    write: () => Promise.resolve(fail(problem('journal_unavailable', 'no space left on device'))),
    close: () => Promise.resolve(),
  };
  await world.boot(new TestHardware({ '/a': 1 }), { journal: full });
  world.desire({ a: 2 });
  await world.run(1_000);
  expect(world.reported('a')).toBe(2);
  expect(world.logged.map(({ message }) => message)).toContain('the journal could not be written');
});

test('a value that takes effect at a restart is deferred, and done after it', async () => {
  const { world, hardware } = await running();
  hardware.obey = ({ field: name }) => ({ field: name, result: 'deferred', until: 'restart' });
  world.desire({ a: 2 });
  await world.run(60_000);
  expect(world.said.fields?.['/a']).toEqual({ outcome: 'deferred', until: 'restart' });
  expect(hardware.effects).toHaveLength(1);
  await world.device?.stop();
  hardware.values.set('/a', 2);
  await world.boot(hardware);
  await world.run(2_000);
  expect(world.reported('a')).toBe(2);
  expect(world.said.fields ?? {}).toEqual({});
  expect(hardware.effects).toHaveLength(1);
});

test('an adapter that cannot watch is read instead', async () => {
  const world = new DeviceWorld();
  const hardware = new TestHardware({ '/a': 1 });
  hardware.watch = () => {
    throw new Error('no inotify');
  };
  await world.boot(hardware);
  hardware.values.set('/a', 2);
  await world.run(90_000);
  expect(world.reported('a')).toBe(2);
});

test('adopt: a value that the model forbids is not adopted', async () => {
  const model = modelWith({ a: { type: 'number', maximum: 10, 'x-shadow': { onLocalChange: 'adopt' } } });
  const { world, hardware } = await running({ '/a': 1 }, { model });
  world.desire({ a: 2 });
  await world.run(1_000);
  hardware.turn('/a', 99);
  await world.run(1_000);
  expect(world.document.state.desired).toEqual({ a: 2 });
  expect(hardware.values.get('/a')).toBe(2);
});

test.each([
  ['half a character', '\ud83d'],
  ['NUL', 'a\0b'],
  ['null in an object', { x: null }],
  ['nine levels', { a: { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } } }],
  ['no number', Number.NaN],
])('a reading that holds %s is unreadable, and the other fields are reported', async (_what, value) => {
  const world = new DeviceWorld();
  const odd = new TestHardware({ '/odd': 1 }, 'odd');
  odd.values.set('/odd', value as never);
  await world.boot([odd, new TestHardware({ '/fine': 1 }, 'fine')]);
  await world.run(1_000);
  expect(world.reported('fine')).toBe(1);
  expect(world.said.fields?.['/odd']).toMatchObject({ outcome: 'retrying', code: 'not_json' });
});

test('I2 a wish replaced while an earlier field of the pass is applied is never applied itself', async () => {
  const model = modelWith({ mode: {}, speed: { 'x-shadow': { dependsOn: ['/mode'] } } });
  const { world, hardware } = await running({ '/mode': 'off', '/speed': 0 }, { model });
  hardware.obey = async (change) => {
    if (change.field === '/mode') {
      await new Promise((resolve) =>
        world.clock.at((world.clock.monotonic() + 200) as never, () => resolve(undefined)),
      );
    }
    return hardware.set(change);
  };
  world.desire({ mode: 'on', speed: 1 });
  await world.run(100);
  world.desire({ speed: 2 });
  await world.run(5_000);
  expect(hardware.effects.map(({ value }) => value)).toEqual(['on', 2]);
});

test('the same value written anew within the same second is tried again, too', async () => {
  const { world, hardware } = await running();
  hardware.obey = ({ field: name }) => ({ field: name, result: 'refused', code: 'jammed', message: 'jammed' });
  world.desire({ a: 2 });
  await world.run(100);
  world.desire({ a: 2 });
  await world.run(100);
  expect(values(hardware)).toEqual([2, 2]);
});
