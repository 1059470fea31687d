import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_OPERATIONS, type OperationId } from '../../../src/http/operations.ts';
import { changeAccessFile } from '../../../src/adapters/access-file/access-file.ts';
import { revokeKeys } from '../../../src/adapters/access-file/keys.ts';
import { ApiWorld, type Answer } from '../../support/api.ts';
import { DirectDevice } from '../../support/direct-device.ts';
import { eventually } from '../../support/eventually.ts';
import { fresh } from '../../support/fresh.ts';
import { TENANTS } from '../../support/tenants.ts';

let world: ApiWorld;
let [a, b, all, heating, viewer, nobody] = ['', '', '', '', '', ''];
let command: string;
let parent: string;
let rule: string;

beforeAll(async () => {
  world = await ApiWorld.open({ file: TENANTS });
  a = await world.key('tenant-a', 'a');
  b = await world.key('tenant-b', 'b');
  all = await world.key('ops', 'all');
  heating = await world.key('heating', 'heating');
  viewer = await world.key('viewer', 'viewer');
  nobody = await world.key('nobody', 'nobody');
  const hardware = await world.device('a-heater', { '/targetC': 20 });
  hardware.obey = ({ field }) => ({ field, result: 'refused', code: 'stuck', message: 'no' });
  const made = await world.post(
    '/v1/commands',
    { things: ['a-heater', 'a-2'], desired: { targetC: 22 }, onEnd: 'keep' },
    { token: a },
  );
  parent = made.body.parentId;
  command = made.body.commands.find(({ thingName }: { thingName: string }) => thingName === 'a-2').id;
  await world.post('/v1/things/b-1/commands', { desired: { x: 1 } }, { token: b });
  rule = (await world.post('/v1/drift/rules', { thing: 'zzz', field: '/x', reason: 'test' }, { token: all })).body.id;
  await eventually(async () => (await world.get('/v1/drift', { token: all })).body.items.length > 0);
});
afterAll(() => world.close());

/** How tenant B asks for what belongs to tenant A, or lists; one line per operation, so that a new one is not forgotten. */
type Attempt = { readonly path: () => string; readonly body?: unknown; readonly expect: (answer: Answer) => void };
const notFound = (code: string) => (answer: Answer) => expect(answer).toMatchObject({ status: 404, body: { code } });
const without = (answer: Answer) => {
  expect(answer.status).toBe(200);
  expect(answer.text).not.toContain('a-heater');
  expect(answer.text).not.toContain('"a-2');
};
const refused = (answer: Answer) => expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
const open = (answer: Answer) => expect(answer.status).toBe(200);
const ATTEMPTS: Record<OperationId, Attempt> = {
  createCommand: {
    path: () => '/v1/things/a-heater/commands',
    body: { desired: { x: 1 } },
    expect: notFound('shadow_not_found'),
  },
  createCommands: {
    path: () => '/v1/commands',
    body: { things: ['b-1', 'a-2'], desired: { x: 1 } },
    expect: notFound('shadow_not_found'),
  },
  listGroups: { path: () => '/v1/groups', expect: refused },
  createGroupCommand: {
    path: () => '/v1/groups/doors/commands',
    body: { kind: 'direct', name: 'unlock' },
    expect: notFound('not_found'),
  },
  getAggregate: { path: () => `/v1/parents/${parent}`, expect: notFound('command_not_found') },
  listCommands: { path: () => '/v1/commands', expect: without },
  getCommand: { path: () => `/v1/commands/${command}`, expect: notFound('command_not_found') },
  explainCommand: { path: () => `/v1/commands/${command}/explain`, expect: notFound('command_not_found') },
  cancelCommand: { path: () => `/v1/commands/${command}/cancel`, body: {}, expect: notFound('command_not_found') },
  retryCommand: { path: () => `/v1/commands/${command}/retry`, body: {}, expect: notFound('command_not_found') },
  rollbackCommand: { path: () => `/v1/commands/${command}/rollback`, body: {}, expect: notFound('command_not_found') },
  extendCommand: {
    path: () => `/v1/commands/${command}/extend`,
    body: { applyMoreMs: 1 },
    expect: notFound('command_not_found'),
  },
  plan: {
    path: () => '/v1/plan',
    body: { things: ['a-heater'], desired: { x: 1 } },
    expect: notFound('shadow_not_found'),
  },
  listThings: { path: () => '/v1/things', expect: without },
  getThing: { path: () => '/v1/things/a-heater', expect: notFound('shadow_not_found') },
  listShadows: { path: () => '/v1/shadows', expect: without },
  getShadow: { path: () => '/v1/things/a-heater/shadow', expect: notFound('shadow_not_found') },
  explainShadow: { path: () => '/v1/things/a-heater/shadow/explain', expect: notFound('shadow_not_found') },
  listModels: { path: () => '/v1/models', expect: without },
  getModel: { path: () => '/v1/models/heater@1', expect: without },
  listDrift: {
    path: () => '/v1/drift',
    expect: (answer) => {
      without(answer);
      expect(answer.body.counts).toMatchObject({ fields: 0, shadows: 0, byCause: {} });
    },
  },
  acknowledgeDrift: {
    path: () => '/v1/things/a-heater/shadow/drift/acknowledge',
    body: { field: '/targetC' },
    expect: notFound('shadow_not_found'),
  },
  listIgnoreRules: { path: () => '/v1/drift/rules', expect: (answer) => expect(answer.body.items).toEqual([]) },
  addIgnoreRule: { path: () => '/v1/drift/rules', body: { thing: 'b-*', field: '/x', reason: 'r' }, expect: refused },
  removeIgnoreRule: { path: () => `/v1/drift/rules/${rule}`, expect: refused },
  streamEvents: { path: () => '/v1/events', expect: () => undefined }, // its own test, in events.test.ts
  overview: {
    path: () => '/v1/overview',
    expect: (answer) => {
      expect(answer.status).toBe(200);
      // Of three things with an open command and one that drifts, one is theirs.
      expect(answer.body).toMatchObject({
        things: { online: 0, offline: 0, unknown: 1 },
        shadows: { total: 1, drifted: 0, refused: 0 },
        drift: { fields: 0, ignored: 0, acknowledged: 0 },
      });
    },
  },
  whoAmI: { path: () => '/v1/me', expect: without },
  openApi: { path: () => '/v1/openapi.json', expect: open },
  problemPage: { path: () => '/problems/forbidden', expect: open },
  health: { path: () => '/healthz', expect: open },
  readiness: { path: () => '/readyz', expect: open },
  metrics: { path: () => '/metrics', expect: refused },
};
const ROUTES = Object.entries(ATTEMPTS).flatMap(([id, attempt]) => {
  const operation = ALL_OPERATIONS.find((each) => each.id === id);
  return operation === undefined ? [] : [{ id, operation, attempt }];
});

