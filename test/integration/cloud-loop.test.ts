import type { AnyCommand } from '../../src/core/direct/direct-command.ts';
import type { Result } from '../../src/core/result.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import type { Cloud } from '../../src/cloud/cloud.ts';
import type { CloudOptions } from '../../src/cloud/cloud-options.ts';
import { composeDevice } from '../../src/compose-device.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import type { Device } from '../../src/device/device.ts';
import { App } from '../support/app.ts';
import { aWish, cloudAt, ended, endOf, got, refOf } from '../support/cloud.ts';
import { eventually } from '../support/eventually.ts';
import { TestHardware, thing } from '../support/test-device.ts';

let simulator: Simulator;
let app: App;
let cloud: Cloud;
const devices: Device[] = [];

beforeEach(async () => {
  simulator = await startSimulator();
  app = await App.connect(simulator.mqttUrl);
});

afterEach(async () => {
  for (const device of devices.splice(0)) await device.stop();
  await cloud.stop();
  await app.close();
  await simulator.stop();
});

async function start(options: Partial<CloudOptions> = {}): Promise<void> {
  cloud = cloudAt(simulator.mqttUrl, options);
  got(await cloud.start());
}

async function connect(hardware: TestHardware, name = 'heater'): Promise<Device> {
  const composed = composeDevice({
    thingName: thing(name),
    shadows: [{ model: NO_MODEL, adapters: [hardware] }],
    mqtt: { url: simulator.mqttUrl },
  });
  const device = got(composed);
  devices.push(device);
  got(await device.start());
  await eventually(() => simulator.document(name)?.state.reported);
  return device;
}

test('a command to a device that obeys succeeds with the evidence of the device', async () => {
  await start();
  await connect(new TestHardware({ '/targetC': 20 }));

  const command = await ended(cloud, aWish('heater', { targetC: 22 }));

  expect(command).toMatchObject({
    status: 'succeeded',
    author: 'anna',
    fields: [{ field: '/targetC', desired: 22, state: { outcome: 'confirmed' } }],
  });
  expect(command.version).toBeGreaterThan(0);
  const lines = got(await cloud.timeline(command.id));
  expect(lines.map(({ event }) => event)).toEqual(['created', 'accepted', 'succeeded']);
});

test('a command that asks for what is already so succeeds as a no-op after the device answered', async () => {
  await start();
  await connect(new TestHardware({ '/targetC': 22 }));

  const command = await ended(cloud, aWish('heater', { targetC: 22 }));

  expect(command).toMatchObject({ status: 'succeeded', noop: true });
});

test('a command the device refuses fails with the words of the device, and desired is restored', async () => {
  await start();
  const hardware = new TestHardware({ '/fanSpeed': 2 });
  await connect(hardware);
  await ended(cloud, aWish('heater', { fanSpeed: 3 }));
  hardware.obey = ({ field }) => ({ field, result: 'refused', code: 'out_of_range', message: '1 to 5' });

  const command = await ended(cloud, aWish('heater', { fanSpeed: 9 }));

  expect(command).toMatchObject({
    status: 'failed',
    statusReason: 'refused',
    fields: [{ state: { outcome: 'refused', code: 'out_of_range', message: '1 to 5' } }],
  });
  await eventually(async () => endResult(await cloud.command(command.id)) === 'restored');
  expect(simulator.document('heater')?.state.desired).toEqual({ fanSpeed: 3 });
});

test('a command whose device is offline waits, and succeeds when it returns', async () => {
  await start();
  const { command } = got(await cloud.create(aWish('heater', { targetC: 23 })));
  await eventually(async () => got(await cloud.command(command.id)).status === 'sent');

  await connect(new TestHardware({ '/targetC': 20 }));

  expect(await endOf(cloud, command.id)).toMatchObject({ status: 'succeeded' });
});

