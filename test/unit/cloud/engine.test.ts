import { expect, test } from 'vitest';
import { MemoryLedger } from '../../../simulators/ledger/memory-ledger.ts';
import { SeededRandom } from '../../../simulators/time/seeded-random.ts';
import { SimulatedClock } from '../../../simulators/time/simulated-clock.ts';
import { Engine, type CloudOptions } from '../../../src/cloud/engine.ts';
import { NO_METRICS } from '../../../src/ports/metrics.ts';
import { SILENT } from '../../../src/ports/log.ts';
import { aWish, got, refOf } from '../../support/cloud.ts';
import { RecordingTransport } from '../../support/recording-transport.ts';

async function engine(options: Partial<CloudOptions> = {}) {
  const clock = new SimulatedClock();
  const transport = new RecordingTransport();
  const gauges = new Map<string, number>();
  const cloud = new Engine({
    ...{ transport, clock, ledger: new MemoryLedger(), random: new SeededRandom(1), log: SILENT },
    metrics: { ...NO_METRICS, set: (name, value) => void gauges.set(name, value) },
    ...options,
  });
  got(await cloud.start());
  const gauge = (name: string): number | undefined => {
    cloud.measure();
    return gauges.get(name);
  };
  return { clock, transport, cloud, gauge };
}

test('when the link returns, a large fleet is asked for piece by piece, and all of it in the end', async () => {
  const { clock, transport, cloud } = await engine({ inFlightMax: 10_000 });
  transport.drop();
  for (let count = 0; count < 600; count += 1) got(await cloud.create(aWish(`thing-${count}`, { on: true })));
  expect(transport.sent('get')).toEqual([]);
  transport.restore();
  const atOnce = transport.sent('get').length;
  expect(atOnce).toBeGreaterThan(0);
  expect(atOnce).toBeLessThan(600);
  await clock.advance(1_000);
  expect(new Set(transport.sent('get')).size).toBe(600);
});

test('a desk that is touched while others wait for their turn does not wait for its own', async () => {
  const { transport, cloud } = await engine({ inFlightMax: 10_000 });
  transport.drop();
  for (let count = 0; count < 600; count += 1) got(await cloud.create(aWish(`thing-${count}`, { on: true })));
  transport.restore();
  const topic = '$aws/things/thing-599/shadow/get';
  expect(transport.sent('get')).not.toContain(topic);
  got(await cloud.create(aWish('thing-599', { on: false })));
  expect(transport.sent('get')).toContain(topic);
});

test('made-up names that somebody asks for do not stay in memory', async () => {
  const { clock, transport, cloud, gauge } = await engine();
  for (let count = 0; count < 50; count += 1) {
    const asked = cloud.shadow(refOf(`made-up-${count}`));
    await clock.advance(1);
    const { topic, body } = transport.published.at(-1) ?? { topic: '', body: {} };
    transport.say(`${topic}/rejected`, { code: 404, message: 'no shadow', clientToken: body['clientToken'] });
    expect(await asked).toMatchObject({ ok: false, problem: { code: 'shadow_not_found' } });
  }
  got(await cloud.create(aWish('real', { on: true })));
  await clock.advance(11_000);
  await cloud.thing(refOf('other').thingName);
  void cloud.follow([refOf('other')]);
  await clock.advance(1);
  expect(gauge('shadow_desks')).toBe(2);
});

test('a write that waits behind a cap goes without what was cancelled meanwhile', async () => {
  const { clock, transport, cloud } = await engine({ inFlightMax: 1 });
  const service = new Map<string, number>();
  const answer = async (): Promise<void> => {
    const { topic, body } = transport.published.at(-1) ?? { topic: '', body: {} };
    const { state = {}, clientToken } = body;
    const version = (service.get(topic) ?? 0) + 1;
    if (topic.endsWith('/get')) transport.say(`${topic}/rejected`, { code: 404, message: 'no shadow', clientToken });
    else transport.say(`${topic}/accepted`, { state, metadata: {}, version, timestamp: 1, clientToken });
    service.set(topic, version);
    await clock.advance(1);
  };
  for (const key of ['first', 'second']) {
    got(await cloud.create(aWish(key, { known: true })));
    await clock.advance(1);
    await answer();
    await answer();
  }
  got(await cloud.create(aWish('first', { on: true })));
  const { command } = got(await cloud.create(aWish('second', { on: true })));
  got(await cloud.create(aWish('second', { mode: 'eco' })));
  await clock.advance(1);
  expect(transport.published.at(-1)).toMatchObject({ topic: '$aws/things/first/shadow/update' });
  got(await cloud.act(command.id, { type: 'cancel', by: { name: 'anna' } }));
  await answer();
  expect(transport.published.at(-1)).toMatchObject({
    topic: '$aws/things/second/shadow/update',
    body: { state: { desired: { mode: 'eco' } } },
  });
  const second = transport.published.filter(({ topic }) => topic === '$aws/things/second/shadow/update');
  expect(second.map(({ body }) => body['state'])).toEqual([{ desired: { known: true } }, { desired: { mode: 'eco' } }]);
  expect(got(await cloud.command(command.id))).toMatchObject({ status: 'cancelled', endResult: 'withdrawn' });
});
