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

  test('drift and shadows are there to look at', async () => {
    expect(await client.shadow('room-heater')).toMatchObject({ shadow: 'room-heater', presence: { state: 'online' } });
    expect((await client.drift({ thing: 'room-heater' })).items.map(({ field }) => field)).toEqual(['/fanSpeed']);
    expect((await client.commands({ thing: 'room-heater', verdict: 'failed' })).items).toHaveLength(1);
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
