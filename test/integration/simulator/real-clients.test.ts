import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EventEmitter } from 'node:events';
import { io, iotshadow, mqtt, mqtt5 } from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificates, type Certificates } from '../../../simulators/access/certificates.ts';
import { parsePolicy } from '../../../simulators/access/policy.ts';
import { startSimulator, type Simulator } from '../../../simulators/testing.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';

// Clients that are none of ours, each through a full cycle: get, update, delta, documents, conflict, delete.

const THINGS = ['v5-plain', 'v5-tls', 'v311-plain', 'v311-tls', 'v1', 'js-tls', 'mosquitto'];

let folder: string;
let certificates: Certificates;
let cloud: Simulator;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shadowctl-clients-'));
  certificates = await makeCertificates({ things: THINGS, applications: ['backend'] });
  const { ca, server, clients } = certificates;
  await writeFile(join(folder, 'ca.crt'), ca.cert);
  for (const [name, { cert, key }] of Object.entries(clients)) {
    await writeFile(join(folder, `${name}.crt`), cert);
    await writeFile(join(folder, `${name}.key`), key);
  }
  cloud = await startSimulator({ mqtts: { address: '127.0.0.1:0', ca: ca.cert, ...server } });
});

beforeEach(() => cloud.control.reset());

afterAll(async () => {
  await cloud.stop();
  await rm(folder, { recursive: true });
});

const portOf = (url: string) => Number(new URL(url).port);

interface SdkClient {
  readonly shadows: iotshadow.IotShadowClientv2;
  readonly close: () => Promise<void>;
}

const LIMITS = { maxRequestResponseSubscriptions: 5, maxStreamingSubscriptions: 5, operationTimeoutInSeconds: 20 };

function tlsContext(name: string): io.ClientTlsContext {
  const { cert, key } = certificates.clients[name]!;
  const options = io.TlsContextOptions.create_client_with_mtls(cert, key);
  options.override_default_trust_store(certificates.ca.cert);
  return new io.ClientTlsContext(options);
}

async function sdkV5(clientId: string, secure: boolean): Promise<SdkClient> {
  const client = new mqtt5.Mqtt5Client({
    hostName: '127.0.0.1',
    port: portOf(secure ? cloud.mqttsUrl! : cloud.mqttUrl),
    connectProperties: { clientId, keepAliveIntervalSeconds: 30 },
    ...(secure ? { tlsCtx: tlsContext(clientId) } : {}),
  });
  const connected = new Promise((resolve, reject) => {
    client.on('connectionSuccess', resolve);
    client.on('connectionFailure', reject);
  });
  client.start();
  await connected;
  const shadows = iotshadow.IotShadowClientv2.newFromMqtt5(client, LIMITS);
  return {
    shadows,
    close: async () => {
      const stopped = new Promise((resolve) => client.on('stopped', resolve));
      shadows.close();
      client.stop();
      await stopped;
      client.close();
    },
  };
}

async function sdkV311(clientId: string, secure: boolean): Promise<SdkClient> {
  const connection = new mqtt.MqttClient().new_connection({
    client_id: clientId,
    host_name: '127.0.0.1',
    port: portOf(secure ? cloud.mqttsUrl! : cloud.mqttUrl),
    clean_session: true,
    keep_alive: 30,
    socket_options: new io.SocketOptions(),
    ...(secure ? { tls_ctx: tlsContext(clientId) } : {}),
  });
  await connection.connect();
  const shadows = iotshadow.IotShadowClientv2.newFromMqtt311(connection, LIMITS);
  return {
    shadows,
    close: async () => {
      shadows.close();
      await connection.disconnect();
    },
  };
}

