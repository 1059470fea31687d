import { createConnection } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSimulator, startSimulator, type Simulator } from '../../../simulators/testing.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';

let cloud: Simulator;
const probes: MqttProbe[] = [];

beforeEach(async () => {
  cloud = await startSimulator();
});

afterEach(async () => {
  for (const probe of probes.splice(0)) await probe.end();
  await cloud.stop();
});

async function connect(options: Parameters<typeof MqttProbe.connect>[1] = {}): Promise<MqttProbe> {
  const probe = await MqttProbe.connect(cloud.mqttUrl, options);
  probes.push(probe);
  return probe;
}

describe.each([4, 5] as const)('over MQTT version %i', (protocolVersion) => {
  test.each(['$aws/things/heater/shadow', '$aws/things/heater/shadow/name/eco'])(
    'a full cycle of %s is answered as AWS answers it',
    async (prefix) => {
      const probe = await connect({ protocolVersion });
      await probe.subscribe(`${prefix}/get/+`, `${prefix}/update/accepted`, `${prefix}/update/rejected`);
      await probe.subscribe(`${prefix}/update/delta`, `${prefix}/update/documents`, `${prefix}/delete/+`);

      await probe.publish(`${prefix}/get`, '');
      const name = prefix.endsWith('eco') ? 'eco' : 'heater';
      expect(await probe.body(`${prefix}/get/rejected`)).toEqual({
        code: 404,
        message: `No shadow exists with name: '${name}'`,
      });

      await probe.publish(`${prefix}/update`, { state: { desired: { a: 1 } }, clientToken: 't1' });
      const accepted = await probe.body(`${prefix}/update/accepted`);
      const timestamp = accepted['timestamp'];
      expect(accepted).toEqual({
        state: { desired: { a: 1 } },
        metadata: { desired: { a: { timestamp } } },
        version: 1,
        timestamp,
        clientToken: 't1',
      });
      expect(await probe.body(`${prefix}/update/delta`)).toEqual({
        version: 1,
        timestamp,
        state: { a: 1 },
        metadata: { a: { timestamp } },
        clientToken: 't1',
      });
      expect(await probe.body(`${prefix}/update/documents`)).toEqual({
        previous: null,
        current: { state: { desired: { a: 1 } }, metadata: { desired: { a: { timestamp } } }, version: 1 },
        timestamp,
        clientToken: 't1',
      });

      await probe.publish(`${prefix}/update`, { state: { reported: { a: 2 } }, version: 7, clientToken: 't2' });
      expect(await probe.body(`${prefix}/update/rejected`)).toEqual({
        code: 409,
        message: 'Version conflict',
        clientToken: 't2',
      });

      await probe.publish(`${prefix}/get`, { clientToken: 't3' });
      expect(await probe.body(`${prefix}/get/accepted`)).toMatchObject({
        state: { desired: { a: 1 }, delta: { a: 1 } },
        version: 1,
        clientToken: 't3',
      });

      await probe.publish(`${prefix}/delete`, '');
      expect(await probe.body(`${prefix}/delete/accepted`)).toMatchObject({ version: 1 });
      expect(cloud.document(name === 'eco' ? 'heater/eco' : 'heater')).toBeUndefined();
    },
  );
});

test('connections are announced, with the reason of their end', async () => {
  const watcher = await connect();
  await watcher.subscribe('$aws/events/presence/+/+');
  const device = await MqttProbe.connect(cloud.mqttUrl, { clientId: 'heater' });
  expect(await watcher.body('$aws/events/presence/connected/heater')).toMatchObject({
    clientId: 'heater',
    eventType: 'connected',
    versionNumber: 0,
    ipAddress: '127.0.0.1',
  });
  await device.end();
  expect(await watcher.body('$aws/events/presence/disconnected/heater')).toMatchObject({
    versionNumber: 0,
    clientInitiatedDisconnect: true,
    disconnectReason: 'CLIENT_INITIATED_DISCONNECT',
  });

  const second = await MqttProbe.connect(cloud.mqttUrl, { clientId: 'heater' });
  expect(await watcher.body('$aws/events/presence/connected/heater', 2)).toMatchObject({ versionNumber: 1 });
  second.client.stream.destroy();
  expect(await watcher.body('$aws/events/presence/disconnected/heater', 2)).toMatchObject({
    versionNumber: 1,
    clientInitiatedDisconnect: false,
    disconnectReason: 'CONNECTION_LOST',
  });
});

test.each([4, 5] as const)('a second client of the same id takes over (MQTT %i)', async (protocolVersion) => {
  const watcher = await connect();
  await watcher.subscribe('$aws/events/presence/+/+');
  const first = await connect({ protocolVersion, clientId: 'heater' });
  const second = await connect({ protocolVersion, clientId: 'heater' });
  await eventually(() => !first.client.connected);
  expect(second.client.connected).toBe(true);
  expect(await watcher.body('$aws/events/presence/disconnected/heater')).toMatchObject({
    versionNumber: 0,
    disconnectReason: 'DUPLICATE_CLIENTID',
  });
  expect(await watcher.body('$aws/events/presence/connected/heater', 2)).toMatchObject({ versionNumber: 1 });
});

test('A-06: a will to a shadow topic reaches subscribers and changes no shadow', async () => {
  const watcher = await connect();
  await watcher.subscribe('$aws/things/heater/shadow/update');
  const payload = '{"state":{"reported":{"connected":false}}}';
  const device = await MqttProbe.connect(cloud.mqttUrl, {
    will: { topic: '$aws/things/heater/shadow/update', payload: Buffer.from(payload), qos: 1, retain: false },
  });
  device.client.stream.destroy();
  await watcher.body('$aws/things/heater/shadow/update');
  expect(cloud.document('heater')).toBeUndefined();
});