test('a newer command for the same field ends the older one as superseded, with a link', async () => {
  await start();
  const older = got(await cloud.create(aWish('heater', { targetC: 23 }))).command;
  await eventually(async () => got(await cloud.command(older.id)).status === 'sent');

  const newer = got(await cloud.create(aWish('heater', { targetC: 24 }))).command;

  expect(await endOf(cloud, older.id)).toMatchObject({
    status: 'superseded',
    fields: [{ state: { outcome: 'superseded', by: { kind: 'command', commandId: newer.id } } }],
  });
});

test('a foreign writer is recognised by version and token', async () => {
  await start();
  const { command } = got(await cloud.create(aWish('heater', { targetC: 23 })));
  await eventually(async () => got(await cloud.command(command.id)).status === 'sent');

  await app.desire('heater', { targetC: 5 });

  expect(await endOf(cloud, command.id)).toMatchObject({
    status: 'superseded',
    fields: [{ state: { by: { kind: 'foreign', version: 2, clientToken: 'app' } } }],
  });
});

test('a connected device that does not act times out, and desired is withdrawn', async () => {
  await start();
  const hardware = new TestHardware({ '/targetC': 20 });
  await connect(hardware);
  await eventually(async () => got(await cloud.thing(thing('heater'))).presence.state === 'online');
  hardware.obey = () => new Promise(() => undefined);

  const command = await ended(cloud, aWish('heater', { targetC: 22 }, { applyWithinMs: 300 }));

  expect(command).toMatchObject({ status: 'timed_out' });
  await eventually(async () => endResult(await cloud.command(command.id)) === 'withdrawn');
  expect(simulator.document('heater')?.state.desired).toBeUndefined();
});

test('a command nobody takes up expires', async () => {
  await start();

  const command = await ended(cloud, aWish('heater', { targetC: 22 }, { expiresInMs: 200 }));

  expect(command).toMatchObject({ status: 'expired' });
});

test('a plain device without our reconciler is believed by version', async () => {
  await start();
  const { command } = got(await cloud.create(aWish('plain', { on: true })));
  await eventually(async () => got(await cloud.command(command.id)).status === 'sent');

  await app.publish('$aws/things/plain/shadow/update', { state: { reported: { on: true } } });

  expect(await endOf(cloud, command.id)).toMatchObject({ status: 'succeeded' });
});

test('several commands at once share requests and each has its own end', async () => {
  await start();
  await connect(new TestHardware({ '/a': 0, '/b': 0, '/c': 0 }));

  const made = await Promise.all(
    ['a', 'b', 'c'].map(async (key, index) => got(await cloud.create(aWish('heater', { [key]: index + 1 }))).command),
  );
  const ends = await Promise.all(made.map(({ id }) => endOf(cloud, id)));

  expect(ends.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  expect(got(await cloud.shadow(refOf('heater'))).desired).toEqual({ a: 1, b: 2, c: 3 });
});

test('a shadow report shows the wish while it is open and says why it is not confirmed', async () => {
  await start();
  const { command } = got(await cloud.create(aWish('heater', { targetC: 23 })));
  await eventually(async () => got(await cloud.command(command.id)).status === 'sent');

  const report = got(await cloud.shadow(refOf('heater')));

  expect(report.fields).toEqual([
    expect.objectContaining({
      field: '/targetC',
      shown: 23,
      desired: 23,
      converged: false,
      reason: 'waiting_for_device',
    }),
  ]);
});

test('asking for a shadow that never was leaves no trace in any list', async () => {
  await start();
  expect(await cloud.shadow(refOf('no-such-thing'))).toMatchObject({
    ok: false,
    problem: { code: 'shadow_not_found' },
  });
  await app.desire('heater', { targetC: 21 });
  await eventually(async () => got(await cloud.shadows({ limit: 10 })).items.length > 0);

  expect(got(await cloud.shadows({ limit: 10 })).items).toEqual([refOf('heater')]);
  expect(got(await cloud.thing(thing('no-such-thing'))).shadows).toEqual([]);
});

function endResult(found: Result<AnyCommand>): string | undefined {
  const command = got(found);
  return command.kind === 'shadow' ? command.endResult : undefined;
}
