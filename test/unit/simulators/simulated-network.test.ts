import { expect, test } from 'vitest';
import { CALM, type Conditions } from '../../../simulators/network/conditions.ts';
import type { SessionEvent } from '../../../simulators/network/session.ts';
import { SimulatedNetwork } from '../../../simulators/network/simulated-network.ts';
import { SeededRandom } from '../../../simulators/time/seeded-random.ts';
import { SimulatedClock } from '../../../simulators/time/simulated-clock.ts';

function world(seed = 1, conditions: Partial<Conditions> = {}) {
  const clock = new SimulatedClock();
  const network = new SimulatedNetwork({ clock, random: new SeededRandom(seed) });
  network.setConditions({ ...CALM, ...conditions });
  return { clock, network };
}

/** 200 messages from one client to another, and what arrived when. */
async function traffic(seed: number, conditions: Partial<Conditions>): Promise<{ arrived: number[]; trace: string[] }> {
  const { clock, network } = world(seed);
  const [sender, receiver] = [network.client({ clientId: 'sender' }), network.client({ clientId: 'receiver' })];
  const arrived: number[] = [];
  const trace: string[] = [];
  await receiver.subscribe([{ filter: 'numbers', qos: 0 }], ({ payload }) => {
    const number = Number(new TextDecoder().decode(payload));
    arrived.push(number);
    trace.push(`${clock.monotonic()} ${number}`);
  });
  void sender.start();
  void receiver.start();
  await clock.advance(1_000);
  network.setConditions({ ...CALM, ...conditions });
  for (let number = 0; number < 200; number++) void sender.publish({ topic: 'numbers', payload: `${number}`, qos: 1 });
  await clock.advance(5_000);
  return { arrived, trace };
}

const sent = Array.from({ length: 200 }, (_, at) => at);

test('a calm network delivers everything once and in order', async () => {
  expect((await traffic(1, {})).arrived).toEqual(sent);
});

test('delays alone do not change the order', async () => {
  expect((await traffic(1, { delayMs: { min: 0, max: 500 } })).arrived).toEqual(sent);
});

test('loss takes about its share, twice: on the way up and on the way down', async () => {
  const { arrived } = await traffic(1, { loss: 0.3 });
  expect(arrived.length).toBeGreaterThan(60);
  expect(arrived.length).toBeLessThan(140);
  expect(arrived).toEqual(arrived.toSorted((a, b) => a - b));
});

test('duplication brings messages again, and none is lost', async () => {
  const { arrived } = await traffic(1, { duplication: 0.3, delayMs: { min: 1, max: 50 } });
  expect(arrived.length).toBeGreaterThan(250);
  expect([...new Set(arrived)].toSorted((a, b) => a - b)).toEqual(sent);
});

test('reordering lets messages overtake, and none is lost', async () => {
  const { arrived } = await traffic(1, { reordering: 0.5, delayMs: { min: 1, max: 50 } });
  expect(arrived).not.toEqual(sent);
  expect(arrived.toSorted((a, b) => a - b)).toEqual(sent);
});

test('the same seed gives the same messages at the same instants, another seed other ones', async () => {
  const rough = { loss: 0.1, duplication: 0.1, reordering: 0.3, delayMs: { min: 1, max: 100 } };
  const { trace } = await traffic(42, rough);
  expect((await traffic(42, rough)).trace).toEqual(trace);
  expect((await traffic(43, rough)).trace).not.toEqual(trace);
});

test('a message whose acknowledgement is lost arrived, and the sender does not know', async () => {
  const { clock, network } = world();
  const heard: string[] = [];
  network.observe(({ topic }) => heard.push(topic));
  const sender = network.client({ clientId: 'sender', publishTimeoutMs: 2_000 });
  void sender.start();
  await clock.advance(100);
  network.setConditions({ ...CALM, ackLoss: 1 }, 'sender');
  const result = sender.publish({ topic: 'x', payload: '', qos: 1 });
  await clock.advance(2_000);
  expect(await result).toMatchObject({ problem: { code: 'transport_timeout' } });
  expect(heard).toEqual(['x']);
});

test('a silent client is given up by its keep-alive: the will is published and the session ends', async () => {
  const { clock, network } = world();
  const will = { topic: 'presence/device', payload: 'gone', qos: 1 } as const;
  const device = network.client({ clientId: 'device', will, keepAliveMs: 10_000 });
  const events: SessionEvent[] = [];
  const wills: number[] = [];
  network.onSession((event) => events.push(event));
  network.observe((message) => message.will && wills.push(clock.monotonic()));
  void device.start();
  await clock.advance(1_000);
  network.freeze('device');
  await clock.advance(14_000);
  expect({ connected: device.connected, wills }).toEqual({ connected: false, wills: [] });
  await clock.advance(2_000);
  expect(wills).toEqual([16_000]);
  expect(events).toEqual([
    { type: 'connected', clientId: 'device' },
    { type: 'disconnected', clientId: 'device', how: 'keep_alive' },
  ]);
  network.thaw('device');
  await clock.advance(60_000);
  expect(device.connected).toBe(true);
});

test('with one direction frozen the device still speaks but hears nothing', async () => {
  const { clock, network } = world();
  const device = network.client({ clientId: 'device', publishTimeoutMs: 3_000 });
  const heard: string[] = [];
  await device.subscribe([{ filter: 'down', qos: 0 }], () => heard.push('down'));
  network.observe(({ topic }) => heard.push(topic));
  void device.start();
  await clock.advance(100);
  network.freeze('device', 'down');
  void device.publish({ topic: 'up', payload: '', qos: 0 });
  network.publish('down', new Uint8Array(0));
  await clock.advance(100);
  expect(heard).toEqual(['up']);
  network.thaw('device');
  await clock.advance(100);
  expect(heard).toEqual(['up', 'down']);
});

test('a client that cannot reach the broker tries again later and later, at times drawn from the seed', async () => {
  const { clock, network } = world();
  network.takeAway();
  const device = network.client({ clientId: 'device', backoff: { baseMs: 1_000, maxMs: 60_000, stableMs: 20_000 } });
  const waits: number[] = [];
  device.onConnection((event) => event.type === 'attempt_failed' && waits.push(event.retryInMs));
  void device.start();
  await clock.advance(3_600_000);
  expect(waits.length).toBeGreaterThan(60);
  for (const [at, wait] of waits.entries()) expect(wait).toBeLessThanOrEqual(Math.min(60_000, 1_000 * 2 ** at));
  const late = waits.slice(10);
  expect(late.reduce((sum, wait) => sum + wait, 0) / late.length).toBeGreaterThan(20_000);
});