describe.each([
  { thingName: 'v5-plain', title: 'MQTT 5, plain', connect: () => sdkV5('v5-plain', false) },
  { thingName: 'v5-tls', title: 'MQTT 5, mutual TLS', connect: () => sdkV5('v5-tls', true) },
  { thingName: 'v311-plain', title: 'MQTT 3.1.1, plain', connect: () => sdkV311('v311-plain', false) },
  { thingName: 'v311-tls', title: 'MQTT 3.1.1, mutual TLS', connect: () => sdkV311('v311-tls', true) },
])('IotShadowClientv2 over $title', ({ thingName, connect }) => {
  test.each([undefined, 'eco'])('shadow %s goes through its cycle', async (shadowName) => {
    const { shadows, close } = await connect();
    const named = { thingName, shadowName: shadowName ?? '' };
    const plain = { thingName };
    const isNamed = shadowName !== undefined;
    const get = () => (isNamed ? shadows.getNamedShadow(named) : shadows.getShadow(plain));
    const update = (request: object) =>
      isNamed ? shadows.updateNamedShadow({ ...named, ...request }) : shadows.updateShadow({ ...plain, ...request });
    const remove = () => (isNamed ? shadows.deleteNamedShadow(named) : shadows.deleteShadow(plain));
    const deltas: iotshadow.model.ShadowDeltaUpdatedEvent[] = [];
    const documents: iotshadow.model.ShadowUpdatedEvent[] = [];
    const deltaStream = isNamed
      ? shadows.createNamedShadowDeltaUpdatedStream(named)
      : shadows.createShadowDeltaUpdatedStream(plain);
    const documentStream = isNamed
      ? shadows.createNamedShadowUpdatedStream(named)
      : shadows.createShadowUpdatedStream(plain);
    let established = 0;
    deltaStream.on('incomingPublish', ({ message }) => deltas.push(message));
    documentStream.on('incomingPublish', ({ message }) => documents.push(message));
    for (const stream of [deltaStream, documentStream]) {
      stream.on('subscriptionStatus', () => void (established += 1));
      stream.open();
    }
    await eventually(() => established >= 2);

    await expect(get()).rejects.toMatchObject({
      modeledError: { code: 404, message: `No shadow exists with name: '${shadowName ?? thingName}'` },
    });
    const first = await update({ state: { desired: { a: 1 } } });
    expect(first).toMatchObject({ version: 1, state: { desired: { a: 1 } } });
    expect(await get()).toMatchObject({ version: 1, state: { desired: { a: 1 }, delta: { a: 1 } } });
    await eventually(() => deltas.length > 0 && documents.length > 0);
    expect(deltas[0]).toMatchObject({ version: 1, state: { a: 1 } });
    expect(documents[0]).toMatchObject({ current: { version: 1, state: { desired: { a: 1 } } } });
    await expect(update({ state: { reported: { a: 1 } }, version: 99 })).rejects.toMatchObject({
      modeledError: { code: 409, message: 'Version conflict' },
    });
    expect(await update({ state: { reported: { a: 1 } }, version: 1 })).toMatchObject({ version: 2 });
    await eventually(() => documents.length > 1);
    expect(documents[1]).toMatchObject({ previous: { version: 1 }, current: { version: 2 } });
    expect(deltas).toHaveLength(1);
    expect(await remove()).toMatchObject({ version: 2 });
    await expect(remove()).rejects.toMatchObject({ modeledError: { code: 404 } });
    deltaStream.close();
    documentStream.close();
    await close();
  });
});

interface ThingShadow extends EventEmitter {
  register(thing: string, options: object, done: (error?: unknown) => void): void;
  get(thing: string): string;
  update(thing: string, state: object): string;
  delete(thing: string): string;
  end(force: boolean, done?: () => void): void;
}

