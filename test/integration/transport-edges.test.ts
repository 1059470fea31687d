import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeCertificates, type Certificates } from '../../simulators/access/certificates.ts';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import type { MqttOptions } from '../../src/adapters/aws-iot/options.ts';
import { mqttTransport } from '../../src/adapters/aws-iot/transport.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import type { Problem } from '../../src/core/problem.ts';
import { SILENT } from '../../src/ports/log.ts';

/** What people meet on the way to a first connection: each has to say what is wrong, with a code. */

const ports = { clock: new SystemClock(), random: new SystemRandom(), log: SILENT };
let folder: string;
let certificates: Certificates;
let strangers: Certificates;
let cloud: Simulator;
const opened: { close(): void }[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'transport-edges-'));
  certificates = await makeCertificates({ things: ['heater'] });
  strangers = await makeCertificates({ things: ['heater'] });
  const { ca, server } = certificates;
  const mqtts = { address: '127.0.0.1:0', ca: ca.cert, cert: server.cert, key: server.key };
  cloud = await startSimulator({ mqtts });
});
afterEach(() => opened.splice(0).forEach((server) => server.close()));
afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function tlsFiles({ ca, clients }: Certificates): { ca: string; cert: string; key: string } {
  const { cert = '', key = '' } = clients['heater'] ?? {};
  return { ca: file('ca.pem', ca.cert), cert: file('cert.pem', cert), key: file('key.pem', key) };
}

/** The problem of the first attempt, if there was one. */
async function attempt(options: MqttOptions): Promise<Problem | undefined> {
  const transport = mqttTransport(options, ports);
  if (!transport.ok) return transport.problem;
  const started = await transport.value.start();
  await transport.value.stop();
  return started.ok ? undefined : started.problem;
}

async function listenWith(handler: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    handler(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  });
  return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each(['mqtt5', 'mqtt311'] as const)('%s connects through mutual TLS with files', async (protocol) => {
  const problem = await attempt({
    url: cloud.mqttsUrl ?? '',
    clientId: 'heater',
    protocol,
    tls: tlsFiles(certificates),
  });
  expect(problem).toBeUndefined();
});

test.each(['mqtt5', 'mqtt311'] as const)('A-15: %s: a server that our CA did not sign is refused', async (protocol) => {
  const tls = { ...tlsFiles(certificates), ca: file('other-ca.pem', strangers.ca.cert) };
  const options = { url: cloud.mqttsUrl ?? '', clientId: 'heater', protocol, tls, connectTimeoutMs: 500 };
  // The library says so only after up to 30 s, on purpose; both answers name TLS.
  expect(await attempt(options)).toMatchObject({ message: expect.stringContaining('TLS') as string });
});

test.each(['mqtt5', 'mqtt311'] as const)('%s: a broker that refuses our certificate is named', async (protocol) => {
  const tls = { ...tlsFiles(strangers), ca: file('ca.pem', certificates.ca.cert) };
  const problem = await attempt({ url: cloud.mqttsUrl ?? '', clientId: 'heater', protocol, tls });
  expect(problem).toMatchObject({ at: cloud.mqttsUrl });
  expect(['transport_refused', 'server_unreachable']).toContain(problem?.code);
});

test('a server that shows a certificate of another authority is refused', async () => {
  const { ca } = certificates;
  const wrong = createTlsServer(
    { cert: strangers.server.cert, key: strangers.server.key, ca: ca.cert },
    () => undefined,
  );
  wrong.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => wrong.listen(0, '127.0.0.1', resolve));
  opened.push(wrong);
  const url = `mqtts://127.0.0.1:${(wrong.address() as AddressInfo).port}`;
  const problem = await attempt({ url, clientId: 'heater', tls: tlsFiles(certificates), connectTimeoutMs: 500 });
  expect(problem).toMatchObject({ message: expect.stringContaining('TLS') as string });
});

test('A-02: a client id that the certificate does not allow is refused with the reason of the broker', async () => {
  const tls = tlsFiles(certificates);
  const problem = await attempt({ url: cloud.mqttsUrl ?? '', clientId: 'lock', tls });
  expect(problem).toMatchObject({
    code: 'transport_refused',
    message: 'the broker refused client id lock: NotAuthorized',
  });
});

test('nobody there: the address is in the message, in words', async () => {
  for (const protocol of ['mqtt5', 'mqtt311'] as const) {
    const problem = await attempt({ url: 'mqtt://127.0.0.1:1', clientId: 'x', protocol });
    expect(problem).toMatchObject({
      code: 'server_unreachable',
      message: 'no MQTT broker answers at mqtt://127.0.0.1:1: socket connection refused',
    });
  }
});

