import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFleet, type Fleet } from '../../simulators/devices/fleet.ts';
import { parseMisbehaviour } from '../../simulators/devices/misbehaviour.ts';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import type { JsonObject } from '../../src/core/json/json.ts';
import { App } from '../support/app.ts';
import { DirectSender } from '../support/direct-sender.ts';
import { eventually } from '../support/eventually.ts';

let cloud: Simulator;
let app: App;
let fleet: Fleet | undefined;

beforeEach(async () => {
  cloud = await startSimulator();
  app = await App.connect(cloud.mqttUrl);
});
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
  await app.close();
  await cloud.stop();
});

async function start(model: string, faults: string, count = 1, thing?: string): Promise<Fleet> {
  const misbehaviour = parseMisbehaviour(faults);
  if (!misbehaviour.ok) throw new Error(misbehaviour.problem.message);
  const created = createFleet({
    model,
    count,
    seed: 3,
    mqtt: { url: cloud.mqttUrl },
    misbehaviour: misbehaviour.value,
    limits: { retryBaseMs: 20, retryCapMs: 100 },
    ...(thing === undefined ? {} : { thing }),
  });
  if (!created.ok) throw new Error(created.problem.message);
  fleet = created.value;
  await fleet.start();
  return fleet;
}

interface Said {
  readonly value: unknown;
  readonly entry: { readonly outcome: string; readonly code?: string } | undefined;
}

function said(key: string, field: string): Said {
  const reported = cloud.document(key)?.state.reported;
  const member = reported?.['reconciler'] as { fields?: Record<string, Said['entry']> } | undefined;
  return { value: reported?.[field.slice(1)], entry: member?.fields?.[field] };
}

test.each([
  ['heater', '', '/targetC', 22, { value: 22 }],
  ['heater', '', '/fanSpeed', 9, { value: 1, entry: { outcome: 'refused', code: 'out_of_range' } }],
  ['heater', '', '/targetC', 99, { value: 20, entry: { outcome: 'refused', code: 'out_of_range' } }],
  ['heater', 'clamp', '/fanSpeed', 9, { value: 5, entry: { outcome: 'refused', code: 'clamped' } }],
  // Its rpm goes together with its direction: what was clamped is put back.
  ['motor', 'clamp', '/rpm', 2_500, { value: 0, entry: { outcome: 'refused', code: 'clamped' } }],
  ['lock', 'slow=100', '/locked', false, { value: false }],
  ['bulb', 'stuck', '/on', true, { value: false, entry: { outcome: 'refused', code: 'not_applied' } }],
  ['bulb', 'stuck=0.5', '/on', true, { value: true }],
  ['bulb', 'lie', '/on', true, { value: true }],
  ['bulb', 'throw=0.3', '/on', true, { value: true }],
  ['bulb', 'hang', '/on', true, { value: false, entry: { outcome: 'applying' } }],
  ['motor', 'reboot=0.5', '/rpm', 500, { value: 500 }],
] as const)('a %s with faults "%s" and the wish %s = %j ends as %o', async (model, faults, field, wish, expected) => {
  await start(model, faults);
  await eventually(() => cloud.document(model));

  await app.desire(model, { [field.slice(1)]: wish });

  await eventually(
    () => expect(said(model, field)).toEqual({ entry: undefined, ...expected, ...entryOf(expected) }) ?? true,
  );
});

/** The message of an entry is for people and not compared. */
function entryOf(expected: object): object {
  const entry = 'entry' in expected ? (expected.entry as object) : undefined;
  return entry === undefined ? {} : { entry: expect.objectContaining(entry) as object };
}

test('every device of a fleet on a named shadow does its wish', async () => {
  await start('motor', '', 5, 'pump/drive');
  const keys = [1, 2, 3, 4, 5].map((number) => `pump-${number}`);
  await eventually(() => keys.every((key) => cloud.document(`${key}/drive`) !== undefined));

  await Promise.all(keys.map((key, index) => app.desire(key, { rpm: 100 * (index + 1) }, 'drive')));

  await eventually(() =>
    keys.every((key, index) => cloud.document(`${key}/drive`)?.state.reported?.['rpm'] === 100 * (index + 1)),
  );
});

