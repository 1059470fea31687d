import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { Aedes } from 'aedes';
import { afterAll } from 'vitest';
import { makeCertificates } from '../../simulators/access/certificates.ts';
import { mqttTransport } from '../../src/adapters/aws-iot/transport.ts';
import type { MqttOptions, MqttProtocol } from '../../src/adapters/aws-iot/options.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import { SILENT } from '../../src/ports/log.ts';
import { eventually } from '../support/eventually.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { describeTransport, type TransportWorld } from './transport.ts';

for (const protocol of ['mqtt5', 'mqtt311'] as const) {
  describeTransport(`the AWS SDK's client for ${protocol}, over TCP to a real broker`, () => open({ protocol }));
}

const folder = mkdtempSync(join(tmpdir(), 'transport-'));
const { ca, server, clients } = await makeCertificates({ applications: ['app'] });
const files = { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
writeFileSync(files.ca, ca.cert);
writeFileSync(files.cert, clients['app']?.cert ?? '');
writeFileSync(files.key, clients['app']?.key ?? '');

describeTransport("the AWS SDK's client for mqtt5, over mutual TLS to a real broker", () =>
  open({ protocol: 'mqtt5', secure: true }),
);

afterAll(() => rmSync(folder, { recursive: true }));

const ports = { clock: new SystemClock(), random: new SystemRandom(), log: SILENT };

async function open({
  protocol,
  secure = false,
}: {
  protocol: MqttProtocol;
  secure?: boolean;
}): Promise<TransportWorld> {
  const forbidden = new Set<string>();
  const broker = await Aedes.createBroker({
    authorizeSubscribe: (_client, subscription, done) =>
      done(null, forbidden.has(subscription.topic) ? null : subscription),
  });
  const tls = { ca: ca.cert, cert: server.cert, key: server.key, requestCert: true, rejectUnauthorized: true };
  const listener = secure
    ? createTlsServer({ ...tls, noDelay: true } as TlsOptions, broker.handle)
    : createServer({ noDelay: true }, broker.handle);
  listener.on('tlsClientError', () => undefined); // cut in the middle of a handshake
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const proxy = await new TcpProxy((listener.address() as { port: number }).port).open();
  let count = 0;
  return {
    client: (options = {}) => {
      const settings: MqttOptions = {
        url: `${secure ? 'mqtts' : 'mqtt'}://127.0.0.1:${proxy.port}`,
        ...(secure ? { tls: files } : {}),
        clientId: `client-${count++}`,
        protocol,
        backoff: { baseMs: 20, maxMs: 100, stableMs: 0 },
        connectTimeoutMs: 2_000,
        ...options,
      };
      const transport = mqttTransport(settings, ports);
      if (!transport.ok) throw new Error(transport.problem.message);
      return transport.value;
    },
    network: {
      takeAway: () => proxy.close(),
      bringBack: async () => {
        await proxy.open();
      },
      freeze: () => proxy.freeze(),
      thaw: () => proxy.thaw(),
      cut: () => proxy.cut(),
    },
    forbid: (filter) => forbidden.add(filter),
    until: async (condition) => {
      await eventually(condition);
    },
    close: async () => {
      await proxy.close();
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