test('a name that does not exist is unreachable, not a crash', async () => {
  const problem = await attempt({ url: 'mqtt://no-such-host.invalid:1883', clientId: 'x', connectTimeoutMs: 3_000 });
  expect(problem).toMatchObject({ code: 'server_unreachable' });
});

test.each(['mqtt5', 'mqtt311'] as const)('%s: a server that never answers is given up in time', async (protocol) => {
  const url = await listenWith(() => undefined);
  const problem = await attempt({ url, clientId: 'x', protocol, connectTimeoutMs: 300 });
  expect(problem).toMatchObject({ code: 'server_unreachable', at: url });
});

test.each(['mqtt5', 'mqtt311'] as const)('%s: a server that speaks HTTP is no broker', async (protocol) => {
  const url = await listenWith((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')),
  );
  const problem = await attempt({ url, clientId: 'x', protocol, connectTimeoutMs: 1_000 });
  expect(problem?.code).toMatch(/^(server_unreachable|transport_refused)$/);
});

test('a broker of MQTT 3.1.1 alone: the message says what to try', async () => {
  const url = await listenWith((socket) =>
    // CONNACK of version 3.1.1: unacceptable protocol version
    socket.once('data', () => socket.end(Uint8Array.of(0x20, 0x02, 0x00, 0x01))),
  );
  const problem = await attempt({ url, clientId: 'x' });
  expect(problem).toMatchObject({ code: 'transport_refused', message: expect.stringContaining('mqtt311') as string });
});

test.each<[string, Partial<MqttOptions>]>([
  ['an address without a scheme', { url: 'localhost:1883' }],
  ['an address of another kind', { url: 'http://localhost' }],
  ['an address with a path', { url: 'mqtt://localhost/x' }],
  ['an address with a password', { url: 'mqtt://me:secret@localhost' }],
  ['no address at all', { url: '' }],
  ['an empty client id', { clientId: '' }],
  ['a client id with a wildcard', { clientId: 'evil/#' }],
  ['a client id of 129 characters', { clientId: 'x'.repeat(129) }],
  ['certificates without encryption', { tls: { ca: '/etc/hosts' } }],
  ['a certificate without its key', { url: 'mqtts://localhost', tls: { cert: '/etc/hosts' } }],
  ['a file that is not there', { url: 'mqtts://localhost', tls: { ca: '/no/such/file' } }],
  ['a file that is no certificate', { url: 'mqtts://localhost', tls: { ca: '/etc/hosts' } }],
  ['a keep-alive that AWS refuses', { keepAliveSeconds: 2 }],
])('%s is refused before anything is opened', (_, options) => {
  const transport = mqttTransport({ url: 'mqtt://localhost', clientId: 'x', ...options }, ports);
  expect(transport).toMatchObject({ ok: false, problem: { code: 'invalid_config' } });
  expect(JSON.stringify(transport)).not.toContain('secret');
});

test('a PEM file whose content is broken is refused', () => {
  const broken = file('broken.pem', '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n');
  const key = file('broken-key.pem', '-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n');
  const options = { url: 'mqtts://localhost', clientId: 'x', tls: { cert: broken, key } };
  expect(mqttTransport(options, ports)).toMatchObject({ ok: false, problem: { code: 'invalid_config' } });
});

/** The SDK's MQTT 5 client would hold the process open for ever; see `exit.ts`. */
test.each([
  ['mqtt5', 'connected'],
  ['mqtt311', 'connected'],
  ['mqtt5', 'unreachable'],
  ['mqtt311', 'unreachable'],
] as const)('a process that stopped its %s transport, %s before, ends by itself', async (protocol, state) => {
  const at = (path: string) => JSON.stringify(new URL(`../../dist/src/${path}`, import.meta.url).href);
  const url = state === 'connected' ? cloud.mqttUrl : 'mqtt://127.0.0.1:1';
  const program = `
    import { mqttTransport } from ${at('adapters/aws-iot/transport.js')};
    import { SystemClock } from ${at('adapters/system/clock.js')};
    import { SystemRandom } from ${at('adapters/system/random.js')};
    import { SILENT } from ${at('ports/log.js')};
    const ports = { clock: new SystemClock(), random: new SystemRandom(), log: SILENT };
    const { value } = mqttTransport({ url: '${url}', clientId: 'leaver', protocol: '${protocol}' }, ports);
    const { ok } = await value.start();
    await value.subscribe([{ filter: 'a', qos: 0 }], () => undefined);
    await value.stop();
    process.stdout.write(String(ok));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const killed = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearTimeout(killed);
  expect({ code, output }).toEqual({ code: 0, output: String(state === 'connected') });
});
