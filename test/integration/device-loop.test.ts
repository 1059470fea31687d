import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { composeDevice } from '../../src/compose-device.ts';
import type { ShadowName } from '../../src/core/brand.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import type { Device } from '../../src/device/device.ts';
import { App } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { TestHardware, thing } from '../support/test-device.ts';

let cloud: Simulator;
let app: App;
let device: Device | undefined;

beforeEach(async () => {
  cloud = await startSimulator();
  app = await App.connect(cloud.mqttUrl);
});

afterEach(async () => {
  await device?.stop();
  device = undefined;
  await app.close();
  await cloud.stop();
});

async function start(hardware: TestHardware): Promise<Device> {
  const composed = composeDevice({
    thingName: thing('heater'),
    shadows: [{ model: NO_MODEL, adapters: [hardware] }],
    mqtt: { url: cloud.mqttUrl },
  });
  if (!composed.ok) throw new Error(composed.problem.message);
  device = composed.value;
  const started = await device.start();
  expect(started).toEqual({ ok: true, value: undefined });
  return device;
}

test('a device creates its shadow by reporting what it reads', async () => {
  await start(new TestHardware({ '/targetC': 20 }));

  const document = await eventually(() => cloud.document('heater'));

  expect(document.state.reported).toEqual({ targetC: 20, reconciler: { version: 0, model: 'none' } });
});

test('a wish is applied, read back and reported with the version it came with', async () => {
  const hardware = new TestHardware({ '/targetC': 20 });
  await start(hardware);
  await eventually(() => cloud.document('heater'));

  await app.desire('heater', { targetC: 22 });

  const reported = await eventually(() => {
    const reported = cloud.document('heater')?.state.reported;
    return reported?.['targetC'] === 22 ? reported : undefined;
  });
  expect(hardware.effects).toEqual([{ field: '/targetC', value: 22 }]);
  expect(reported).toEqual({ targetC: 22, reconciler: { version: 2, model: 'none' } });
});

test('a wish written while the device was away is done when it returns', async () => {
  await app.desire('heater', { targetC: 23 });
  const hardware = new TestHardware({ '/targetC': 20 });

  await start(hardware);

  await eventually(() => cloud.document('heater')?.state.reported?.['targetC'] === 23);
  expect(hardware.effects).toHaveLength(1);
});

test('a field that the device does not have is refused by name, and the others are done', async () => {
  await start(new TestHardware({ '/targetC': 20 }));
  await eventually(() => cloud.document('heater'));

  await app.desire('heater', { targetC: 24, tagretC: 25 });

  await eventually(() => cloud.document('heater')?.state.reported?.['targetC'] === 24);
  expect(cloud.document('heater')?.state.reported).toMatchObject({
    reconciler: { version: 2, fields: { '/tagretC': { outcome: 'refused', code: 'no_adapter' } } },
  });
});

test('classic and named shadows of one thing are independent: one that hangs does not hold up the other', async () => {
  const stuck = new TestHardware({ '/a': 1 }, 'stuck');
  stuck.obey = () => new Promise(() => undefined);
  const free = new TestHardware({ '/a': 1 }, 'free');
  const composed = composeDevice({
    thingName: thing('pump'),
    shadows: [
      { model: NO_MODEL, adapters: [stuck] },
      { shadowName: 'drive' as ShadowName, model: NO_MODEL, adapters: [free] },
    ],
    mqtt: { url: cloud.mqttUrl, protocol: 'mqtt311' },
  });
  if (!composed.ok) throw new Error(composed.problem.message);
  device = composed.value;
  await device.start();
  await eventually(() => cloud.document('pump') && cloud.document('pump/drive'));

  await app.desire('pump', { a: 2 });
  await app.desire('pump', { a: 3 }, 'drive');

  await eventually(() => cloud.document('pump/drive')?.state.reported?.['a'] === 3);
  expect(cloud.document('pump')?.state.reported?.['a']).toBe(1);
  expect([stuck.effects, free.effects].map((effects) => effects.map(({ value }) => value))).toEqual([[2], [3]]);
});

test('after the connection is cut the device asks, and does what was wished meanwhile', async () => {
  await start(new TestHardware({ '/targetC': 20 }));
  await eventually(() => cloud.document('heater'));

  cloud.cut('heater');
  await app.desire('heater', { targetC: 25 });

  await eventually(() => cloud.document('heater')?.state.reported?.['targetC'] === 25);
});
