import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createApi } from '../../src/client/api.ts';
import { createClient } from '../../src/client/index.ts';
import { shadowctl } from '../support/shadowctl.ts';

/** Servers that take a request and never answer it: whether it was done nobody can know. */
const SOME_ID = '019aa1b2-c3d4-7e5f-8a6b-0123456789ab';
const started: { server: Server; sockets: Set<Socket> }[] = [];

afterEach(() => {
  for (const { server, sockets } of started.splice(0)) {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
});

async function listen(onRequest: (socket: Socket, count: number) => void): Promise<{ url: string; count(): number }> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('data', () => onRequest(socket, (count += 1)));
  });
  started.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, count: () => count };
}

/** An address where somebody was a moment ago. */
async function nowhere(): Promise<string> {
  const { url } = await listen(() => undefined);
  await new Promise<void>((resolve) => started.pop()?.server.close(() => resolve()));
  return url;
}

const silent = () => listen(() => undefined);
const breaking = () => listen((socket) => socket.destroy());
const proxy = () => listen((socket) => socket.end('HTTP/1.1 504 Gateway Time-out\r\ncontent-length: 4\r\n\r\nlate'));

describe('a request for a change whose answer is lost may have been taken', () => {
  test.each([
    ['says nothing', silent, /^no answer within 0.1 s at http.*; the request may have been taken$/],
    ['breaks the connection', breaking, /^the connection broke before the answer came at .* may have been taken$/],
    ['is a proxy that gave up', proxy, /^only a 504 .* may have been taken$/],
  ])('the server %s', async (_, start, says) => {
    const { url } = await start();
    const api = createApi({ url, answerMs: 100 });
    expect(await api.post('/v1/things/door/commands', {})).toMatchObject({
      ok: false,
      problem: { code: 'answer_lost', message: expect.stringMatching(says), at: url },
    });
    expect(await api.delete('/v1/drift/rules/x')).toMatchObject({ problem: { code: 'answer_lost' } });
    const looked = [await api.get('/v1/commands'), await api.post('/v1/plan', {}, { readOnly: true })];
    expect(looked).toMatchObject([
      { problem: { code: 'server_unreachable' } },
      { problem: { code: 'server_unreachable' } },
    ]);
  });

  test('who was refused the connection, found no such host or was sent elsewhere has asked for nothing', async () => {
    const elsewhere = await listen((socket) => socket.end('HTTP/1.1 307 Elsewhere\r\nlocation: /\r\n\r\n'));
    for (const url of [await nowhere(), 'http://127.0.0.1:1', 'http://no-such-host.invalid', elsewhere.url]) {
      expect(await createApi({ url }).post('/v1/x', {})).toMatchObject({ problem: { code: 'server_unreachable' } });
    }
  });

  test('stopping while the answer is awaited leaves it open, too', async () => {
    const stop = new AbortController();
    const { url } = await listen(() => stop.abort());
    const stopped = await createApi({ url, signal: stop.signal }).post('/v1/x', {});
    expect(stopped).toMatchObject({ problem: { code: 'answer_lost', message: expect.stringContaining('stopped') } });
  });
});

describe('the client', () => {
  test('sends a wish again under its key, and says that it may have been taken where that does not help', async () => {
    const server = await silent();
    const client = createClient({ url: server.url, answerMs: 100, retriesMax: 1 });
    await expect(client.send('door', 'unlock').accepted()).rejects.toMatchObject({
      code: 'answer_lost',
      retry: 'after_get',
    });
    expect(server.count()).toBe(2);
  });

  test('asks for an action on a command once', async () => {
    const server = await breaking();
    const client = createClient({ url: server.url, retriesMax: 3 });
    await expect(client.retry(SOME_ID)).rejects.toMatchObject({ code: 'answer_lost' });
    expect(server.count()).toBe(1);
  });

  test('a server that is gone at the second attempt does not unsay the first', async () => {
    const server = await listen((socket) => {
      started[0]?.server.close();
      socket.destroy();
    });
    const client = createClient({ url: server.url, retriesMax: 1 });
    await expect(client.setDesired('door', { a: 1 }).accepted()).rejects.toMatchObject({ code: 'answer_lost' });
  });
});

describe('the command line says how to look, and when the same call again is safe', () => {
  test.each([
    { args: ['send', 'door', 'unlock'], look: 'shadowctl commands --thing door"' },
    { args: ['set', 'door/lock', '/a=1'], look: 'shadowctl commands --thing door"' },
    { args: ['set', '--things', 'a,b', '/a=1'], look: 'shadowctl commands"' },
    { args: ['send', '--group', 'doors', 'unlock'], look: 'shadowctl commands"' },
  ])('$args', async ({ args, look }) => {
    const { url } = await breaking();
    const own = await shadowctl([...args, '--server', url, '--idempotency-key', 'order-7']);
    expect([own.code, own.stderr]).toEqual([7, expect.stringContaining('the request may have been taken: look with')]);
    expect(own.stderr).toContain(look);
    expect(own.stderr).toContain('the same call with --idempotency-key order-7 is safe');
    expect(own.stderr).toContain('[answer_lost]');
    expect(own.stderr).not.toContain('shadowctl serve');
    const made = await shadowctl([...args, '--server', url]);
    expect(made.stderr).toMatch(/the same call with --idempotency-key [0-9a-f-]{36} is safe/);
  });

  test.each([
    { args: ['cancel', SOME_ID], look: `shadowctl describe ${SOME_ID}"` },
    { args: ['extend', SOME_ID, '--apply-more', '1m'], look: `shadowctl describe ${SOME_ID}"` },
    { args: ['rollback', SOME_ID], look: `"shadowctl commands"` },
    { args: ['acknowledge', 'door', '/a'], look: 'the same call again is safe' },
    { args: ['ignore', 'add', 'door', '/a', '--reason', 'x'], look: '"shadowctl ignore list"' },
    { args: ['ignore', 'remove', 'x'], look: '"shadowctl ignore list"' },
  ])('$args', async ({ args, look }) => {
    const { url } = await breaking();
    const ran = await shadowctl([...args, '--server', url]);
    expect([ran.code, ran.stderr]).toEqual([7, expect.stringContaining(look)]);
    expect(ran.stderr).toContain('[answer_lost]');
  });

  test('where nothing was sent, or nothing could change, it is still the server that is away', async () => {
    const away = await shadowctl(['send', 'door', 'unlock', '--server', await nowhere()]);
    expect([away.code, away.stderr]).toEqual([7, expect.stringMatching(/ECONNREFUSED.*server_unreachable.*serve/)]);
    const { url } = await breaking();
    expect((await shadowctl(['plan', 'door', '/a=1', '--server', url])).stderr).toContain('[server_unreachable]');
  });
});
