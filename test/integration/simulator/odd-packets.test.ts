import { createConnection } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../../simulators/testing.ts';
import { eventually } from '../../support/eventually.ts';
import { fresh } from '../../support/fresh.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';

/** Bytes that no client library would send. Tolerated or ended; whatever becomes of them, the next client is served. */
let cloud: Simulator;
beforeAll(async () => {
  cloud = await startSimulator();
});
afterAll(() => cloud.stop());

const text = (value: string): number[] => [value.length >> 8, value.length & 0xff, ...Buffer.from(value)];
/** A packet with its remaining length, which is below 16 KB here. */
const packet = (first: number, ...body: number[]): number[] => {
  const length = body.length < 128 ? [body.length] : [(body.length & 0x7f) | 0x80, body.length >> 7];
  return [first, ...length, ...body];
};
const connect = (version: 4 | 5, { flags = 2, properties = [0] }: { flags?: number; properties?: number[] } = {}) =>
  packet(0x10, ...text('MQTT'), version, flags, 0, 60, ...(version === 5 ? properties : []), ...text(fresh('odd')));
const publish = (first: number, topic: string, id: number) => packet(first, ...text(topic), 0, id, ...Buffer.from('x'));
const userProperty = [0x26, ...text('k'), ...text('v')];
const manyProperties = Array.from({ length: 1_000 }, () => userProperty).flat();

test.each<[string, readonly number[][]]>([
  ['a CONNECT of another protocol', [packet(0x10, ...text('HTTP'), 4, 2, 0, 60, ...text('x'))]],
  ['a CONNECT with its reserved flag', [connect(4, { flags: 3 })]],
  ['two CONNECTs', [connect(4), connect(4)]],
  ['a length that never ends', [[0x10, 0xff, 0xff, 0xff, 0xff, 0xff]]],
  ['a PUBLISH before CONNECT', [publish(0x32, 'a', 1)]],
  ['QoS 3', [connect(4), publish(0x36, 'a', 1)]],
  ['one packet id again and again, without DUP', [connect(4), publish(0x32, 'a', 7), publish(0x32, 'a', 7)]],
  ['DUP on what was never sent', [connect(4), publish(0x3a, 'a', 9)]],
  ['packet id 0', [connect(4), publish(0x32, 'a', 0)]],
  ['a topic with a wildcard', [connect(4), publish(0x32, 'a/#', 1)]],
  ['a topic with NUL', [connect(4), publish(0x32, 'a\u0000b', 1)]],
  ['an empty topic', [connect(4), publish(0x32, '', 1)]],
  ['a SUBSCRIBE without a filter', [connect(4), packet(0x82, 0, 1)]],
  ['a SUBSCRIBE with wrong flags', [connect(4), packet(0x80, 0, 1, ...text('a'), 0)]],
  ['an acknowledgement of nothing', [connect(4), packet(0x40, 0, 42)]],
  ['a PINGREQ with a body', [connect(4), packet(0xc0, 1, 2, 3)]],
  [
    'a thousand properties in CONNECT',
    [connect(5, { properties: [(7_000 & 0x7f) | 0x80, 7_000 >> 7, ...manyProperties] })],
  ],
  ['a topic alias that was never set', [connect(5), packet(0x30, ...text(''), 3, 0x23, 0, 9, 1)]],
  ['noise', [Array.from({ length: 2_000 }, (_, at) => (at * 73 + 41) & 0xff)]],
])('A-17: %s', async (_, packets) => {
  const socket = createConnection(Number(new URL(cloud.mqttUrl).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  for (const bytes of packets) socket.write(Uint8Array.from(bytes));
  // Whoever is tolerated answers to nothing more than this.
  socket.end(Uint8Array.of(0xe0, 0x00));

  const probe = await MqttProbe.connect(cloud.mqttUrl);
  const topic = `$aws/things/${fresh('next')}/shadow/update`;
  await probe.subscribe(`${topic}/accepted`);
  await probe.publish(topic, { state: { reported: { a: 1 } } });
  expect(await probe.body(`${topic}/accepted`)).toMatchObject({ version: 1 });
  await probe.end();
  await eventually(() => socket.destroyed || socket.readableEnded);
  socket.destroy();
});

test.each([4, 5] as const)(
  'A-09: what a client publishes to $SYS is refused and reaches nobody (MQTT %i)',
  async (protocolVersion) => {
    const [listener, forger] = [
      await MqttProbe.connect(cloud.mqttUrl),
      await MqttProbe.connect(cloud.mqttUrl, { protocolVersion }),
    ];
    await listener.subscribe('$SYS/forged', 'fence');
    // MQTT 5 has an answer for it, before that there is only the end of the connection.
    await new Promise<void>((resolve) => {
      forger.client.once('close', () => resolve());
      forger.client.publish('$SYS/forged', 'x', { qos: 1 }, (error) => error instanceof Error && resolve());
    });
    await listener.publish('fence', 'x');
    await eventually(() => listener.heard.some(({ topic }) => topic === 'fence'));
    expect(listener.heard.map(({ topic }) => topic)).toEqual(['fence']);
    for (const probe of [listener, forger]) await probe.end();
  },
);
