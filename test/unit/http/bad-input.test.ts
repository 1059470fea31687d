import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cloud } from '../../../src/cloud/cloud.ts';
import { createHttpServer, type HttpServer } from '../../../src/http/server.ts';
import { SILENT } from '../../../src/ports/log.ts';

/** A cloud that must not be reached: what is wrong with a request is found before anything is asked. */
const untouchable = new Proxy({} as Cloud, {
  get: (_, member) => () => {
    throw new Error(`the request reached cloud.${String(member)}`);
  },
});

let server: HttpServer;
let url: string;

beforeAll(async () => {
  server = createHttpServer({ cloud: untouchable, log: SILENT, hosts: new Set() });
  const listening = await server.listen({ host: '127.0.0.1', port: 0 });
  if (!listening.ok) throw new Error(listening.problem.message);
  url = listening.value.url;
});

afterAll(() => server.close());

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** node:http rather than fetch, which tidies up what must arrive untidy. */
function send({ method = 'POST', path = '/v1/things/heater/commands', headers = {}, body }: Sent) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Record<string, unknown> }>(
    (resolve, reject) => {
      const { hostname, port } = new URL(url);
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const request = httpRequest({ hostname, port, method, path, headers: { ...type, ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const parsed = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed });
        });
      });
      request.on('error', reject);
      request.end(body);
    },
  );
}

const json = (value: unknown) => JSON.stringify(value);
const fine = json({ desired: { targetC: 21 } });

