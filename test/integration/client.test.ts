import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, ShadowctlError, type ShadowctlClient, type TimelineEntryView } from '../../src/client/index.ts';
import { startSmallWorld, type SmallWorld } from '../support/small-world.ts';

let world: SmallWorld;
let client: ShadowctlClient;

beforeAll(async () => {
  world = await startSmallWorld();
  client = createClient({ url: world.url, author: 'backend' });
}, 120_000);
afterAll(() => world.stop(), 60_000);

describe('the client of an app backend', () => {
  test('setDesired(…).settled() resolves with the verdict', async () => {
    const command = client.setDesired('room-heater', { targetC: 21 }, { reason: 'morning' });
    expect(await command.accepted()).toMatchObject({ verdict: 'pending', author: 'backend', reason: 'morning' });
    expect(await command.settled()).toMatchObject({ verdict: 'succeeded', fields: [{ outcome: 'confirmed' }] });
  });

  test('a verdict that is no success is an answer, not an error', async () => {
    const refused = await client.setDesired('room-heater', { fanSpeed: 9 }).settled();
    expect(refused).toMatchObject({ verdict: 'failed', fields: [{ outcome: 'refused', code: 'out_of_range' }] });
  });

  test('what cannot be asked for rejects with a stable code and the place', async () => {
    const refused = client.setDesired('room-heater', { targetC: 99 }).accepted();
    await expect(refused).rejects.toMatchObject({ name: 'ShadowctlError', code: 'model_violation', retry: 'never' });
    await expect(client.shadow('never-seen')).rejects.toMatchObject({ code: 'shadow_not_found' });
    await expect(client.thing('no/thing')).rejects.toBeInstanceOf(ShadowctlError);
  });

  test('one idempotency key is one command, however often it is sent', async () => {
    const first = await client.setDesired('nobody', { a: 1 }, { idempotencyKey: 'key-7' }).accepted();
    const again = await client.setDesired('nobody', { a: 1 }, { idempotencyKey: 'key-7' }).accepted();
    expect(again.id).toBe(first.id);
  });

  test('a named shadow is written by its printed form or by both names', async () => {
    const printed = await client.setDesired('nobody/light', { on: true }).accepted();
    const apart = await client.setDesired({ thingName: 'nobody', shadowName: 'light' }, { on: false }).accepted();
    expect([printed.shadow, apart.shadow]).toEqual(['nobody/light', 'nobody/light']);
  });

  test('waiting ends when its signal does', async () => {
    const { id } = await client.setDesired('nobody/wait', { a: 1 }).accepted();
    const stop = new AbortController();
    const waiting = client.settled(id, { signal: stop.signal });
    stop.abort();
    await expect(waiting).rejects.toBeInstanceOf(ShadowctlError);
    expect(await client.cancel(id)).toMatchObject({ status: 'cancelled' });
  });

  test('events come in order, without gaps, from where one left off', async () => {
    const stop = new AbortController();
    const seen: TimelineEntryView[] = [];
    const { id } = await client.setDesired('room-heater', { targetC: 23 }).settled();
    for await (const entry of client.events({ after: 0, signal: stop.signal })) {
      seen.push(entry);
      if (entry.commandId === id && entry.status === 'succeeded') stop.abort();
    }
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, index) => index + 1));
    const resumed = new AbortController();
    for await (const entry of client.events({ after: 3, signal: resumed.signal })) {
      expect(entry.sequence).toBe(4);
      resumed.abort();
    }
  });

  test('one wish for many things settles with how many of them succeeded; the plan says it before', async () => {
    const plan = await client.plan(['room-heater', 'nobody'], { targetC: 18 });
    expect(plan).toMatchObject({ total: 2, blocked: 0, things: [{ shadow: 'room-heater' }, { shadow: 'nobody' }] });
    const many = client.setDesiredMany({ pattern: 'room-*' }, { targetC: 18 }, { expectedCount: 1, reason: 'night' });
    const { parentId, commands } = await many.accepted();
    expect(commands).toMatchObject([{ thingName: 'room-heater', parentId, reason: 'night', author: 'backend' }]);
    expect(await many.settled()).toMatchObject({ total: 1, settled: 1, verdict: 'succeeded' });
    expect(await client.parent(parentId)).toMatchObject({ verdicts: { succeeded: 1 } });
    expect((await client.commands({ parent: parentId })).items).toHaveLength(1);
    const wrong = client.setDesiredMany({ pattern: 'room-*' }, { targetC: 18 }, { expectedCount: 9 });
    await expect(wrong.accepted()).rejects.toMatchObject({ code: 'count_mismatch' });
  });

  test('a refused request names every place that is wrong', async () => {
    const refused = client.setDesired('room-heater', {}, { applyWithinMs: -1 }).accepted();
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ at: '/desired' }, { at: '/applyWithinMs' }],
    });
  });

  test('things are listed, drift is acknowledged, and rules come and go', async () => {
    expect((await client.things({ prefix: 'room-' })).items).toMatchObject([{ thingName: 'room-heater' }]);
    await client.setDesired('room-heater', { fanSpeed: 9 }, { onEnd: 'keep' }).settled();
    const rule = await client.addIgnoreRule({ thing: 'attic-*', field: '/x', reason: 'gone in spring' });
    expect(await client.ignoreRules()).toMatchObject([{ id: rule.id, by: 'backend', reason: 'gone in spring' }]);
    await client.removeIgnoreRule(rule.id);
    await expect(client.removeIgnoreRule(rule.id)).rejects.toMatchObject({ code: 'not_found' });
    expect(await client.acknowledge('room-heater', '/fanSpeed', { reason: 'fan is ordered' })).toMatchObject({
      acknowledged: { by: 'backend', reason: 'fan is ordered' },
    });
    expect((await client.drift({ thing: 'room-heater' })).counts).toMatchObject({ fields: 0, acknowledged: 1 });
  });

  test('drift and shadows are there to look at', async () => {
    expect(await client.shadow('room-heater')).toMatchObject({ shadow: 'room-heater', presence: { state: 'online' } });
    await client.setDesired('room-heater', { fanSpeed: 9 }, { onEnd: 'keep' }).settled();
    expect(
      (await client.drift({ thing: 'room-heater', includeAcknowledged: true })).items.map(({ field }) => field),
    ).toEqual(['/fanSpeed']);
    expect((await client.commands({ thing: 'room-heater', verdict: 'failed' })).items.length).toBeGreaterThan(0);
  });
});