describe('two tenants against every route (API1, C-01)', () => {
  test('every operation that there is has its attempt', () => {
    expect(Object.keys(ATTEMPTS).sort()).toEqual(ALL_OPERATIONS.map(({ id }) => id).sort());
  });

  // A stream does not end; what it holds of others is tested with the events.
  test.each(ROUTES.filter(({ id }) => id !== 'streamEvents'))(
    '$id: one tenant never reaches what is the other’s',
    async ({ operation, attempt }) => {
      const { path, body, expect: check } = attempt;
      check(await world.ask(path(), { method: operation.method, body, token: b }));
    },
  );

  test.each(ROUTES.filter(({ operation }) => operation.access !== 'public'))(
    '$id: without a credential it is 401, before anything is read',
    async ({ operation, attempt: { path } }) => {
      const raw = operation.method === 'POST' ? '{not json' : undefined;
      const answer = await world.ask(path(), {
        method: operation.method,
        ...(raw === undefined ? {} : { raw }),
        token: null,
      });
      expect([401, 429]).toContain(answer.status);
      if (answer.status === 401) expect(answer.headers['www-authenticate']).toBe('Bearer realm="shadowctl"');
    },
  );

  test.each(ROUTES.filter(({ operation }) => !['public', 'known'].includes(operation.access)))(
    '$id: a credential without any role is refused (API5)',
    async ({ operation, attempt: { path, body } }) => {
      refused(await world.ask(path(), { method: operation.method, body, token: nobody }));
    },
  );

  test('every operation with a door has answered an error, and each of them was held against the document', () => {
    const refusals = new Set(
      [...world.contract.seen].filter((one) => / 4\d\d$/.test(one)).map((one) => one.split(' ')[0]),
    );
    const doors = ALL_OPERATIONS.filter(({ access }) => access !== 'public').map(({ id }) => id);
    expect(doors.filter((id) => !refusals.has(id))).toEqual([]);
  });

  test('the answer to what belongs to others is the answer to what does not exist, but for its own name', async () => {
    const shape = ({ status, headers, body: { instance: _, requestId: __, ...rest } }: Answer) => ({
      status,
      headers: Object.keys(headers).sort(),
      rest,
    });
    const unknownId = command.replace(/.{4}$/, '0000');
    const pairs = [
      [`/v1/commands/${command}`, `/v1/commands/${unknownId}`],
      [`/v1/commands/${command}/explain`, `/v1/commands/${unknownId}/explain`],
      ['/v1/things/a-heater/shadow', '/v1/things/b-unknown/shadow'],
      [`/v1/parents/${parent}`, `/v1/parents/${unknownId}`],
    ];
    for (const [theirs = '', none = ''] of pairs) {
      expect(shape(await world.get(theirs, { token: b }))).toEqual(shape(await world.get(none, { token: b })));
    }
  });

  test('C-02: a filter cannot widen what a caller may see', async () => {
    for (const query of ['thing=a-heater', 'author=tenant-a', `parent=${parent}`]) {
      expect((await world.get(`/v1/commands?${query}`, { token: b })).body.items).toEqual([]);
    }
    for (const query of ['thing=a-heater', 'thingPrefix=a', 'things=*', 'model=heater@1']) {
      expect((await world.get(`/v1/drift?${query}`, { token: b })).body.items).toEqual([]);
    }
    expect((await world.get('/v1/commands?tenant=a', { token: b })).status).toBe(400);
    expect((await world.get('/v1/drift?fields=secret', { token: b })).status).toBe(400);
  });

  test('the tenant whose it is sees it all', async () => {
    expect((await world.get(`/v1/parents/${parent}`, { token: a })).body.total).toBe(2);
    expect((await world.get('/v1/drift', { token: a })).body.counts.fields).toBeGreaterThan(0);
    expect(
      (await world.get('/v1/things', { token: a })).body.items.map(({ thingName }: { thingName: string }) => thingName),
    ).toEqual(['a-2', 'a-heater']);
  });
});

