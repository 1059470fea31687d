import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificates, type KeyPair } from '../../simulators/access/certificates.ts';
import { parsePolicy, type Policy } from '../../simulators/access/policy.ts';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { mqttTransport } from '../../src/adapters/aws-iot/transport.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import { composeDevice } from '../../src/compose-device.ts';
import { composeServer } from '../../src/compose-server.ts';
import type { ShadowName } from '../../src/core/brand.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import { SILENT } from '../../src/ports/log.ts';
import { eventually } from '../support/eventually.ts';
import { MqttProbe } from '../support/mqtt-probe.ts';
import { TestHardware, thing } from '../support/test-device.ts';

/** The policies that we publish are enough for what the programs do, and not more than that. */

const FILES = [
  'device-policy.json',
  'device-named-shadows-policy.json',
  'device-direct-policy.json',
  'server-policy.json',
] as const;
/** Without white space; what AWS counts of a policy. */
const POLICY_CHARACTERS_MAX = 2048;

const textOf = (file: string) => readFileSync(new URL(`../../schemas/aws/${file}`, import.meta.url), 'utf8');

function policy(file: (typeof FILES)[number]): Policy {
  const parsed = parsePolicy(JSON.parse(textOf(file)));
  if (!parsed.ok) throw new Error(`${file}: ${parsed.problem.message}`);
  return parsed.value;
}

let folder: string;
let cloud: Simulator;
let tls: (name: string) => { ca: string; cert: string; key: string };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aws-policies-'));
  const { ca, server, clients } = await makeCertificates({ things: ['heater', 'lamp'], applications: ['server'] });
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  tls = (name) => {
    const { cert, key } = clients[name] as KeyPair;
    return { ca: file('ca.pem', ca.cert), cert: file(`${name}.pem`, cert), key: file(`${name}.key`, key) };
  };
  const device = [
    policy('device-policy.json'),
    policy('device-named-shadows-policy.json'),
    policy('device-direct-policy.json'),
  ];
  cloud = await startSimulator({
    mqtts: { address: '127.0.0.1:0', ca: ca.cert, cert: server.cert, key: server.key },
    policies: [
      { certificate: '*', policies: device },
      { certificate: 'server', policies: [policy('server-policy.json')] },
    ],
  });
});
afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

test.each(FILES)('%s fits into a policy of AWS IoT, with the longest names filled in', (file) => {
  const filled = textOf(file).replaceAll('REGION', 'ap-southeast-1').replaceAll('ACCOUNT', '123456789012');
  expect(filled).not.toMatch(/REGION|ACCOUNT/);
  expect(filled.replace(/\s/g, '').length).toBeLessThanOrEqual(POLICY_CHARACTERS_MAX);
  expect(policy(file).statements.length).toBeGreaterThan(0);
});