test('thingShadow of the older SDK goes through its cycle, a conflict too (it knows classic shadows and TLS only)', async () => {
  const { thingShadow } = createRequire(import.meta.url)('aws-iot-device-sdk') as {
    thingShadow: new (options: object) => ThingShadow;
  };
  const shadow = new thingShadow({
    host: '127.0.0.1',
    port: portOf(cloud.mqttsUrl!),
    clientId: 'v1',
    caPath: join(folder, 'ca.crt'),
    certPath: join(folder, 'v1.crt'),
    keyPath: join(folder, 'v1.key'),
  });
  await new Promise((resolve) => shadow.once('connect', resolve));
  await new Promise<void>((resolve, reject) =>
    shadow.register('v1', { enableVersioning: true }, (error) =>
      error === undefined || error === null ? resolve() : reject(new Error(String(error))),
    ),
  );
  const deltas: object[] = [];
  shadow.on('delta', (_thing: string, state: object) => deltas.push(state));
  const status = () =>
    new Promise<[string, Record<string, unknown>]>((resolve) =>
      shadow.once('status', (_thing: string, outcome: string, _token: string, body: Record<string, unknown>) =>
        resolve([outcome, body]),
      ),
    );
  const ask = async (request: () => unknown) => {
    const answer = status();
    expect(request()).not.toBeNull();
    return answer;
  };
  expect(await ask(() => shadow.get('v1'))).toMatchObject(['rejected', { code: 404 }]);
  expect(await ask(() => shadow.update('v1', { state: { desired: { a: 1 } } }))).toMatchObject([
    'accepted',
    { version: 1, state: { desired: { a: 1 } } },
  ]);
  await eventually(() => deltas.length > 0);
  expect(deltas[0]).toMatchObject({ state: { a: 1 } });
  expect(await ask(() => shadow.update('v1', { state: { reported: { a: 1 } } }))).toMatchObject([
    'accepted',
    { version: 2 },
  ]);
  expect(await ask(() => shadow.get('v1'))).toMatchObject(['accepted', { version: 2 }]);

  // It sends the version that it saw last, and of this change it sees nothing.
  cloud.control.setFaults([{ kind: 'drop', thing: 'v1', message: 'update/accepted', times: 1 }]);
  const body = JSON.stringify({ state: { reported: { b: 1 } } });
  expect((await fetch(`${cloud.httpUrl}/things/v1/shadow`, { method: 'POST', body })).ok).toBe(true);
  const late = { state: { reported: { a: 2 } } };
  expect(await ask(() => shadow.update('v1', { ...late }))).toMatchObject([
    'rejected',
    { code: 409, message: 'Version conflict' },
  ]);
  expect(await ask(() => shadow.get('v1'))).toMatchObject(['accepted', { version: 3 }]);
  expect(await ask(() => shadow.update('v1', { ...late }))).toMatchObject(['accepted', { version: 4 }]);
  cloud.control.setFaults([]);
  expect(await ask(() => shadow.delete('v1'))).toMatchObject(['accepted', { version: 4 }]);
  await new Promise<void>((resolve) => shadow.end(false, resolve));
});

test('a thing with an attribute is sent the requests to its group, and may not ask for those of others', async () => {
  const { ca, server, clients } = certificates;
  const group = '${iot:Connection.Thing.Attributes[group]}';
  const policy = parsePolicy({
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: 'client/${iot:Connection.Thing.ThingName}' },
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `topicfilter/cmd/groups/${group}/req` },
      { Effect: 'Allow', Action: 'iot:Receive', Resource: `topic/cmd/groups/${group}/req` },
    ],
  });
  if (!policy.ok) throw new Error(policy.problem.message);
  const guarded = await startSimulator({
    mqtts: { address: '127.0.0.1:0', ca: ca.cert, ...server },
    policies: [
      { certificate: 'js-tls', attributes: { group: 'floor-1' } },
      { certificate: '*', policies: [policy.value] },
    ],
  });
  const device = await MqttProbe.connect(guarded.mqttsUrl!, { ca: ca.cert, ...clients['js-tls'], clientId: 'js-tls' });
  const app = await MqttProbe.connect(guarded.mqttUrl);
  await device.subscribe('cmd/groups/floor-1/req');
  await expect(device.subscribe('cmd/groups/floor-2/req')).rejects.toThrow(/[Nn]ot authorized/);
  await app.publish('cmd/groups/floor-1/req', { id: '1' });
  expect(await device.body('cmd/groups/floor-1/req')).toEqual({ id: '1' });
  await device.end();
  await app.end();
  await guarded.stop();
});