describe('rights on fields and commands', () => {
  test('C-04: one forbidden field refuses the whole request and is named; nothing is written', async () => {
    const before = (await world.get('/v1/commands?thing=a-9', { token: all })).body.items.length;
    const body = { desired: { targetC: 21, lock: 'open', door: { main: 1 } } };
    const answer = await world.post('/v1/things/a-9/commands', body, { token: heating });
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden', at: '/lock' } });
    expect(answer.body.errors.map(({ at }: { at: string }) => at)).toEqual(['/lock', '/door/main']);
    const many = await world.post('/v1/commands', { things: ['a-9', 'a-8'], ...body }, { token: heating });
    expect(many.body.errors.map(({ at }: { at: string }) => at)).toContain('a-8/lock');
    expect((await world.get('/v1/commands?thing=a-9', { token: all })).body.items).toHaveLength(before);
    expect((await world.post('/v1/things/a-9/commands', { desired: { targetC: 21 } }, { token: heating })).status).toBe(
      202,
    );
  });

  test('B-14: removing a section needs the right to it', async () => {
    const only = { desired: { targetC: null } };
    const root = { desired: { climate: null } };
    expect((await world.post('/v1/things/a-9/commands', only, { token: heating })).status).toBe(202);
    expect((await world.post('/v1/things/a-9/commands', root, { token: heating })).body.at).toBe('/climate');
  });

  test('C-03: nobody sets what is not theirs to set', async () => {
    for (const extra of [
      { status: 'succeeded' },
      { createdBy: 'root' },
      { grant: {} },
      { parentId: command },
      { id: command },
    ]) {
      const answer = await world.post('/v1/things/a-9/commands', { desired: { targetC: 1 }, ...extra }, { token: a });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
  });

  test('the author is who the credential says, in the command and in its timeline; nobody is somebody else', async () => {
    const made = await world.post('/v1/things/a-7/commands', { desired: { x: 1 } }, { token: a });
    expect(made.body.author).toBe('tenant-a');
    const cancelled = await world.post(`/v1/commands/${made.body.id}/cancel`, { reason: 'stop' }, { token: all });
    expect(cancelled.status).toBe(200);
    const { timeline } = (await world.get(`/v1/commands/${made.body.id}`, { token: a })).body;
    expect(timeline[0].by).toBe('tenant-a');
    expect(timeline.some(({ event, by }: { event: string; by: string }) => event === 'cancelled' && by === 'ops')).toBe(
      true,
    );
    const forged = await world.post('/v1/things/a-7/commands', { desired: { x: 1 }, author: 'ops' }, { token: a });
    expect(forged).toMatchObject({ status: 403, body: { at: '/author' } });
  });

  test('D-11: retry and rollback are no way around the rights on fields', async () => {
    const made = await world.post('/v1/things/a-6/commands', { desired: { lock: 'open' } }, { token: a });
    await world.post(`/v1/commands/${made.body.id}/cancel`, {}, { token: a });
    for (const token of [heating, viewer]) {
      expect(await world.post(`/v1/commands/${made.body.id}/retry`, {}, { token })).toMatchObject({ status: 403 });
      expect(await world.post(`/v1/commands/${made.body.id}/rollback`, {}, { token })).toMatchObject({ status: 403 });
    }
  });

  test('who may command acts on own commands; those of others need the right to operate', async () => {
    const own = await world.post('/v1/things/a-5/commands', { desired: { targetC: 1 } }, { token: heating });
    const other = await world.post('/v1/things/a-5/commands', { desired: { fan: 1 } }, { token: a });
    expect((await world.post(`/v1/commands/${other.body.id}/cancel`, {}, { token: heating })).status).toBe(403);
    expect((await world.post(`/v1/commands/${own.body.id}/cancel`, {}, { token: heating })).status).toBe(200);
  });

  test('C-09: the same idempotency key of two callers is two keys', async () => {
    const [headers, path] = [{ 'idempotency-key': fresh('shared') }, `/v1/things/${fresh('a-4')}/commands`];
    const one = await world.post(path, { desired: { x: 1 } }, { token: a, headers });
    const two = await world.post(path, { desired: { x: 2 } }, { token: all, headers });
    const again = await world.post(path, { desired: { x: 1 } }, { token: a, headers });
    expect([one.status, two.status, again.headers['idempotency-replayed']]).toEqual([202, 202, 'true']);
    expect(two.body.id).not.toBe(one.body.id);
    expect(again.body.id).toBe(one.body.id);
    const other = await world.post(path, { desired: { x: 3 } }, { token: a, headers });
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } });
    expect(other.text).not.toContain('x');
  });

  test('C-27: a pattern reaches only what the caller may see, and one forbidden thing refuses all', async () => {
    const ask = (token: string, expectedCount: number) =>
      world.post('/v1/commands', { things: { pattern: '*' }, desired: { probe: 1 }, expectedCount }, { token });
    const names = ({ body }: Answer) =>
      (body.items ?? body.commands).map((each: { thingName: string }) => each.thingName);
    const own = names(await world.get('/v1/things', { token: b }));
    expect(own).toContain('b-1');
    expect(names(await ask(b, own.length))).toEqual(own);
    expect((await ask(viewer, 99)).status).toBe(403);
    const count = (await world.get('/v1/things?limit=100', { token: heating })).body.items.length;
    expect(await ask(heating, count)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  test('C-28: a command that waited is not sent once its author lost the right; it says so', async () => {
    const key = await world.key('leaver', 'a');
    await world.broker.close();
    await eventually(async () => (await world.get('/readyz')).body.transport === 'down');
    const kept = await world.post('/v1/things/a-3/commands', { desired: { kept: 1 } }, { token: a });
    const lost = await world.post('/v1/things/a-3/commands', { desired: { lost: 1 } }, { token: key });
    expect([kept.body.status, lost.body.status]).toEqual(['queued', 'queued']);
    await changeAccessFile(world.accessFile, (before) => revokeKeys(before, 'leaver', Date.now()));
    await world.access?.refresh();
    await world.broker.open();
    const end = await eventually(async () => {
      const { body } = await world.get(`/v1/commands/${lost.body.id}`, { token: a });
      return body.verdict === 'pending' ? undefined : body;
    });
    expect(end).toMatchObject({ status: 'failed', statusReason: 'forbidden' });
    await eventually(() => world.simulator.document('a-3')?.state.desired?.['kept']);
    expect(world.simulator.document('a-3')?.state.desired).toEqual({ kept: 1 });
  });

  test('C-28: a direct command that waited is not published once the key behind it was revoked; it says so', async () => {
    const key = await world.key('visitor', 'a');
    const door = await DirectDevice.connect(world.simulator.mqttUrl, 'a-door');
    await world.broker.close();
    await eventually(async () => (await world.get('/readyz')).body.transport === 'down');
    const send = (name: string, token: string) =>
      world.post('/v1/things/a-door/commands', { kind: 'direct', name }, { token });
    const lost = await send('unlock', key);
    const kept = await send('ring', a);
    expect([lost.body.status, kept.body.status]).toEqual(['queued', 'queued']);
    await changeAccessFile(world.accessFile, (before) => revokeKeys(before, 'visitor', Date.now()));
    await world.access?.refresh();
    await world.broker.open();
    const endOf = ({ body: { id } }: Answer) =>
      eventually(async () => {
        const { body } = await world.get(`/v1/commands/${id}`, { token: a });
        return body.verdict === 'pending' ? undefined : body;
      });
    expect(await endOf(lost)).toMatchObject({ status: 'failed', statusReason: 'forbidden', attempts: 0 });
    expect(await endOf(kept)).toMatchObject({ status: 'succeeded' });
    expect(new Set(door.requests.map(({ name }) => name))).toEqual(new Set(['ring']));
    await door.end();
  });
});
