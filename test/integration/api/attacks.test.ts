import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinoLog } from '../../../src/adapters/pino/log.ts';
import { Writable } from 'node:stream';
import { ApiWorld } from '../../support/api.ts';
import { eventually } from '../../support/eventually.ts';
import { fresh } from '../../support/fresh.ts';
import { TENANTS } from '../../support/tenants.ts';

const LIMITS = {
  requestsPerS: 0.01,
  requestsBurst: 500,
  commandsPerThingPerS: 0.01,
  commandsPerThingBurst: 3,
  eventStreams: 2,
  failedLoginsPerMinute: 40,
};

let world: ApiWorld;
let key: string;
const lines: string[] = [];

beforeAll(async () => {
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = pinoLog({ level: 'debug', destination: sink as never });
  world = await ApiWorld.open({ file: { ...TENANTS, limits: LIMITS }, log });
  key = await world.key('ops', 'all');
  world.token = key;
});
afterAll(() => world.close());

describe('names', () => {
  test.each([
    'a.b',
    'a+b',
    'a%2Fb',
    '%23',
    'a%00',
    '%EF%BD%81',
    '%F0%9F%94%A5',
    'x'.repeat(129),
    '..%2Fx',
    'a%20b',
    'a;b',
  ])('A-01: the thing name %j is refused at every route', async (name) => {
    for (const path of [`/v1/things/${name}/shadow`, `/v1/things/${name}`, `/v1/things/${name}/shadow/explain`]) {
      expect(await world.get(path)).toMatchObject({ status: 400, body: { code: 'invalid_thing_name' } });
    }
    const sent = await world.post(`/v1/things/${name}/commands`, { desired: { a: 1 } });
    expect(sent).toMatchObject({ status: 400, body: { code: 'invalid_thing_name' } });
    const many = await world.post('/v1/commands', { things: [decodeURIComponent(name)], desired: { a: 1 } });
    expect(many.status).toBe(400);
  });

  test.each(['', 'a/b', 'a.b', 'x'.repeat(65), '\u0000'])('A-01: the shadow name %j is refused', async (name) => {
    const answer = await world.get(`/v1/things/a/shadow?name=${encodeURIComponent(name)}`);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ at: '/name' }] } });
  });

  test('A-20: case variants are different things', async () => {
    await world.post('/v1/things/Case1/commands', { desired: { a: 1 } });
    expect((await world.get('/v1/commands?thing=case1')).body.items).toEqual([]);
  });
});

describe('credentials', () => {
  const cases: Record<string, Record<string, string>> = {
    none: {},
    'an empty one': { authorization: 'Bearer ' },
    'another scheme': { authorization: 'Basic b3BzOm9wcw==' },
    'two in one': { authorization: 'Bearer x, Bearer y' },
    'alg none': { authorization: `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.` },
    SQL: { authorization: `Bearer sctl_' OR 1=1 --` },
    'in a cookie': { cookie: 'token=sctl_x' },
  };
  test.each(Object.entries(cases))('C-05, C-07: %s is 401 in the same words', async (_, headers) => {
    const answer = await world.get('/v1/me', { token: null, headers });
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(answer.body.detail).toMatch(/^(this credential is not valid|this server asks who you are)/);
  });

  test.each(['token', 'access_token', 'api_key', 'apikey', 'key', 'Authorization'])(
    'C-06, C-17: a credential in the URL (%s) is refused and told why, also for streams',
    async (name) => {
      for (const path of ['/v1/me', '/v1/events']) {
        const answer = await world.get(`${path}?${name}=${key}`, { token: null });
        expect(answer).toMatchObject({ status: 400, body: { at: name } });
        expect(answer.body.detail).toContain('Authorization header');
        expect(answer.text).not.toContain(key);
      }
    },
  );

  test('C-08: guessing is answered with 429 and when to come back; valid credentials are not shut out', async () => {
    const limited = await eventually(async () => {
      const answer = await world.get('/v1/me', { token: `sctl_${'0'.repeat(12)}_${'x'.repeat(43)}` });
      return answer.status === 429 ? answer : undefined;
    });
    expect(limited.body).toMatchObject({ code: 'rate_limited', retry: 'backoff' });
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    expect((await world.get('/v1/me')).status).toBe(200);
  });

  test('C-24: an address in X-Forwarded-For is not believed', async () => {
    const spoof = { 'x-forwarded-for': '203.0.113.9' };
    expect((await world.get('/v1/me', { token: null, headers: spoof })).status).toBe(429);
  });
});