test.each(['mqtt5', 'mqtt311'] as const)(
  'a device and a server that have these policies and nothing else close the loop over %s',
  async (protocol) => {
    const hardware = new TestHardware({ '/targetC': 20 });
    const display = new TestHardware({ '/brightness': 1 }, 'display');
    const device = composeDevice({
      thingName: thing('heater'),
      shadows: [
        { model: NO_MODEL, adapters: [hardware] },
        { shadowName: 'display' as ShadowName, model: NO_MODEL, adapters: [display] },
      ],
      mqtt: { url: cloud.mqttsUrl ?? '', tls: tls('heater'), protocol },
    });
    if (!device.ok) throw new Error(device.problem.message);
    device.value.onCommand('blink', { idempotent: true, handler: async () => ({ result: 'blinked' }) });
    const server = await composeServer({
      listen: { host: '127.0.0.1', port: 0 },
      storePath: join(folder, `${protocol}.sqlite`),
      mqtt: { url: cloud.mqttsUrl ?? '', protocol, ...tls('server') },
      logLevel: 'silent',
      version: 'test',
    });
    if (!server.ok) throw new Error(server.problem.message);
    try {
      expect(await device.value.start()).toMatchObject({ ok: true });
      expect(server.value.connected).toBe(true);
      for (const [query, desired] of [
        ['', { targetC: protocol === 'mqtt5' ? 21 : 22 }],
        ['?name=display', { brightness: protocol === 'mqtt5' ? 2 : 3 }],
      ] as const) {
        const response = await fetch(`${server.value.url}/v1/things/heater/commands${query}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', prefer: 'wait=10' },
          body: JSON.stringify({ desired }),
        });
        expect(await response.json()).toMatchObject({ status: 'succeeded' });
      }
      const sent = await fetch(`${server.value.url}/v1/things/heater/commands`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=10' },
        body: JSON.stringify({ kind: 'direct', name: 'blink' }),
      });
      expect(await sent.json()).toMatchObject({ status: 'succeeded', result: 'blinked' });
    } finally {
      await device.value.stop();
      await server.value.stop();
    }
  },
);

test('A-03, A-07, A-11: a device cannot be another thing, follow it, speak for it or write its presence', async () => {
  const ports = { clock: new SystemClock(), random: new SystemRandom(), log: SILENT };
  const url = cloud.mqttsUrl ?? '';
  const asOther = mqttTransport({ url, clientId: 'lamp', tls: tls('heater') }, ports);
  if (!asOther.ok) throw new Error(asOther.problem.message);
  expect(await asOther.value.start()).toMatchObject({ problem: { code: 'transport_refused' } });
  await asOther.value.stop();

  const heater = mqttTransport({ url, clientId: 'heater', tls: tls('heater') }, ports);
  if (!heater.ok) throw new Error(heater.problem.message);
  expect(await heater.value.start()).toMatchObject({ ok: true });
  for (const filter of ['$aws/things/lamp/shadow/update/delta', '$aws/things/+/shadow/update/delta', '#']) {
    const result = await heater.value.subscribe([{ filter, qos: 0 }], () => undefined);
    expect(result, filter).toMatchObject({ problem: { code: 'transport_refused' } });
  }
  for (const topic of [
    '$aws/things/lamp/shadow/update',
    '$aws/things/heater/shadow/delete',
    'shadowctl/presence/lamp',
    '$aws/things/heater/jobs/1/update',
  ]) {
    await eventually(() => heater.value.connected);
    const result = await heater.value.publish({ topic, payload: '{}', qos: 1 });
    expect(result.ok, topic).toBe(false);
  }
  await heater.value.stop();
  expect(cloud.document('lamp')).toBeUndefined();
});

test('D-03, D-04: a device can neither command another one nor hear what that one is told', async () => {
  const ports = { clock: new SystemClock(), random: new SystemRandom(), log: SILENT };
  const heater = mqttTransport({ url: cloud.mqttsUrl ?? '', clientId: 'heater', tls: tls('heater') }, ports);
  if (!heater.ok) throw new Error(heater.problem.message);
  const lamp = await MqttProbe.connect(cloud.mqttUrl);
  await lamp.subscribe('cmd/lamp/req', 'cmd/groups/all/req', 'fence');
  expect(await heater.value.start()).toMatchObject({ ok: true });
  // A request that was captured elsewhere, or made up.
  const payload = JSON.stringify({ id: 'c1', name: 'unlock', args: {}, issuedAt: 1, expiresAt: 9e15, attempt: 1 });
  for (const topic of ['cmd/lamp/req', 'cmd/lamp/resp', 'cmd/heater/req', 'cmd/groups/all/req']) {
    await eventually(() => heater.value.connected);
    const result = await heater.value.publish({ topic, payload, qos: 1 });
    expect(result.ok, topic).toBe(false);
  }
  await eventually(() => heater.value.connected);
  const overheard = await heater.value.subscribe([{ filter: 'cmd/lamp/req', qos: 1 }], () => undefined);
  expect(overheard).toMatchObject({ problem: { code: 'transport_refused' } });
  await heater.value.stop();
  await lamp.publish('fence', 'x');
  await eventually(() => lamp.heard.some(({ topic }) => topic === 'fence'));
  expect(lamp.heard.map(({ topic }) => topic)).toEqual(['fence']);
  await lamp.end();
});

test('A-05: the will of a device on the topic of another thing is heard by nobody', async () => {
  const watcher = await MqttProbe.connect(cloud.mqttUrl);
  const own = '$aws/things/heater/shadow/update';
  const others = ['$aws/things/lamp/shadow/update', 'cmd/lamp/req', 'shadowctl/presence/lamp'];
  await watcher.subscribe(...others, own, '$aws/events/presence/disconnected/heater');
  const { ca, cert, key } = tls('heater');
  const files = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
  for (const [index, topic] of [...others, own].entries()) {
    const device = await MqttProbe.connect((cloud.mqttsUrl ?? '').replace('127.0.0.1', 'localhost'), {
      ...{ ...files, clientId: 'heater', rejectUnauthorized: true },
      will: { topic, payload: Buffer.from('{"state":{"desired":{"open":true}}}'), qos: 1, retain: false },
    });
    device.client.stream.destroy();
    await watcher.body('$aws/events/presence/disconnected/heater', index + 1);
  }
  // The one it may leave comes last, and it comes.
  await watcher.body(own);
  expect(watcher.heard.map(({ topic }) => topic).filter((topic) => others.includes(topic))).toEqual([]);
  await watcher.end();
});
