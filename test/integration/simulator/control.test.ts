import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AWS_THROTTLE, openSimulator, startSimulator, type Simulator } from '../../../simulators/testing.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';

let cloud: Simulator;
let probe: MqttProbe;
const SHADOW = '$aws/things/heater/shadow';

beforeEach(async () => {
  cloud = await startSimulator();
  probe = await MqttProbe.connect(cloud.mqttUrl, { clientId: 'probe' });
  await probe.subscribe(`${SHADOW}/update/+`, `${SHADOW}/get/+`);
});

afterEach(async () => {
  await probe.end();
  await cloud.stop();
});

async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${cloud.httpUrl}/simulator/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

test('what was dumped can be loaded into another cloud, tombstones included', async () => {
  await probe.publish(`${SHADOW}/update`, { state: { desired: { a: 1 }, reported: { a: 1 } } });
  await probe.publish(`${SHADOW}/name/eco/update`, { state: {} });
  await probe.publish(`${SHADOW}/name/eco/delete`, '');
  await probe.body(`${SHADOW}/update/accepted`);
  await eventually(() => cloud.document('heater/eco') === undefined);
  expect((await ask('GET', 'shadows')).body).toEqual({
    shadows: [{ key: 'heater', version: 1, bytes: 14, converged: true }],
  });
  const dump = (await ask('GET', 'dump')).body;
  expect((await ask('POST', 'reset')).status).toBe(200);
  expect(cloud.document('heater')).toBeUndefined();
  expect((await ask('POST', 'load', dump)).body).toEqual({ loaded: 2 });
  expect((await ask('GET', 'dump')).body).toEqual(dump);
  await probe.publish(`${SHADOW}/name/eco/update`, { state: {} });
  await eventually(() => cloud.document('heater/eco')?.version === 3);
});

test('a bad dump loads nothing', async () => {
  const good = { thing: 'a', document: { state: {}, metadata: {}, version: 1 } };
  expect(await ask('POST', 'load', [good, { thing: 'b/c' }])).toMatchObject({ status: 400 });
  expect(cloud.document('a')).toBeUndefined();
});

test('48 hours on the clock end the memory of a deleted shadow', async () => {
  await probe.publish(`${SHADOW}/update`, { state: {} });
  await probe.publish(`${SHADOW}/delete`, '');
  await ask('PUT', 'clock', { advanceMs: 49 * 3600 * 1000 });
  await probe.publish(`${SHADOW}/update`, { state: {} });
  const answer = await probe.body(`${SHADOW}/update/accepted`, 2);
  expect(answer['version']).toBe(1);
  await ask('PUT', 'clock', { at: '2031-01-01T00:00:00Z' });
  await probe.publish(`${SHADOW}/get`, '');
  const { timestamp } = (await probe.body(`${SHADOW}/get/accepted`)) as { timestamp: number };
  expect(Math.abs(timestamp - Date.UTC(2031, 0, 1) / 1000)).toBeLessThan(60);
});

test('a web page cannot steer the simulator', async () => {
  const headers = { origin: 'http://evil.example' };
  const response = await fetch(`${cloud.httpUrl}/simulator/reset`, { method: 'POST', headers });
  expect(response.status).toBe(403);
});

test.each([[[{ kind: 'explode' }]], [[{ kind: 'drop', probability: 2 }]], [[{ kind: 'drop', surprise: 1 }]], ['drop']])(
  'the faults %j are refused',
  async (rules) => {
    expect(await ask('PUT', 'faults', { seed: 1, rules })).toMatchObject({
      status: 400,
      body: { code: 'invalid_config' },
    });
  },
);

test('a dropped request has no answer and no effect, a dropped answer hides an effect', async () => {
  await ask('PUT', 'faults', {
    rules: [
      { kind: 'drop', thing: 'heater', message: 'update', times: 1 },
      { kind: 'drop', thing: 'heater', message: 'update/accepted', times: 1 },
    ],
  });
  for (const clientToken of ['1', '2', '3']) await probe.publish(`${SHADOW}/update`, { state: {}, clientToken });
  expect(await probe.body(`${SHADOW}/update/accepted`)).toMatchObject({ version: 2, clientToken: '3' });
});

