import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_OPERATIONS } from '../../../src/http/operations.ts';
import { ApiWorld } from '../../support/api.ts';
import { DirectDevice } from '../../support/direct-device.ts';
import { eventually } from '../../support/eventually.ts';
import { fresh } from '../../support/fresh.ts';

let world: ApiWorld;
beforeAll(async () => {
  world = await ApiWorld.open();
  await world.device('heater-1', { '/targetC': 20, '/on': true });
  await world.device('heater-2', { '/targetC': 20, '/on': false });
});
afterAll(() => world.close());

const create = (thing: string, desired: object, headers: Record<string, string> = {}) =>
  world.post(`/v1/things/${thing}/commands`, { desired }, { headers });

describe('one command', () => {
  test('is answered with 202 and where to find it, and with Prefer: wait by its verdict', async () => {
    const queued = await create('nobody-1', { targetC: 21 });
    expect(queued).toMatchObject({
      status: 202,
      body: { status: expect.stringMatching(/queued|sent/), verdict: 'pending' },
    });
    expect(queued.headers.location).toBe(`/v1/commands/${queued.body.id}`);
    const done = await create('heater-1', { targetC: 22 }, { prefer: 'wait=10' });
    expect(done).toMatchObject({
      status: 200,
      body: { status: 'succeeded', verdict: 'succeeded', author: 'anonymous' },
    });
    const read = await world.get(`/v1/commands/${done.body.id}`);
    expect(read.body.timeline.length).toBeGreaterThan(2);
    expect((await world.get(`/v1/commands/${done.body.id}/explain`)).body).toMatchObject({ code: 'done' });
  });

  test('lists by parent, thing, status, verdict and author, page by page', async () => {
    const name = fresh('list');
    for (const author of ['ann', 'bob', 'ann']) {
      await world.post(`/v1/things/${name}/commands`, { desired: { a: 1 }, author });
    }
    const first = await world.get(`/v1/commands?thing=${name}&limit=2`);
    const second = await world.get(`/v1/commands?thing=${name}&limit=2&cursor=${first.body.next}`);
    expect([first.body.items.length, second.body.items.length, second.body.next]).toEqual([2, 1, undefined]);
    expect((await world.get(`/v1/commands?thing=${name}&author=bob`)).body.items).toHaveLength(1);
    expect((await world.get(`/v1/commands?thing=${name}&verdict=failed`)).body.items).toEqual([]);
  });

  test('is cancelled, extended, retried and rolled back; what it is not open for is a conflict', async () => {
    const { body: open } = await create('nobody-2', { a: 1 });
    const extended = await world.post(`/v1/commands/${open.id}/extend`, { applyMoreMs: 5_000, author: 'ops' });
    expect(extended).toMatchObject({ status: 200, body: { id: open.id } });
    expect(await world.post(`/v1/commands/${open.id}/rollback`)).toMatchObject({
      status: 409,
      body: { code: 'command_open' },
    });
    expect(await world.post(`/v1/commands/${open.id}/cancel`, { author: 'ops', reason: 'test' })).toMatchObject({
      status: 200,
      body: { status: 'cancelled' },
    });
    expect(await world.post(`/v1/commands/${open.id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'command_ended' },
    });
    const again = await world.post(`/v1/commands/${open.id}/retry`, { author: 'ops' });
    expect(again).toMatchObject({ status: 202, body: { retryOf: open.id, author: 'ops' } });
    const done = await create('heater-1', { targetC: 25 }, { prefer: 'wait=10' });
    const undone = await world.post(`/v1/commands/${done.body.id}/rollback`, { author: 'ops' });
    expect(undone).toMatchObject({ status: 202, body: { rollbackOf: done.body.id } });
  });
});

describe('direct commands', () => {
  test('are sent where every command is, and answered with what the device said', async () => {
    const door = await DirectDevice.connect(world.simulator.mqttUrl, 'door-1', {
      answer: ({ args }) => [{ status: 'succeeded', result: args, state: { locked: false } }],
    });
    const key = `k-${randomUUID()}`; // a sequence starts with a letter, a UUID may not
    const body = { kind: 'direct', name: 'unlock', args: { visitor: 'Ada' }, author: 'ann', sequence: key };
    const headers = { 'idempotency-key': key, prefer: 'wait=10' };
    const sent = await world.post('/v1/things/door-1/commands', body, { headers });
    expect(sent).toMatchObject({
      status: 200,
      body: {
        ...{ kind: 'direct', thingName: 'door-1', name: 'unlock', args: { visitor: 'Ada' }, author: 'ann' },
        ...{ verdict: 'succeeded', result: { visitor: 'Ada' }, sequence: { key, number: 1 } },
      },
    });
    const repeated = await world.post('/v1/things/door-1/commands', body, { headers });
    expect(repeated.body.id).toBe(sent.body.id);
    expect(repeated.headers['idempotency-replayed']).toBe('true');
    expect(door.requests).toHaveLength(1);
    const read = await world.get(`/v1/commands/${sent.body.id}`);
    // The broker's word that it has the request ('sent') may come after the device's answer to it.
    const [first, ...later] = read.body.timeline.map(({ event }: { event: string }) => event);
    expect([first, later.at(-1)]).toEqual(['created', 'succeeded']);
    expect((await world.get(`/v1/commands/${sent.body.id}/explain`)).body).toMatchObject({ code: 'done' });
    await world.post('/v1/things/door-1/commands', { desired: { a: 1 } });
    const { items } = (await world.get('/v1/commands?thing=door-1&name=(direct)')).body;
    expect(items).toHaveLength(1);
    const [listed] = items;
    expect(listed).toMatchObject({ id: sent.body.id, kind: 'direct' });
    expect(listed).not.toHaveProperty('result');
    expect((await world.post(`/v1/commands/${sent.body.id}/rollback`)).body).toMatchObject({ code: 'invalid_request' });
    await door.end();
  });

  test.each([
    ['without a name', { kind: 'direct' }],
    ['with fields', { kind: 'direct', name: 'unlock', desired: { a: 1 } }],
    ['with a name that is none', { kind: 'direct', name: 'un/lock' }],
    ['with arguments that are a list', { kind: 'direct', name: 'unlock', args: [1] }],
    ['that ends before it begins', { kind: 'direct', name: 'unlock', expiresAt: '2020-01-01T00:00:00Z' }],
  ])('are refused %s', async (_, body) =>
    expect(await world.post('/v1/things/door-1/commands', body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    }),
  );

  test('go to a group as one request, and are counted together', async () => {
    expect((await world.get('/v1/groups')).body).toEqual({ items: [{ group: 'doors', things: ['door-1', 'door-2'] }] });
    const doors = await Promise.all(
      ['door-1', 'door-2'].map((name) => DirectDevice.connect(world.simulator.mqttUrl, name, { groups: ['doors'] })),
    );
    const body = { kind: 'direct', name: 'lock', expectedCount: 2 };
    const sent = await world.post('/v1/groups/doors/commands', body, { headers: { 'idempotency-key': 'lock-1' } });
    expect(sent).toMatchObject({ status: 202, body: { group: 'doors', total: 2 } });
    const counts = await world.get(`/v1/parents/${sent.body.parentId}`, { headers: { prefer: 'wait=10' } });
    expect(counts.body).toMatchObject({ total: 2, settled: 2, verdict: 'succeeded' });
    const again = await world.post('/v1/groups/doors/commands', body, { headers: { 'idempotency-key': 'lock-1' } });
    expect(again.body).toEqual(sent.body);
    expect(await world.post('/v1/groups/doors/commands', { ...body, expectedCount: 3 })).toMatchObject({ status: 409 });
    expect(await world.post('/v1/groups/gates/commands', body)).toMatchObject({ status: 404 });
    for (const door of doors) await door.end();
  });
});

describe('things and shadows', () => {
  test('a shadow is shown field by field, explained, and its thing has a presence', async () => {
    await create('heater-1', { targetC: 23 }, { prefer: 'wait=10' });
    const shadow = await world.get('/v1/things/heater-1/shadow?refresh=true');
    expect(shadow.body.fields.find(({ field }: { field: string }) => field === '/targetC')).toMatchObject({
      shown: 23,
      confirmed: 23,
      converged: true,
    });
    expect((await world.get('/v1/things/heater-1/shadow/explain')).body.converged).toBe(true);
    expect((await world.get('/v1/things/heater-1')).body.shadows).toEqual([
      { thingName: 'heater-1', shadow: 'heater-1' },
    ]);
    expect((await world.get('/v1/shadows?limit=1')).body.items).toHaveLength(1);
    expect(await world.get('/v1/things/unknown-1/shadow')).toMatchObject({
      status: 404,
      body: { code: 'shadow_not_found' },
    });
  });

  test('things come by name, each once, with a prefix and page by page', async () => {
    await world.post('/v1/things/multi-1/commands?name=b', { desired: { a: 1 } });
    await world.post('/v1/things/multi-1/commands?name=a', { desired: { a: 1 } });
    await world.post('/v1/things/multi-1/commands', { desired: { a: 1 } });
    await world.post('/v1/things/multi-2/commands', { desired: { a: 1 } });
    const first = await world.get('/v1/things?prefix=multi-&limit=1');
    const second = await world.get(`/v1/things?prefix=multi-&limit=1&cursor=${first.body.next}`);
    expect(first.body.items).toMatchObject([{ thingName: 'multi-1', presence: { state: 'unknown' } }]);
    expect(second.body).toMatchObject({ items: [{ thingName: 'multi-2' }] });
    expect(second.body.next).toBeUndefined();
  });

  test('models are listed with their fields, and one comes with its schema', async () => {
    const list = await world.get('/v1/models');
    expect(list.body.items[0]).toMatchObject({ id: 'heater@1', things: '*heater*' });
    expect((await world.get('/v1/models/heater@1')).body.schema).toMatchObject({ $id: 'heater@1' });
    expect((await world.get('/v1/models/none@1')).status).toBe(404);
  });
});

describe('many things', () => {
  test('one request, one parent, one command each; the aggregate counts them to the end', async () => {
    const things = ['heater-1', 'heater-2'];
    const made = await world.post('/v1/commands', { things, desired: { targetC: 19 }, reason: 'night' });
    expect(made).toMatchObject({ status: 202, body: { total: 2 } });
    expect(made.body.commands.map(({ parentId }: { parentId: string }) => parentId)).toEqual([
      made.body.parentId,
      made.body.parentId,
    ]);
    const aggregate = await world.get(made.headers.location ?? '', { headers: { prefer: 'wait=10' } });
    expect(aggregate.body).toMatchObject({ total: 2, settled: 2, verdict: 'succeeded', verdicts: { succeeded: 2 } });
    expect((await world.get(`/v1/commands?parent=${made.body.parentId}`)).body.items).toHaveLength(2);
    expect((await world.get('/v1/parents/01980000-0000-7000-8000-000000000000')).status).toBe(404);
  });

  test('repeated with the same key it gives the same commands, under the same parent', async () => {
    const headers = { 'idempotency-key': 'night-1' };
    const ask = (things: string[]) => world.post('/v1/commands', { things, desired: { a: 1 } }, { headers });
    const [first, second] = [await ask(['many-1', 'many-2']), await ask(['many-1', 'many-2'])];
    const ids = (answer: typeof first) => answer.body.commands.map(({ id }: { id: string }) => id);
    expect(ids(second)).toEqual(ids(first));
    expect(second.body.parentId).toBe(first.body.parentId);
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(await ask(['many-1'])).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } });
  });

  test('a pattern means the things that are known, and as many as the caller expects (C-27)', async () => {
    const ask = (expectedCount?: number) =>
      world.post('/v1/commands', { things: { pattern: 'heater-*' }, desired: { on: true }, expectedCount });
    expect(await ask()).toMatchObject({ status: 400, body: { code: 'invalid_request', at: '/expectedCount' } });
    expect(await ask(3)).toMatchObject({ status: 409, body: { code: 'count_mismatch' } });
    expect(await ask(2)).toMatchObject({ status: 202, body: { total: 2 } });
  });

  test('one that its model refuses refuses all, and nothing is written', async () => {
    const before = (await world.get('/v1/commands?thing=free-1')).body.items.length;
    const refused = await world.post('/v1/commands', { things: ['free-1', 'heater-1'], desired: { targetC: 99 } });
    expect(refused).toMatchObject({ status: 422, body: { code: 'model_violation' } });
    expect((await world.get('/v1/commands?thing=free-1')).body.items).toHaveLength(before);
  });
});

describe('a plan', () => {
  test('says what would change, what is in the way and what would be refused, and writes nothing', async () => {
    await create('heater-2', { targetC: 18 }, { prefer: 'wait=10' });
    const planned = fresh('plan');
    await world.post(`/v1/things/${planned}/commands`, { desired: { targetC: 20 }, author: 'ann' });
    const plan = await world.post('/v1/plan', {
      things: ['heater-2', planned, 'plan-none'],
      desired: { targetC: 99, lock: null },
    });
    expect(plan.body).toMatchObject({ total: 3, blocked: 1 });
    const [heater, open, unknown] = plan.body.things;
    expect(heater.fields).toEqual([
      { field: '/targetC', change: 'change', from: 18, to: 99, reported: 18 },
      { field: '/lock', change: 'none' },
    ]);
    expect(heater.problems[0]).toMatchObject({ code: 'model_violation', at: '/targetC' });
    expect(open.conflicts).toMatchObject([{ author: 'ann', fields: ['/targetC'] }]);
    expect(unknown).toMatchObject({ exists: false, problems: [], bytesMax: 8192 });
    expect((await world.get('/v1/commands?thing=plan-none')).body.items).toEqual([]);
  });
});

describe('drift', () => {
  test('has causes, ages, filters and acknowledgement; rules hide it and are listed', async () => {
    const name = fresh('heater-9');
    const hardware = await world.device(name, { '/targetC': 20 });
    await create(name, { targetC: 21 }, { prefer: 'wait=10' });
    hardware.obey = ({ field }) => ({ field, result: 'refused', code: 'stuck_valve', message: 'no' });
    const refused = { desired: { targetC: 22 }, onEnd: 'keep' };
    await world.post(`/v1/things/${name}/commands`, refused, { headers: { prefer: 'wait=10' } });
    const drift = await eventually(async () => {
      const { body } = await world.get(`/v1/drift?thing=${name}`);
      return body.items.length > 0 ? body : undefined;
    });
    expect(drift.counts.byAge).toEqual({ underHour: drift.counts.fields, underDay: 0, underWeek: 0, older: 0 });
    const queries = [
      'things=*-9-*',
      'model=heater@1',
      'field=/targetC',
      'sort=flaps',
      'cause=refused,stuck,offline,unknown',
    ];
    for (const query of queries)
      expect((await world.get(`/v1/drift?thing=${name}&${query}`)).body.items.length).toBeGreaterThan(0);
    for (const query of ['things=x*', 'olderThanMs=3600000']) {
      expect((await world.get(`/v1/drift?thing=${name}&${query}`)).body.items).toEqual([]);
    }
    // "Nothing differs" would be believed; a model that the server does not know is a slip.
    expect(await world.get(`/v1/drift?thing=${name}&model=other@1`)).toMatchObject({
      status: 404,
      body: { code: 'not_found', at: 'other@1', detail: expect.stringContaining('/v1/models') },
    });
    expect((await world.get('/v1/overview')).body.drift.fields).toBeGreaterThan(0);
    // No command is open any more; the refusal stands as long as the wish does.
    const { fields } = (await world.get(`/v1/things/${name}/shadow/explain`)).body;
    expect(fields).toMatchObject([{ field: '/targetC', code: 'refused', words: 'the device refused /targetC: no' }]);
    const path = `/v1/things/${name}/shadow/drift/acknowledge`;
    expect(await world.post(path, { field: '/targetC', author: 'ops', reason: 'valve ordered' })).toMatchObject({
      status: 200,
      body: { acknowledged: { by: 'ops', reason: 'valve ordered' } },
    });
    const rule = await world.post('/v1/drift/rules', {
      thing: 'heater-*',
      field: '/on',
      reason: 'known',
      author: 'ops',
    });
    expect(rule).toMatchObject({ status: 201, body: { thing: 'heater-*', by: 'ops' } });
    const listed = (await world.get('/v1/drift/rules')).body.items.map(({ id }: { id: string }) => id);
    expect(listed).toContain(rule.body.id);
    for (const known of [rule.body.id, 'model'])
      expect((await world.get(`/v1/drift?rule=${known}`)).body.items).toEqual([]);
    expect((await world.ask(`/v1/drift/rules/${rule.body.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await world.ask(`/v1/drift/rules/${rule.body.id}`, { method: 'DELETE' })).status).toBe(404);
    for (const more of ['', '&counts=false']) {
      const gone = await world.get(`/v1/drift?rule=${rule.body.id}${more}`);
      expect(gone).toMatchObject({ status: 404, body: { code: 'not_found', at: rule.body.id } });
    }
  });
});

describe('what the server says of itself', () => {
  test('health, readiness, metrics, identity, the document and a page per problem', async () => {
    expect((await world.get('/healthz')).body).toEqual({ status: 'ok' });
    expect((await world.get('/readyz')).body).toMatchObject({ ready: true });
    expect((await world.get('/metrics')).text).toContain('shadow_build_info{version="test"} 1');
    expect((await world.get('/v1/me')).body).toMatchObject({ name: 'anonymous', accessControl: false });
    expect((await world.get('/v1/openapi.json')).body).toMatchObject({ openapi: '3.1.0' });
    const problem = await world.get('/v1/nothing');
    expect(problem).toMatchObject({ status: 404, body: { type: '/problems/not_found' } });
    const page = await world.get(problem.body.type);
    expect(page.text).toContain('There is no such page');
    expect((await world.get('/problems/nothing')).status).toBe(404);
  });

  test('requests are timed by operation and status, whatever their paths hold', async () => {
    await world.post('/v1/things/timed-1/commands', { desired: { a: 1 } });
    await world.get('/v1/things/never-heard-of/shadow');
    await world.get('/v1/made-up');
    const { text } = await world.get('/metrics');
    const counted = text.split('\n').filter((line) => line.startsWith('shadow_http_request_duration_seconds_count'));
    expect(counted.join('\n')).toMatch(/\{operation="createCommand",status="202"\} [1-9]/);
    expect(counted.join('\n')).toMatch(/\{operation="none",status="404"\} [1-9]/);
    expect(text).not.toContain('never-heard-of');
  });
});

test('every operation of the document was answered at least once, in full', () => {
  const answered = new Set(
    [...world.contract.seen].filter((one) => / 2\d\d$/.test(one)).map((one) => one.split(' ')[0]),
  );
  const missing = ALL_OPERATIONS.map(({ id }) => id).filter((id) => !answered.has(id));
  expect(missing).toEqual(['streamEvents']); // a stream does not end; it has tests of its own
});