test('MQTT.js with a certificate may be its thing and nothing else', async () => {
  const { cert, key } = certificates.clients['js-tls']!;
  const tls = { ca: certificates.ca.cert, cert, key };
  const probe = await MqttProbe.connect(cloud.mqttsUrl!, { ...tls, clientId: 'js-tls', protocolVersion: 5 });
  const shadow = '$aws/things/js-tls/shadow';
  await probe.subscribe(`${shadow}/update/accepted`);
  await probe.publish(`${shadow}/update`, { state: { reported: { a: 1 } } });
  await probe.body(`${shadow}/update/accepted`);
  await expect(probe.subscribe('$aws/things/other/shadow/#')).rejects.toThrow(/[Nn]ot authorized/);
  await expect(probe.publish('$aws/things/other/shadow/update', { state: {} })).rejects.toThrow(/Not authorized/);
  expect(cloud.document('other')).toBeUndefined();
  await probe.subscribe('cmd/js-tls/req', 'cmd/groups/floor-1/req');
  await probe.publish('cmd/js-tls/resp', {});
  for (const topic of ['cmd/js-tls/req', 'cmd/other/resp', 'cmd/groups/floor-1/req']) {
    await expect(probe.publish(topic, {})).rejects.toThrow(/Not authorized/);
  }
  await expect(MqttProbe.connect(cloud.mqttsUrl!, { ...tls, clientId: 'other' })).rejects.toThrow();
  await expect(MqttProbe.connect(cloud.mqttsUrl!, { ca: tls.ca, clientId: 'js-tls' })).rejects.toThrow();
  await probe.end();

  const backend = certificates.clients['backend']!;
  const app = await MqttProbe.connect(cloud.mqttsUrl!, { ...tls, ...backend, clientId: 'any-id' });
  await app.subscribe('$aws/things/+/shadow/update/accepted', '$aws/events/presence/connected/+');
  await app.publish('$aws/things/other/shadow/update', { state: {} });
  await app.body('$aws/things/other/shadow/update/accepted');
  await app.end();
});

const run = promisify(execFile);
const hasMosquitto = existsSync('/usr/bin/mosquitto_pub') && existsSync('/usr/bin/mosquitto_sub');

describe.skipIf(!hasMosquitto)('mosquitto_pub and mosquitto_sub (apt-get install mosquitto-clients)', () => {
  test.each(['', '/name/eco'])('go through the cycle of shadow "%s"', async (name) => {
    const shadow = `$aws/things/mosquitto/shadow${name}`;
    const port = `${portOf(cloud.mqttUrl)}`;
    const lines: string[] = [];
    const listener = spawn('mosquitto_sub', ['-p', port, '-V', 'mqttv5', '-q', '1', '-v', '-t', `${shadow}/#`]);
    listener.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n').filter(Boolean)));
    const heard = (kind: string, count = 1) =>
      eventually(() => lines.filter((line) => line.startsWith(`${shadow}/${kind} `))[count - 1]);
    const publish = (operation: string, body: string) =>
      run('mosquitto_pub', ['-p', port, '-q', '1', '-t', `${shadow}/${operation}`, '-m', body]);
    await eventually(async () => {
      await publish('get', '{}');
      return lines.length > 0;
    });
    expect(await heard('get/rejected')).toContain('"code":404');
    await publish('update', '{"state":{"desired":{"a":1}},"clientToken":"m"}');
    expect(await heard('update/accepted')).toContain('"version":1');
    expect(await heard('update/delta')).toContain('"state":{"a":1}');
    expect(await heard('update/documents')).toContain('"previous":null');
    await publish('update', '{"state":{},"version":5}');
    expect(await heard('update/rejected')).toContain('"code":409');
    await publish('get', '');
    expect(await heard('get/accepted')).toContain('"delta":{"a":1}');
    await publish('delete', '');
    expect(await heard('delete/accepted')).toContain('"version":1');
    listener.kill();
  });
});