test('a session that outlives its connection gets the deltas of its absence', async () => {
  const session = { clientId: 'heater', protocolVersion: 4, clean: false } as const;
  const device = await MqttProbe.connect(cloud.mqttUrl, session);
  await device.subscribe('$aws/things/heater/shadow/update/delta');
  await device.end();
  const app = await connect();
  await app.subscribe('$aws/things/heater/shadow/update/accepted');
  await app.publish('$aws/things/heater/shadow/update', { state: { desired: { a: 1 } } });
  await app.body('$aws/things/heater/shadow/update/accepted');

  const back = await connect(session);
  expect(await back.body('$aws/things/heater/shadow/update/delta')).toMatchObject({ state: { a: 1 } });
});

test('A-08: a retained message to a reserved topic is refused and never kept', async () => {
  const probe = await connect({ protocolVersion: 5 });
  await expect(
    probe.client.publishAsync('$aws/things/heater/shadow/update', '{"state":{}}', { qos: 1, retain: true }),
  ).rejects.toThrow(/Not authorized/);
  expect(cloud.document('heater')).toBeUndefined();
});

test('D-05: a forged answer reaches subscribers and changes nothing', async () => {
  const probe = await connect();
  const topic = '$aws/things/heater/shadow/update/accepted';
  await probe.subscribe(topic);
  await probe.publish(topic, { state: { desired: { a: 1 } }, version: 99 });
  expect(await probe.body(topic)).toMatchObject({ version: 99 });
  expect(cloud.document('heater')).toBeUndefined();
});

test('a wildcard subscription does not see reserved topics', async () => {
  const probe = await connect();
  await probe.subscribe('#', '$aws/things/heater/shadow/update/accepted');
  await probe.publish('$aws/things/heater/shadow/update', { state: {} });
  await probe.body('$aws/things/heater/shadow/update/accepted');
  await probe.publish('fence', '1');
  await probe.body('fence');
  expect(probe.heard.map(({ topic }) => topic)).toEqual(['$aws/things/heater/shadow/update/accepted', 'fence']);
});

test('a message at QoS 0 that overtakes an answer does not cost the answer', async () => {
  const accepted = '$aws/things/heater/shadow/update/accepted';
  const listener = await connect();
  await listener.subscribe(accepted, 'second');
  const talker = await connect();
  for (let round = 1; round <= 50; round++) {
    // In one segment, so that the broker handles both before the answer is on its way.
    talker.client.stream.cork();
    talker.client.publish('$aws/things/heater/shadow/update', '{"state":{}}', { qos: 0 });
    talker.client.publish('second', '2', { qos: 0 });
    talker.client.stream.uncork();
  }
  await eventually(() => listener.bodies('second').length === 50);
  await eventually(() => listener.bodies(accepted).length === 50, { withinMs: 3_000 });
});

test('a client with overlapping subscriptions gets one copy', async () => {
  const probe = await connect();
  await probe.subscribe('a/+', 'a/b', 'a/#');
  await probe.publish('a/b', '1');
  await probe.publish('a/fence', '2');
  await probe.body('a/fence');
  expect(probe.bodies('a/b')).toEqual([1]);
});

test('A-19: a silent client is told off by its keep-alive, and says so in the event', async () => {
  const watcher = await connect();
  await watcher.subscribe('$aws/events/presence/disconnected/+');
  // A bare socket that connects with a keep-alive of one second and then says nothing: a client library would end it itself.
  const { hostname, port } = new URL(cloud.mqttUrl);
  const silent = createConnection({ host: hostname, port: Number(port) });
  silent.on('error', () => undefined);
  const name = Buffer.from('silent');
  silent.write(
    Buffer.concat([
      Buffer.from([0x10, 12 + name.length, 0, 4]),
      Buffer.from('MQTT'),
      Buffer.from([4, 2, 0, 1, 0, name.length]),
      name,
    ]),
  );
  expect(await watcher.body('$aws/events/presence/disconnected/silent')).toMatchObject({
    disconnectReason: 'MQTT_KEEP_ALIVE_TIMEOUT',
    clientInitiatedDisconnect: false,
  });
  silent.destroy();
});

test('A-01: requests with names that AWS does not allow touch no shadow', async () => {
  const probe = await connect();
  await probe.publish('$aws/things/bad.name/shadow/update', { state: { desired: { a: 1 } } });
  await probe.publish('$aws/things/heater/shadow/name//update', { state: { desired: { a: 1 } } });
  await probe.subscribe('$aws/things/heater/shadow/update/accepted');
  await probe.publish('$aws/things/heater/shadow/update', { state: { desired: { b: 1 } } });
  await probe.body('$aws/things/heater/shadow/update/accepted');
  expect(cloud.document('heater')?.state).toEqual({ desired: { b: 1 } });
});

test('a port that is taken is a problem, and starting and stopping leaves nothing behind', async () => {
  const taken = await openSimulator({ mqtt: cloud.mqttUrl.replace('mqtt://', '') });
  expect(taken).toMatchObject({ ok: false, problem: { code: 'address_in_use' } });
  await cloud.stop();
  const again = await openSimulator({ mqtt: cloud.mqttUrl.replace('mqtt://', '') });
  expect(again.ok).toBe(true);
  if (again.ok) await again.value.stop();
});
