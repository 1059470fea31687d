import { expect, test } from 'vitest';
import { MemoryLedger } from '../../../simulators/ledger/memory-ledger.ts';
import { SeededRandom } from '../../../simulators/time/seeded-random.ts';
import { SimulatedClock } from '../../../simulators/time/simulated-clock.ts';
import type { CloudOptions } from '../../../src/cloud/cloud-options.ts';
import { Engine } from '../../../src/cloud/engine.ts';
import { NO_METRICS } from '../../../src/ports/metrics.ts';
import type { ThingName } from '../../../src/core/brand.ts';
import type { Result } from '../../../src/core/result.ts';
import type { OutgoingMessage } from '../../../src/ports/transport.ts';
import { SILENT } from '../../../src/ports/log.ts';
import { aWish, got, refOf } from '../../support/cloud.ts';
import { RecordingTransport } from '../../support/recording-transport.ts';

async function engine<T extends RecordingTransport = RecordingTransport>(
  options: Partial<CloudOptions> = {},
  transport = new RecordingTransport() as T,
) {
  const clock = new SimulatedClock();
  const gauges = new Map<string, number>();
  const cloud = new Engine({
    ...{ transport, clock, ledger: new MemoryLedger(), random: new SeededRandom(1), log: SILENT },
    metrics: { ...NO_METRICS, set: (name, value) => void gauges.set(name, value) },
    ...options,
  });
  got(await cloud.start());
  const gauge = (name: string): number | undefined => {
    void cloud.measure();
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

/** A broker that acknowledges requests for actions only when the test says so. */
class SlowBroker extends RecordingTransport {
  most = 0;
  readonly #acknowledge: (() => void)[] = [];

  override async publish(message: OutgoingMessage): Promise<Result<void>> {
    const result = await super.publish(message);
    if (!message.topic.startsWith('cmd/')) return result;
    await new Promise<void>((resolve) => {
      this.#acknowledge.push(resolve);
      this.most = Math.max(this.most, this.#acknowledge.length);
    });
    return result;
  }

  acknowledgeAll(): void {
    for (const acknowledge of this.#acknowledge.splice(0)) acknowledge();
  }
}

test('H6, I13: stragglers of a group are asked within the cap, each a bounded number of times, and all of them end', async () => {
  const things = Array.from({ length: 200 }, (_, index) => `lamp-${index}` as ThingName);
  const direct = {
    answerMs: 100,
    groupAnswerMs: 100,
    backoffMs: 100,
    backoffMsMax: 400,
    attemptsMax: 4,
    verifyMs: 100,
  };
  const { clock, transport, cloud } = await engine({ inFlightMax: 10, direct }, new SlowBroker());
  const wish = { group: 'hall', things, name: 'blink', by: { name: 'anna' }, expiresInMs: 60_000 };
  const { parentId } = got(await cloud.createGroup(wish));
  for (let step = 0; step < 1_300; step += 1) {
    await clock.advance(50);
    transport.acknowledgeAll();
  }
  const { items } = got(await cloud.commands({ parentId }, { limit: 500 }));
  expect(items.map(({ status }) => status)).toEqual(things.map(() => 'timed_out'));
  expect(transport.sent('hall/req')).toHaveLength(1);
  for (const thing of things) expect(transport.sent(`${thing}/req`)).toHaveLength(direct.attemptsMax - 1);
  expect(transport.most).toBe(10);
});

test('H6: an action that ends while it waits behind a cap is not asked for any more', async () => {
  const { clock, transport, cloud } = await engine({ inFlightMax: 1 }, new SlowBroker());
  const send = async (name: string, expiresInMs?: number) => {
    const wish = { thingName: name as ThingName, name: 'blink', by: { name: 'anna' } };
    return got(await cloud.createDirect(expiresInMs === undefined ? wish : { ...wish, expiresInMs })).command;
  };
  await send('first');
  const late = await send('second', 1_000);
  const cancelled = await send('third');
  await send('fourth');
  got(await cloud.act(cancelled.id, { type: 'cancel', by: { name: 'anna' } }));
  await clock.advance(1_500);
  transport.acknowledgeAll();
  await clock.advance(1);
  expect(transport.sent('req')).toEqual(['cmd/first/req', 'cmd/fourth/req']);
  expect(got(await cloud.command(cancelled.id))).toMatchObject({ status: 'cancelled' });
  await clock.advance(5_000);
  expect(got(await cloud.command(late.id))).toMatchObject({ status: 'expired', attempts: 0 });
});

test('a command that the ledger refused is not counted as open', async () => {
  const ledger = new MemoryLedger();
  const { cloud } = await engine({ ledger });
  ledger.refuse('ledger_full');
  expect(await cloud.create(aWish('lamp', { on: true }))).toMatchObject({ ok: false });
  expect(await cloud.health()).toMatchObject({ openCommands: 0 });
});

test('a repeated request for a group answers with as many members as it had then', async () => {
  const { cloud } = await engine();
  const wish = { group: 'hall', name: 'blink', by: { name: 'anna' }, idempotency: { key: 'k', fingerprint: 'same' } };
  const names = (count: number) => Array.from({ length: count }, (_, index) => `lamp-${index}` as ThingName);
  const first = got(await cloud.createGroup({ ...wish, things: names(3) }));
  expect(first).toMatchObject({ total: 3, replayed: false });
  const again = got(await cloud.createGroup({ ...wish, things: names(5) }));
  expect(again).toEqual({ ...first, replayed: true });
});

test('one idempotency key for several kinds of commands at the same moment makes one of them, the others are told', async () => {
  const { cloud } = await engine();
  const by = { name: 'anna' };
  const things = [refOf('lamp').thingName];
  const key = (fingerprint: string) => ({ idempotency: { key: 'order-7', fingerprint } });
  const asked = () =>
    Promise.all([
      cloud.create({ ...aWish('lamp', { on: true }), ...key('shadow') }),
      cloud.createDirect({ thingName: refOf('lamp').thingName, name: 'blink', by, ...key('direct') }),
      cloud.createGroup({ group: 'all', things, name: 'blink', by, ...key('group') }),
      cloud.createMany({ refs: [refOf('lamp')], patch: { on: true }, by, ...key('many') }),
    ]);
  const codes = (results: readonly Result<unknown>[]) => results.map((each) => (each.ok ? 'made' : each.problem.code));
  const expected = ['made', 'idempotency_mismatch', 'idempotency_mismatch', 'idempotency_mismatch'];
  expect(codes(await asked())).toEqual(expected);
  expect(codes(await asked()), 'and later as well').toEqual(expected);
  expect(got(await cloud.commands({}, { limit: 10 })).items).toHaveLength(1);
});