test('a server that is away for a moment costs a wait, not a failure, and one key goes with every attempt', async () => {
  const keys: unknown[] = [];
  const flaky = createServer((request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length < 3) request.socket.destroy();
    else response.end(JSON.stringify({ id: 'x', verdict: 'pending' }));
  });
  await new Promise<void>((resolve) => flaky.listen(0, '127.0.0.1', resolve));
  const { port } = flaky.address() as AddressInfo;
  const patient = createClient({ url: `http://127.0.0.1:${port}` });
  expect(await patient.setDesired('a', { b: 1 }).accepted()).toMatchObject({ id: 'x' });
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  flaky.close();
});

test('a server that stays away is a problem with a code', async () => {
  const lost = createClient({ url: 'http://127.0.0.1:1', retriesMax: 1 });
  await expect(lost.commands()).rejects.toMatchObject({ code: 'server_unreachable', retry: 'backoff' });
});

test('a server that asks for patience is asked again when it said, not before, and under the same key', async () => {
  const asked: { at: number; key: unknown }[] = [];
  const busy = createServer((request, response) => {
    asked.push({ at: performance.now(), key: request.headers['idempotency-key'] });
    if (asked.length > 1) return response.end(JSON.stringify({ id: 'x', verdict: 'pending' }));
    const problem = { code: 'rate_limited', detail: 'too many', status: 429 };
    return response.writeHead(429, { 'retry-after': '1' }).end(JSON.stringify(problem));
  });
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
  const { port } = busy.address() as AddressInfo;
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  expect(await client.setDesired('a', { b: 1 }).accepted()).toMatchObject({ id: 'x' });
  const [first, second] = asked;
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(999); // a lower bound holds on any machine
  expect(second?.key).toBe(first?.key);
  busy.close();
});

test('a server that asks for more patience than anybody has is a problem at once', async () => {
  const shut = createServer((_request, response) => {
    const problem = { code: 'rate_limited', detail: 'too many', status: 429 };
    response.writeHead(429, { 'retry-after': '3600' }).end(JSON.stringify(problem));
  });
  await new Promise<void>((resolve) => shut.listen(0, '127.0.0.1', resolve));
  const { port } = shut.address() as AddressInfo;
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  await expect(client.commands()).rejects.toMatchObject({ code: 'rate_limited', retry: 'backoff' });
  shut.close();
});