describe('HTTP', () => {
  test.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'])(
    'C-11: %s is 405 and says what is taken',
    async (method) => {
      const answer = await world.ask('/v1/commands', { method });
      expect([404, 405]).toContain(answer.status);
      if (answer.status === 405) expect(answer.headers.allow).toBe('GET, POST');
    },
  );

  test('C-11: a method in a header is not believed', async () => {
    const answer = await world.get('/v1/commands', { headers: { 'x-http-method-override': 'DELETE' } });
    expect(answer.status).toBe(200);
  });

  test.each([
    '//v1//commands',
    '/v1/commands/',
    '/v1/%63ommands/x/..',
    '/V1/commands',
    '/v1/commands;x=1',
    '/v1/%2e%2e/v1/me%00',
    `/${'a'.repeat(7_000)}`,
  ])('C-12: %j is no way around anything', async (path) => {
    const answer = await world.get(path, { token: null });
    expect([400, 401, 404, 429]).toContain(answer.status);
    expect(answer.body.instance.length).toBeLessThanOrEqual(256);
  });

  const bytes = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(world.url);
      const socket = connect(Number(port), hostname, () => socket.write(text));
      let heard = '';
      socket.on('data', (chunk) => (heard += chunk.toString()));
      socket.on('close', () => resolve(heard));
      socket.on('error', reject);
    });

  test.each([
    {
      what: 'both lengths (smuggling)',
      text: 'POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      status: '400',
    },
    { what: 'no HTTP at all', text: '\u0016\u0003\u0001\r\n\r\n', status: '400' },
    {
      what: '9 KB of headers',
      text: `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`,
      status: '431',
    },
  ])('C-13: $what is answered with $status as a problem', async ({ text, status }) => {
    const heard = await bytes(text);
    expect(heard).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(heard).toContain('application/problem+json');
    expect(JSON.parse(heard.slice(heard.indexOf('\r\n\r\n')))).toMatchObject({ status: Number(status) });
  });

  test('C-14, C-23: no CORS, nothing cached, nothing sniffed', async () => {
    const answer = await world.get('/v1/commands', { headers: { origin: 'https://evil.example' } });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  test('C-25: another Host name on loopback is refused (DNS rebinding)', async () => {
    const answer = await world.get('/v1/commands', { headers: { host: 'evil.example' } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });

  test('C-26: metrics need a right, and no metric has a thing name', async () => {
    expect((await world.get('/metrics', { token: await world.key('a', 'a') })).status).toBe(403);
    expect((await world.get('/metrics')).status).toBe(200);
  });
});

describe('bodies', () => {
  const send = (raw: string | Buffer, headers: Record<string, string> = {}, to = fresh('b-body')) =>
    world.ask(`/v1/things/${to}/commands`, { method: 'POST', raw, headers });

  test.each<[string, string, string | Buffer, number]>([
    ['B-04', '30 levels', `{"desired":${'{"a":'.repeat(30)}1${'}'.repeat(30)}}`, 400],
    ['B-05', '1e400', '{"desired":{"a":1e400}}', 400],
    ['B-08', 'broken UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), 400],
    ['B-08', 'half a surrogate', '{"desired":{"a":"\\ud800"}}', 400],
    ['B-09', 'NUL', '{"desired":{"a":"\\u0000"}}', 400],
    ['B-11', '100 KB', `{"desired":{"a":"${'x'.repeat(100_000)}"}}`, 413],
    ['B-12', 'a trailing comma', '{"desired":{"a":1,}}', 400],
    ['B-12', 'NaN', '{"desired":{"a":NaN}}', 400],
    ['B-13', 'an array', '[]', 400],
    ['B-13', 'null', 'null', 400],
    ['B-13', 'nothing', '', 400],
    ['B-15', 'ifVersion 1.5', '{"desired":{"a":1},"ifVersion":1.5}', 400],
    ['B-22', 'a date that is none', '{"desired":{"a":1},"expiresAt":"9999-99-99T00:00:00Z"}', 400],
    ['D-15', 'a deadline that is past', '{"desired":{"a":1},"expiresAt":"2001-01-01T00:00:00Z"}', 400],
    ['B-14', 'null inside an array', '{"desired":{"a":[null]}}', 400],
    ['A-04', 'reported', '{"reported":{"a":1}}', 400],
    ['A-04', 'the device’s own member', '{"desired":{"reconciler":{"version":9}}}', 400],
  ])('%s: %s is refused', async (_, __, raw, status) => {
    expect((await send(raw)).status).toBe(status);
  });

  test.each([
    ['B-06', '{"desired":{"lock":"open","lock":"closed"}}', '/desired/lock'],
    ['B-06', '{"desired":{"a":1},"desired":{"b":1}}', '/desired'],
    ['B-06', '{"desired":{"list":[{"a":1},{"a":1,"a":2}]}}', '/desired/list/a'],
    ['B-07', '{"desired":{"a":1,"\\u0061":2}}', '/desired/a'],
  ])('%s: a member that stands twice is refused with its place: %s', async (_, raw, at) => {
    expect(await send(raw)).toMatchObject({ status: 400, body: { code: 'invalid_json', at } });
  });

  test('B-06: the same name in different objects, and a colon in a string, are no duplicates', async () => {
    const raw = '{"desired":{"a":{"x":1},"b":{"x":":","y":"\\"x\\":"}}}';
    expect((await send(raw)).status).toBe(202);
  });

  test('B-23: members in another order are the same request; their order means nothing', async () => {
    const [headers, to] = [{ 'idempotency-key': fresh('order') }, fresh('b-order')];
    const one = await send('{"desired":{"1":1,"b":2,"01":3},"reason":"r"}', headers, to);
    const two = await send('{"reason":"r","desired":{"01":3,"b":2,"1":1}}', headers, to);
    expect([two.headers['idempotency-replayed'], two.body.id]).toEqual(['true', one.body.id]);
  });

  test('B-10: bidirectional and zero-width characters come back as they were sent, as JSON', async () => {
    const value = 'exe\u202etxt\u200b\u2066';
    const made = await world.post(`/v1/things/${fresh('b-bidi')}/commands`, { desired: { note: value } });
    expect(made.body.desired).toEqual({ note: value });
    expect((await world.post('/v1/things/b-bidi/commands', { desired: { a: 1 }, author: 'a\u2028b' })).status).toBe(
      400,
    );
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
  ])('B-19, C-15: content type %s is 415', async (type) => {
    const answer = await send('{"desired":{"a":1}}', { 'content-type': type });
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });

  test('B-18: a compressed body is 415', async () => {
    const answer = await send('{"desired":{"a":1}}', { 'content-encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });

  test('B-01, B-02: keys that bite are data or refused, and never reach a prototype', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'then', 'hasOwnProperty']) {
      const answer = await world.ask(`/v1/things/${fresh('b-proto')}/commands`, {
        method: 'POST',
        raw: `{"desired":{"${name}":{"isAdmin":true}}}`,
      });
      expect([202, 400]).toContain(answer.status);
    }
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  test('B-24: a dot in a key is no path', async () => {
    const answer = await world.post(`/v1/things/${fresh('b-dots')}/commands`, {
      desired: { 'a.b': 1, 'c/d': { '~e': 2 } },
    });
    expect(answer.body.fields.map(({ field }: { field: string }) => field)).toEqual(['/a.b', '/c~1d/~0e']);
  });

  test('C-09: idempotency keys of 10 KB, with spaces or control characters are refused', async () => {
    for (const text of ['x'.repeat(256), 'a b', 'a\tb', 'é']) {
      const answer = await world.post(
        `/v1/things/${fresh('b-keys')}/commands`,
        { desired: { a: 1 } },
        { headers: { 'idempotency-key': text } },
      );
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
  });
});

describe('lists and limits', () => {
  test.each(["'; DROP TABLE command; --", '-1', '1e3', '18446744073709551616', 'NaN', '0x10', '1 2'])(
    'C-18: Last-Event-ID %j is refused',
    async (id) => {
      expect(await world.get('/v1/events', { headers: { 'last-event-id': id } })).toMatchObject({ status: 400 });
    },
  );

  test.each([
    'limit=1e9',
    'limit=0',
    'limit=101',
    'limit=0x10',
    'limit=',
    'limit=-1',
    'olderThanMs=1e99',
    'sort=random',
    'q=%25x',
  ])('C-20: %s is refused', async (query) => {
    expect((await world.get(`/v1/drift?${query}`)).status).toBe(400);
  });

  test.each(['/v1/drift', '/v1/commands', '/v1/things', '/v1/shadows'])(
    'C-19: a made-up cursor of %s gives a problem or an empty page, nothing else',
    async (path) => {
      for (const cursor of [
        "'; --",
        'AAAA',
        encodeURIComponent('["a"]'),
        Buffer.from('[1,2,3,{}]').toString('base64url'),
      ]) {
        const answer = await world.get(`${path}?cursor=${encodeURIComponent(cursor)}`);
        expect([200, 400]).toContain(answer.status);
      }
    },
  );

  test('C-29: % and _ and quotes in a search are characters', async () => {
    await world.post('/v1/things/like_1/commands', { desired: { a: 1 } });
    await world.post('/v1/things/likeX1/commands', { desired: { a: 1 } });
    const { body } = await world.get('/v1/things?prefix=like_');
    expect(body.items.map(({ thingName }: { thingName: string }) => thingName)).toEqual(['like_1']);
    for (const prefix of ["'", '%25', '*']) expect((await world.get(`/v1/things?prefix=${prefix}`)).status).toBe(400);
  });

  test('C-10, API6: commands to one thing have a rate of their own', async () => {
    const [hot, other] = [fresh('hot'), fresh('hot')];
    const send = () => world.post(`/v1/things/${hot}/commands`, { desired: { a: 1 } });
    const statuses = [await send(), await send(), await send(), await send()].map(({ status }) => status);
    expect(statuses).toEqual([202, 202, 202, 429]);
    expect((await world.post(`/v1/things/${other}/commands`, { desired: { a: 1 } })).status).toBe(202);
  });

  test('API4: more than a thousand things, or nonsense among them, is refused as a whole', async () => {
    const things = Array.from({ length: 1_001 }, (_, index) => `many-${index}`);
    expect((await world.post('/v1/commands', { things, desired: { a: 1 } })).status).toBe(400);
    expect((await world.post('/v1/commands', { things: [], desired: { a: 1 } })).status).toBe(400);
  });

  test('event streams per credential are bounded; one that ends makes room', async () => {
    const open = () =>
      new Promise<{ status: number; end: () => void }>((resolve, reject) => {
        const request = httpRequest(
          `${world.url}/v1/events`,
          { headers: { authorization: `Bearer ${key}` } },
          (response) => {
            response.resume();
            resolve({ status: response.statusCode ?? 0, end: () => request.destroy() });
          },
        );
        request.on('error', reject);
        request.end();
      });
    const streams = [await open(), await open(), await open()];
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 429]);
    streams[0]?.end();
    const next = await eventually(async () => {
      const stream = await open();
      if (stream.status === 200) return stream;
      stream.end();
      return undefined;
    });
    for (const { end } of [...streams, next]) end();
  });
});

test('E-11, E-12, C-22: no secret, no body and no inside of ours is in a log line or an answer', async () => {
  const canary = 'CANARY-7f3a';
  const secretPart = key.slice(18);
  const answers = await Promise.all([
    world.post('/v1/things/canary-1/commands', { desired: { password: canary, nested: { a: { TOKEN: canary } } } }),
    world.post('/v1/things/canary-1/commands', { desired: { a: 1 }, nonsense: canary }),
    world.ask('/v1/things/canary-1/commands', { method: 'POST', raw: `{"desired": ${canary}` }),
    world.get(`/v1/me?token=${canary}`, { token: null }),
    world.get('/v1/me', { token: `sctl_${'1'.repeat(12)}_${canary}${'x'.repeat(43 - canary.length)}` }),
    world.get('/v1/me', { token: `eyJhbGciOiJub25lIn0.${Buffer.from(`{"sub":"${canary}"}`).toString('base64url')}.` }),
    world.get('/v1/commands', { headers: { cookie: canary, 'x-api-key': canary } }),
  ]);
  const all = lines.join('\n');
  expect(lines.length).toBeGreaterThan(0);
  for (const secret of [canary, secretPart, key]) expect(all).not.toContain(secret);
  for (const { status, text } of answers) {
    expect(text).not.toContain(secretPart);
    expect(text).not.toMatch(/node_modules|at .*\.ts:\d+|SQLITE|fastify/i);
    if (status === 401) expect(text).not.toContain(canary);
  }
});
