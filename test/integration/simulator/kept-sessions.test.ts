import type { IClientOptions } from 'mqtt';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { epochMs } from '../../../src/core/brand.ts';
import { startSimulator, type Simulator } from '../../../simulators/testing.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
let data: string;
let cloud: Simulator;
let late = 0;
let runs = 0;

class LateClock extends SystemClock {
  override wall() {
    return epochMs(super.wall() + late);
  }
}

const start = async () => {
  cloud = await startSimulator({ data, clock: new LateClock() });
};

async function restart(): Promise<void> {
  await cloud.stop();
  await start();
}

async function begin(): Promise<void> {
  data = folder.path(`data-${(runs += 1)}`);
  late = 0;
  await start();
}

afterEach(() => cloud.stop());

afterAll(() => folder.remove());

const payloads = (probe: MqttProbe) => probe.heard.map(({ payload }) => payload);

describe.each<[number, IClientOptions]>([
  [4, { protocolVersion: 4, clean: false }],
  [5, { protocolVersion: 5, clean: false, properties: { sessionExpiryInterval: 3_600 } }],
])('a session over MQTT %i', (_version, options) => {
  const device = () => MqttProbe.connect(cloud.mqttUrl, { ...options, clientId: 'heater/1' });

  test('is there after a restart with what waited in it, in order and once', async () => {
    await begin();
    const first = await device();
    await first.subscribe('news/+');
    await first.end();
    const app = await MqttProbe.connect(cloud.mqttUrl);
    for (const number of ['1', '2', '3']) await app.publish('news/today', number);
    await app.end();
    await restart();

    // It stays subscribed while it is away, in the new process too.
    const again = await MqttProbe.connect(cloud.mqttUrl);
    await again.publish('news/today', '4');
    await again.end();
    await restart();

    const second = await device();
    await eventually(() => second.heard.length === 4);
    expect(payloads(second)).toEqual(['1', '2', '3', '4']);
    await second.end();
    await restart();
    const third = await device();
    await third.publish('news/today', 'after');
    await eventually(() => third.heard.length > 0);
    expect(payloads(third)).toEqual(['after']);
    await third.end();
  });

  test('is forgotten when its client starts clean, or gives up its subscriptions', async () => {
    await begin();
    const first = await device();
    await first.subscribe('news/+');
    await first.client.unsubscribeAsync('news/+');
    await first.end();
    await restart();
    const second = await device();
    await second.publish('news/today', 'x');
    await second.subscribe('other');
    await second.end();
    const clean = await MqttProbe.connect(cloud.mqttUrl, { protocolVersion: 4, clean: true, clientId: 'heater/1' });
    await clean.end();
    await restart();
    const third = await device();
    await third.publish('other', 'x');
    await third.subscribe('end');
    await third.publish('end', 'end');
    await eventually(() => third.heard.length > 0);
    expect(payloads(third)).toEqual(['end']);
    await third.end();
  });

  test('is over at the first start after its time', async () => {
    await begin();
    const first = await device();
    await first.subscribe('news/+');
    await first.end();
    const app = await MqttProbe.connect(cloud.mqttUrl);
    await app.publish('news/today', 'too old');
    await app.end();
    late = 8 * 24 * 3_600_000;
    await restart();
    const second = await device();
    await second.subscribe('end');
    await second.publish('end', 'end');
    await eventually(() => second.heard.length > 0);
    expect(payloads(second)).toEqual(['end']);
    await second.end();
  });
});

test('a retained message is there after a restart, with its MQTT 5 properties, until an empty one removes it', async () => {
  await begin();
  const app = await MqttProbe.connect(cloud.mqttUrl);
  const properties = { contentType: 'text/plain', correlationData: Buffer.from([0, 255, 1]) };
  await app.client.publishAsync('state/of', Buffer.from([1, 2, 255]), { qos: 1, retain: true, properties });
  await app.client.publishAsync('state/gone', 'x', { qos: 1, retain: true });
  await app.client.publishAsync('state/gone', '', { qos: 1, retain: true });
  await app.end();
  await restart();
  const reader = await MqttProbe.connect(cloud.mqttUrl);
  const got: { topic: string; payload: Buffer; correlationData: Buffer | undefined }[] = [];
  reader.client.on('message', (topic, payload, packet) =>
    got.push({ topic, payload, correlationData: packet.properties?.correlationData }),
  );
  await reader.subscribe('state/+');
  await eventually(() => got.length > 0);
  expect(got).toEqual([
    { topic: 'state/of', payload: Buffer.from([1, 2, 255]), correlationData: Buffer.from([0, 255, 1]) },
  ]);
  await reader.end();
});