describe('a request that cannot be meant', () => {
  test.each<Sent & { what: string; status: number; code: string; at?: string }>([
    {
      what: 'a thing name with a plus',
      path: '/v1/things/a+b/commands',
      body: fine,
      status: 400,
      code: 'invalid_thing_name',
    },
    {
      what: 'a thing name with an encoded slash',
      path: '/v1/things/a%2Fb/commands',
      body: fine,
      status: 400,
      code: 'invalid_thing_name',
    },
    {
      what: 'a thing name of 129 characters',
      path: `/v1/things/${'a'.repeat(129)}/commands`,
      body: fine,
      status: 400,
      code: 'invalid_thing_name',
    },
    {
      what: 'a thing name with NUL',
      path: '/v1/things/a%00/commands',
      body: fine,
      status: 400,
      code: 'invalid_thing_name',
    },
    {
      what: 'a full-width thing name',
      path: '/v1/things/%EF%BD%81/commands',
      body: fine,
      status: 400,
      code: 'invalid_thing_name',
    },
    {
      what: 'a path that is no percent-encoding',
      path: '/v1/things/%zz/commands',
      body: fine,
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'an empty shadow name',
      path: '/v1/things/heater/commands?name=',
      body: fine,
      status: 400,
      code: 'invalid_request',
      at: 'query name',
    },
    {
      what: 'an unknown query member',
      path: '/v1/things/heater/commands?tenant=b',
      body: fine,
      status: 400,
      code: 'invalid_request',
    },
    { what: 'no body', status: 400, code: 'invalid_request' },
    { what: 'an empty body', body: '', status: 400, code: 'invalid_request' },
    { what: 'broken JSON', body: '{"desired":', status: 400, code: 'invalid_json' },
    { what: 'broken UTF-8', body: Buffer.from([0x22, 0xff, 0xfe, 0x22]), status: 400, code: 'invalid_json' },
    { what: 'a byte order mark', body: `\ufeff${fine}`, status: 400, code: 'invalid_json' },
    { what: 'a number beyond a float', body: '{"desired":{"a":1e400}}', status: 400, code: 'invalid_json' },
    { what: 'a lone surrogate', body: '{"desired":{"a":"\\ud800"}}', status: 400, code: 'invalid_json' },
    { what: 'a NUL in a string', body: '{"desired":{"a":"\\u0000"}}', status: 400, code: 'invalid_json' },
    {
      what: 'a body nested deeper than any shadow',
      body: '{"desired":'.repeat(40) + '1' + '}'.repeat(40),
      status: 400,
      code: 'too_deep',
    },
    {
      what: 'a thirty-thousand-fold array',
      body: `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
      status: 400,
      code: 'too_deep',
    },
    {
      what: 'a body above 64 KB',
      body: json({ desired: { a: 'x'.repeat(70_000) } }),
      status: 413,
      code: 'payload_too_large',
    },
    { what: 'an array for a body', body: '[]', status: 400, code: 'invalid_request' },
    {
      what: 'desired that is no object',
      body: json({ desired: [1] }),
      status: 400,
      code: 'invalid_request',
      at: '/desired',
    },
    { what: 'nothing desired', body: json({ desired: {} }), status: 400, code: 'invalid_request', at: '/desired' },
    {
      what: 'a member that is ours to give',
      body: json({ desired: { a: 1 }, status: 'succeeded' }),
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'a negative budget',
      body: json({ desired: { a: 1 }, applyWithinMs: -1 }),
      status: 400,
      code: 'invalid_request',
      at: '/applyWithinMs',
    },
    {
      what: 'a budget of a thousand years',
      body: json({ desired: { a: 1 }, expiresInMs: 1e15 }),
      status: 400,
      code: 'invalid_request',
      at: '/expiresInMs',
    },
    {
      what: 'a date that is none',
      body: json({ desired: { a: 1 }, expiresAt: 'tomorrow' }),
      status: 400,
      code: 'invalid_request',
      at: '/expiresAt',
    },
    {
      what: 'an author with an escape sequence',
      body: json({ desired: { a: 1 }, author: '\u001b[2J' }),
      status: 400,
      code: 'invalid_request',
      at: '/author',
    },
    {
      what: 'a form, which any web page could send',
      body: 'a=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      status: 415,
      code: 'unsupported_media_type',
    },
    {
      what: 'JSON as plain text, which any web page could send',
      body: fine,
      headers: { 'content-type': 'text/plain' },
      status: 415,
      code: 'unsupported_media_type',
    },
    {
      what: 'an idempotency key of 300 characters',
      body: fine,
      headers: { 'idempotency-key': 'k'.repeat(300) },
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'an idempotency key with a space',
      body: fine,
      headers: { 'idempotency-key': 'a b' },
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'the name of another host (DNS rebinding)',
      body: fine,
      headers: { host: 'evil.example' },
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'a method that the resource does not take',
      method: 'PUT',
      body: fine,
      status: 405,
      code: 'method_not_allowed',
    },
    { what: 'DELETE on a list', method: 'DELETE', path: '/v1/commands', status: 405, code: 'method_not_allowed' },
    { what: 'a resource that does not exist', method: 'GET', path: '/v1/nothing', status: 404, code: 'not_found' },
    {
      what: 'a command id that is none',
      method: 'GET',
      path: '/v1/commands/1%27%20OR%201=1',
      status: 404,
      code: 'command_not_found',
    },
    {
      what: 'a cursor that is none',
      method: 'GET',
      path: '/v1/commands?cursor=zzz',
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'a page of a billion',
      method: 'GET',
      path: '/v1/commands?limit=1000000000',
      status: 400,
      code: 'invalid_request',
      at: 'query limit',
    },
    {
      what: 'an unknown status',
      method: 'GET',
      path: '/v1/commands?status=sent,lost',
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'name and classic at once',
      method: 'GET',
      path: '/v1/commands?name=a&classic=true',
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'an unknown cause of drift',
      method: 'GET',
      path: '/v1/drift?cause=gremlins',
      status: 400,
      code: 'invalid_request',
    },
    {
      what: 'an extension by nothing',
      path: '/v1/commands/019aa1b2-c3d4-7e5f-8a6b-0123456789ab/extend',
      body: '{}',
      status: 400,
      code: 'invalid_request',
    },
  ])('$what: $status $code', async ({ what: _, status, code, at, ...sent }) => {
    const answer = await send(sent);
    expect(answer.body).toMatchObject({ status, code, ...(at === undefined ? {} : { at }) });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.ts:|fastify|FST_/i);
  });
});

test('a failure of ours is told without our insides', async () => {
  const { status, body } = await send({ body: fine });
  expect(status).toBe(500);
  expect(body).toMatchObject({ code: 'internal', retry: 'backoff' });
  expect(JSON.stringify(body)).not.toContain('reached cloud');
});

test('what goes wrong in several places is listed by place', async () => {
  const { body } = await send({ body: json({ desired: { a: 1 }, onEnd: 'explode', whenOffline: 3 }) });
  expect((body['errors'] as { at: string }[]).map(({ at }) => at)).toEqual(['/whenOffline', '/onEnd']);
});

test('no web page may read an answer: there are no CORS headers, and nothing is cached', async () => {
  const { headers } = await send({ method: 'GET', path: '/healthz', headers: { origin: 'https://evil.example' } });
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
});

test('garbage instead of HTTP closes that connection and no other', async () => {
  const { hostname, port } = new URL(url);
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write('\u0016\u0003\u0001 no HTTP\r\n\r\n'));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
    socket.on('error', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400/);
  expect((await send({ method: 'GET', path: '/healthz' })).status).toBe(200);
});

test('headers above 8 KB are refused', async () => {
  const { status } = await send({ method: 'GET', path: '/healthz', headers: { 'x-long': 'x'.repeat(10_000) } }).catch(
    () => ({ status: 431 }),
  );
  expect(status).toBe(431);
});

test('a port that is taken is a problem with a code, not a crash', async () => {
  const second = createHttpServer({ cloud: untouchable, log: SILENT });
  const taken = await second.listen({ host: '127.0.0.1', port: Number(new URL(url).port) });
  expect(taken).toMatchObject({ ok: false, problem: { code: 'address_in_use' } });
  await second.close();
});

test.each([
  { what: 'nothing', things: undefined, at: '/things', words: /1 to 1000 thing names, or \{"pattern"/ },
  { what: 'a name that is none', things: ['room-1', 'a b'], at: '/things/1', words: /thing name/ },
  {
    what: 'a list of 1,001',
    things: Array.from({ length: 1_001 }, (_, at) => `t${at}`),
    at: '/things',
    words: /1000/,
  },
  { what: 'a pattern that is none', things: { pattern: 'a b' }, at: '/things/pattern', words: /any characters/ },
  { what: 'a number', things: 5, at: '/things', words: /1 to 1000 thing names/ },
])('many things meant by $what are refused at $at', async ({ things, at, words }) => {
  const { status, body } = await send({ path: '/v1/commands', body: JSON.stringify({ desired: { a: 1 }, things }) });
  expect(status).toBe(400);
  expect(body).toMatchObject({ at, detail: expect.stringMatching(words) });
});
