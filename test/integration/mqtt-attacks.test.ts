import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json/json.ts';
import type { Log } from '../../src/ports/log.ts';
import { SILENT } from '../../src/ports/log.ts';
import { ApiWorld } from '../support/api.ts';
import { App } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { fresh } from '../support/fresh.ts';
import { MqttProbe } from '../support/mqtt-probe.ts';

/** What somebody with a connection to the broker may try, against a real server behind it. */
let world: ApiWorld;
let app: App;
const warnings: unknown[] = [];

beforeAll(async () => {
  const log: Log = { ...SILENT, warn: (fields, message) => warnings.push({ ...fields, message }) };
  world = await ApiWorld.open({ log });
  app = await App.connect(world.simulator.mqttUrl);
});
afterAll(async () => {
  await app.close();
  await world.close();
});

const update = (name: string, body: JsonObject) => app.publish(`$aws/things/${name}/shadow/update`, body);
const statusOf = async (id: string): Promise<string> => (await world.get(`/v1/commands/${id}`)).body.status as string;
const metric = async (name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)`, 'm').exec((await world.get('/metrics')).text)?.[1] ?? 0);

/** The way from a wish to the broker is as open as before. */
async function stillServes(): Promise<void> {
  const { body } = await world.post(`/v1/things/${fresh('after')}/commands`, { desired: { a: 1 } });
  await eventually(async () => (await statusOf(body.id)) === 'sent');
}

test('A-13: a second connection with the identity of a thing is counted and named in the log', async () => {
  const name = fresh('twin');
  const before = await metric('shadow_takeovers_total');
  const probes = [];
  for (let count = 0; count < 3; count += 1) {
    probes.push(await MqttProbe.connect(world.simulator.mqttUrl, { clientId: name }));
  }
  await eventually(async () => (await metric('shadow_takeovers_total')) >= before + 2);
  expect(warnings).toContainEqual({
    thingName: name,
    message: 'another connection took over the client id of a thing',
  });
  for (const probe of probes) await probe.end();
});

test('A-18: a message of 5 MB ends the connection of its sender and nobody else’s', async () => {
  const sender = await MqttProbe.connect(world.simulator.mqttUrl, { protocolVersion: 4 });
  sender.client.publish('cmd/door/resp', Buffer.alloc(5 * 1024 * 1024, 'x'), { qos: 1 });
  await eventually(() => !sender.client.connected);
  await sender.end();
  // The largest that the broker lets pass is still no answer and no report.
  const large = 'x'.repeat(127 * 1024);
  await app.publish('cmd/door/resp', { id: large, status: 'succeeded' });
  await update('large', { state: { reported: { large } } });
  await stillServes();
  expect(world.simulator.document('large')).toBeUndefined();
});

test.each<[string, unknown]>([
  ['of 65 bytes', 'x'.repeat(65)],
  ['that is an object', { $ne: '' }],
  ['that is a number', 7],
])('B-16: an update with a token %s is refused by the service and stores nothing', async (_, clientToken) => {
  const name = fresh('token');
  await update(name, { state: { desired: { a: 1 } }, clientToken: clientToken as string });
  await eventually(() => app.messages.some(({ topic }) => topic === `$aws/things/${name}/shadow/update/rejected`));
  expect(world.simulator.document(name)).toBeUndefined();
});

test('B-16: who writes under the token of our own write is a foreign writer all the same', async () => {
  const name = fresh('token');
  const { id } = (await world.post(`/v1/things/${name}/commands`, { desired: { a: 1 } })).body;
  await eventually(async () => (await statusOf(id)) === 'sent');
  const ours = app.messages.find(({ topic }) => topic === `$aws/things/${name}/shadow/update`)?.body['clientToken'];
  await update(name, { state: { desired: { a: 2 } }, clientToken: ours as string });
  await eventually(async () => (await statusOf(id)) === 'superseded');
  expect((await world.get(`/v1/commands/${id}`)).body.fields).toMatchObject([
    { outcome: 'superseded', supersededBy: { kind: 'foreign', version: 2 } },
  ]);
});

test('B-17: members that nobody asked for are refused or left out, and never shown', async () => {
  const name = fresh('members');
  const extra = { metadata: { reported: { a: { timestamp: 1 } } }, delta: { a: 9 }, timestamp: 1, admin: true };
  await update(name, { state: { reported: { a: 2 }, author: 'root' } });
  await update(name, { state: { reported: { a: 1 } }, ...extra });
  const { body } = await eventually(async () => {
    const answer = await world.get(`/v1/things/${name}/shadow?refresh=true`);
    return answer.status === 200 ? answer : undefined;
  });
  expect(body).toMatchObject({ reported: { a: 1 }, version: 1 });
  expect(body).not.toHaveProperty('desired');
  expect(JSON.stringify(body)).not.toMatch(/admin|root|delta/);
  expect(world.simulator.document(name)?.state).toEqual({ reported: { a: 1 } });
});

test('B-20: a field that reports another type is drift that says so, and the wish stands', async () => {
  const name = fresh('heater-b20');
  await update(name, { state: { desired: { targetC: 21 }, reported: { targetC: { value: '21' } } } });
  const [entry] = await eventually(async () => {
    const { items } = (await world.get(`/v1/drift?thing=${name}`)).body;
    return items.length === 1 ? items : undefined;
  });
  expect(entry).toMatchObject({ field: '/targetC', desired: 21, reported: { value: '21' } });
  expect(entry.detail).toEqual({ code: 'invalid_report', message: 'an object, where the model has a single value' });
});

test('G-13: a listener that throws and messages that nothing can read leave the server as it was', async () => {
  const cancel = world.cloud.onEvent(() => {
    throw new Error('not caught by anybody');
  });
  for (const topic of ['$aws/events/presence/connected/x', '$aws/events/presence/disconnected/x', 'cmd/x/resp']) {
    for (const payload of ['', '{', 'null', '[]', '{"id":{}}', '\u0000']) await app.publish(topic, payload);
  }
  await stillServes();
  cancel();
});
