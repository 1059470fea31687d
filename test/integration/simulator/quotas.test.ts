import type { IClientOptions } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { epochMs } from '../../../src/core/brand.ts';
import { AWS_THROTTLE, startSimulator, type Simulator, type SimulatorOptions } from '../../../simulators/testing.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';

let cloud: Simulator;
const probes: MqttProbe[] = [];

async function open(options: SimulatorOptions = {}): Promise<void> {
  cloud = await startSimulator(options);
}

async function connect(options: IClientOptions = {}): Promise<MqttProbe> {
  const probe = await MqttProbe.connect(cloud.mqttUrl, options);
  probes.push(probe);
  return probe;
}

/** The reason of the DISCONNECT, or undefined if the connection just ended. */
function ending(probe: MqttProbe): Promise<number | undefined> {
  return new Promise((resolve) => {
    let reason: number | undefined;
    probe.client.on('disconnect', ({ reasonCode }) => (reason = reasonCode));
    probe.client.once('close', () => resolve(reason));
  });
}

/** Whatever was sent before has been read when this returns. */
async function roundTrip(probe: MqttProbe): Promise<void> {
  await probe.subscribe('round/trip');
  await probe.publish('round/trip', 'x');
  await eventually(() => probe.heard.some(({ topic }) => topic === 'round/trip'));
}

/** Nothing is allowed again until it is told that a second has passed. */
class StandingClock extends SystemClock {
  override wall() {
    return epochMs(1_700_000_000_000);
  }
}

const filters = (count: number, prefix = 'f') => Array.from({ length: count }, (_, index) => `${prefix}/${index}`);

beforeEach(() => open());

afterEach(async () => {
  for (const probe of probes.splice(0)) await probe.end();
  await cloud.stop();
});

describe.each([4, 5] as const)('over MQTT %i', (protocolVersion) => {
  const told = (reason: number) => (protocolVersion === 5 ? reason : undefined);

  test('nine filters in one SUBSCRIBE end the connection, eight do not', async () => {
    const probe = await connect({ protocolVersion });
    await probe.client.subscribeAsync(filters(8));
    const ended = ending(probe);
    probe.client.subscribe(filters(9, 'g'));
    expect(await ended).toBe(told(0x97));
  });

  test('the fifty-first subscription is refused alone, and one that is given up makes room', async () => {
    const probe = await connect({ protocolVersion });
    await probe.subscribe(...filters(50));
    await expect(probe.client.subscribeAsync('one/more')).rejects.toThrow();
    await probe.subscribe('f/7'); // not a new one
    await probe.client.unsubscribeAsync('f/0');
    await probe.client.subscribeAsync('one/more');
    await probe.publish('one/more', 'x');
    await eventually(() => probe.heard.length === 1);
  });

  test.each([
    ['of 257 bytes', 'é'.repeat(128) + 'x'],
    ['with eight slashes', 'a/b/c/d/e/f/g/h/i'],
  ])('a topic %s ends the connection of who publishes to it, and is no filter', async (_what, topic) => {
    const probe = await connect({ protocolVersion });
    await expect(probe.client.subscribeAsync(topic)).rejects.toThrow();
    const ended = ending(probe);
    probe.client.publish(topic, 'x', { qos: 1 });
    expect(await ended).toBe(told(0x90));
  });

  test('a topic of 256 bytes and seven slashes passes', async () => {
    const probe = await connect({ protocolVersion });
    const topic = `a/b/c/d/e/f/g/${'h'.repeat(242)}`;
    await probe.subscribe(topic);
    await probe.publish(topic, 'x');
    await eventually(() => probe.heard.length === 1);
  });
});

test('QoS 2 is neither carried out nor answered over MQTT 3.1.1', async () => {
  const probe = await connect({ protocolVersion: 4 });
  const answered: string[] = [];
  probe.client.on('packetreceive', ({ cmd }) => answered.push(cmd));
  await probe.subscribe('twice');
  probe.client.publish('twice', 'x', { qos: 2 });
  probe.client.subscribe('never', { qos: 2 });
  await roundTrip(probe);
  expect(answered.filter((cmd) => cmd === 'pubrec')).toEqual([]);
  expect(answered.filter((cmd) => cmd === 'suback')).toHaveLength(2);
  expect(probe.heard.map(({ topic }) => topic)).toEqual(['round/trip']);
  probe.client.end(true); // in order it would wait for its answers
});

test.each(['publish', 'subscribe'] as const)(
  'QoS 2 in a %s ends an MQTT 5 connection with its reason',
  async (what) => {
    const probe = await connect();
    const ended = ending(probe);
    if (what === 'publish') probe.client.publish('twice', 'x', { qos: 2 });
    else probe.client.subscribe('twice', { qos: 2 });
    expect(await ended).toBe(0x9b);
  },
);

test('a connection that is ended for its topic leaves its will', async () => {
  const watcher = await connect();
  await watcher.subscribe('gone');
  const probe = await connect({ protocolVersion: 4, will: { topic: 'gone', payload: Buffer.from('x'), qos: 1 } });
  probe.client.publish('a/b/c/d/e/f/g/h/i', 'x');
  await eventually(() => watcher.heard.length === 1);
});

test('with quotas off all of it passes', async () => {
  await cloud.stop();
  await open({ quotas: 'none' });
  const probe = await connect();
  await probe.client.subscribeAsync(filters(60));
  await probe.client.subscribeAsync('a/b/c/d/e/f/g/h/i', { qos: 2 });
  await probe.client.publishAsync('a/b/c/d/e/f/g/h/i', 'x', { qos: 2 });
  await eventually(() => probe.heard.length === 1);
});

test('with the rates of AWS the hundred-and-first message of a second is discarded without an answer, each way', async () => {
  await cloud.stop();
  await open({ throttle: AWS_THROTTLE, clock: new StandingClock() });
  const [first, second, listener] = [await connect(), await connect(), await connect()];
  let acknowledged = 0;
  for (const probe of [first, second])
    probe.client.on('packetreceive', ({ cmd }) => (acknowledged += cmd === 'puback' ? 1 : 0));
  await listener.subscribe('flood');
  cloud.control.advance(1_000);
  for (const probe of [first, second]) {
    for (let count = 0; count < 150; count++) probe.client.publish('flood', `${count}`, { qos: 1 });
  }
  await eventually(() => acknowledged >= 200 && listener.heard.length >= 100);
  cloud.control.advance(1_000);
  // Behind the flood on each of the three connections: all of it has been read.
  for (const probe of [first, second, listener]) await probe.publish('flood', 'last');
  await eventually(() => listener.heard.filter(({ payload }) => payload === 'last').length === 3);
  expect(acknowledged).toBe(202);
  expect(listener.heard.length).toBe(103);
  for (const probe of [first, second]) probe.client.end(true);
});