test('a rejection, a throttling and a doubled message on order', async () => {
  await ask('PUT', 'faults', {
    rules: [
      { id: 'r', kind: 'reject', message: 'update', times: 1, code: 500 },
      { id: 't', kind: 'throttle', message: 'get', times: 1 },
      { id: 'd', kind: 'duplicate', topic: `${SHADOW}/update/accepted` },
    ],
  });
  await probe.publish(`${SHADOW}/update`, { state: {}, clientToken: 'x' });
  expect(await probe.body(`${SHADOW}/update/rejected`)).toEqual({
    code: 500,
    message: 'Internal service failure',
    clientToken: 'x',
  });
  await probe.publish(`${SHADOW}/get`, '');
  expect(await probe.body(`${SHADOW}/get/rejected`)).toMatchObject({ code: 429 });
  await probe.publish(`${SHADOW}/update`, { state: {} });
  await probe.body(`${SHADOW}/update/accepted`, 2);
  expect(cloud.document('heater')?.version).toBe(1);
});

test('a delta can come late and out of order', async () => {
  await ask('PUT', 'faults', { rules: [{ kind: 'reorder', message: 'update/delta', times: 1, delayMs: 60_000 }] });
  await probe.publish(`${SHADOW}/update`, { state: { desired: { a: 1 } } });
  await probe.publish(`${SHADOW}/update`, { state: { desired: { a: 2 } } });
  await probe.body(`${SHADOW}/update/delta`, 2);
  expect(
    probe.heard
      .filter(({ topic }) => /accepted|delta/.test(topic))
      .map(({ topic, payload }) => [
        topic.slice(SHADOW.length + 1),
        (JSON.parse(payload) as { version: number }).version,
      ]),
  ).toEqual([
    ['update/accepted', 1],
    ['update/accepted', 2],
    ['update/delta', 2],
    ['update/delta', 1],
  ]);
  await ask('PUT', 'faults', { rules: [{ kind: 'delay', message: 'get/accepted', delayMs: 20 }] });
  await probe.publish(`${SHADOW}/get`, '');
  await probe.body(`${SHADOW}/get/accepted`);
});

test('a connection can be cut after its request was carried out', async () => {
  await ask('PUT', 'faults', { rules: [{ kind: 'disconnect', message: 'update', when: 'after' }] });
  probe.client.publish(`${SHADOW}/update`, '{"state":{}}', { qos: 1 });
  await eventually(() => !probe.client.connected);
  expect(cloud.document('heater')?.version).toBe(1);
});

test('the same seed strikes the same messages again, and the record says which', async () => {
  const plan = { seed: 'monday', rules: [{ id: 'half', kind: 'drop', message: 'update', probability: 0.5 }] };
  const run = async () => {
    await ask('PUT', 'faults', plan);
    for (let count = 0; count < 30; count++) await probe.publish(`${SHADOW}/update`, { state: {} });
    await probe.publish(`${SHADOW}/get`, '');
    const { body } = await ask('GET', 'faults/record');
    return (body as { strikes: { occurrence: number }[] }).strikes.map(({ occurrence }) => occurrence);
  };
  const first = await run();
  expect(first.length).toBeGreaterThan(5);
  expect(first.length).toBeLessThan(25);
  expect(await run()).toEqual(first);
  plan.seed = 'tuesday';
  expect(await run()).not.toEqual(first);
});

test('the rates of AWS hold when they are asked for', async () => {
  const limited = await startSimulator({ throttle: AWS_THROTTLE });
  const client = await MqttProbe.connect(limited.mqttUrl);
  await client.subscribe(`${SHADOW}/get/rejected`);
  for (let count = 0; count < 90; count++) client.client.publish(`${SHADOW}/get`, '', { qos: 1 });
  const codesHeard = () => client.bodies(`${SHADOW}/get/rejected`).map(({ code }) => code);
  await eventually(() => codesHeard().includes(429));
  const codes = codesHeard();
  expect(codes.filter((code) => code === 404).length).toBeGreaterThanOrEqual(20);
  expect(codes).toContain(429);
  await client.end();
  await limited.stop();
});

test('a data directory keeps shadows, and has one owner', async () => {
  const data = await mkdtemp(join(tmpdir(), 'shadowctl-'));
  const first = await startSimulator({ data });
  const client = await MqttProbe.connect(first.mqttUrl);
  await client.subscribe(`${SHADOW}/+/accepted`);
  await client.publish(`${SHADOW}/update`, {
    state: { desired: JSON.parse('{"__proto__":{"a":1},"é":[1]}') as object },
  });
  await client.body(`${SHADOW}/update/accepted`);
  expect(await openSimulator({ data })).toMatchObject({ ok: false, problem: { code: 'invalid_config' } });
  const before = first.control.dump();
  await client.end();
  await first.stop();
  const second = await startSimulator({ data });
  expect(second.control.dump()).toEqual(before);
  expect(JSON.stringify(second.document('heater')?.state)).toBe('{"desired":{"__proto__":{"a":1},"é":[1]}}');
  await second.stop();
  await rm(data, { recursive: true });
});