test.each(['slow', 'stuck=2', 'nonsense', 'clamp=1', 'slow=-1'])('faults "%s" are refused with an example', (text) => {
  expect(parseMisbehaviour(text)).toMatchObject({ ok: false, problem: { code: 'invalid_request' } });
});

test('the lock opens once for one visitor and locks again', async () => {
  await start('lock', '', 1, 'door');
  const sender = await DirectSender.connect(cloud.mqttUrl, 'door');
  const request = { id: 'u1', name: 'unlock', args: { visitor: 'Ada', seconds: 1 } };
  expect(await sender.send(request)).toMatchObject({
    status: 'succeeded',
    result: { visitor: 'Ada' },
    state: { locked: false },
  });
  // Open for a second only: what was said of it stays.
  const reported = () => app.on('update/accepted').map(({ state }) => (state as { reported?: JsonObject }).reported);
  await eventually(() => reported().some((part) => part?.['locked'] === false));
  await eventually(() => said('door', '/locked').value === true);
  // The duplicate is answered, and the door stays shut.
  await sender.ask({ ...request, attempt: 2 });
  await eventually(() => sender.finals('u1').length >= 2);
  expect(fleet?.devices[0]?.hardware.values.get('/locked')).toBe(true);
  expect(await sender.send({ id: 'u2', name: 'unlock' })).toMatchObject({
    status: 'rejected',
    problem: { code: 'invalid_args' },
  });
  await sender.end();
});

test('the heater restarts once, is offline meanwhile, and its next life answers', async () => {
  await start('heater', '', 1, 'heater');
  const sender = await DirectSender.connect(cloud.mqttUrl, 'heater');
  expect(await sender.send({ id: 'r1', name: 'restart' })).toMatchObject({
    status: 'succeeded',
    result: { restarted: true },
  });
  await sender.ask({ id: 'r1', name: 'restart', attempt: 2 });
  await eventually(() => sender.finals('r1').length >= 2);
  expect(fleet?.devices[0]?.reboots).toBe(1);
  await sender.end();
});

test.each([undefined, 102_000])('the bulb sends its newest log, with bytes: %o', async (bytes) => {
  await start('bulb', '', 1, 'bulb');
  const sender = await DirectSender.connect(cloud.mqttUrl, 'bulb');
  const answer = await sender.send({ id: 'l1', name: 'send_log', args: bytes === undefined ? {} : { bytes } });
  const size = JSON.stringify(answer.result).length;
  expect(answer.status).toBe('succeeded');
  expect(size).toBeGreaterThan((bytes ?? 4_096) - 200);
  expect(size).toBeLessThanOrEqual(bytes === undefined ? 4_200 : 100 * 1024);
  await sender.end();
});

test('the motor refuses to stop before it was started, with its state, and follows a sequence', async () => {
  await start('motor', '', 1, 'motor');
  const sender = await DirectSender.connect(cloud.mqttUrl, 'motor');
  expect(await sender.send({ id: 's0', name: 'stop' })).toMatchObject({
    status: 'rejected',
    problem: { code: 'not_running' },
    state: { running: false, rpm: 0 },
  });
  const at = (number: number) => ({ sequence: { key: 'run', number } });
  await sender.ask({ id: 'm3', name: 'stop', ...at(3) });
  await sender.ask({ id: 'm2', name: 'speed', args: { rpm: 900 }, ...at(2) });
  await sender.ask({ id: 'm1', name: 'start', ...at(1) });
  await eventually(() => sender.finals('m3')[0]);
  expect(['m1', 'm2', 'm3'].map((id) => sender.finals(id)[0])).toMatchObject([
    { status: 'succeeded', state: { rpm: 100 } },
    { status: 'succeeded', state: { rpm: 900 } },
    { status: 'succeeded', state: { running: false }, sequence: { key: 'run', number: 3 } },
  ]);
  expect(await sender.send({ id: 'm9', name: 'start', ...at(9) })).toMatchObject({
    status: 'rejected',
    problem: { code: 'out_of_order' },
    state: { running: false },
    sequence: { key: 'run', number: 3 },
  });
  await sender.end();
});
