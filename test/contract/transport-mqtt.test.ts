import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import { mqttTransport } from '../../src/adapters/aws-iot/transport.ts';
import type { MqttOptions, MqttProtocol } from '../../src/adapters/aws-iot/options.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import { SILENT } from '../../src/ports/log.ts';
import { eventually } from '../support/eventually.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { describeTransport, type TransportWorld } from './transport.ts';

for (const protocol of ['mqtt5', 'mqtt311'] as const) {
  describeTransport(`the AWS SDK's client for ${protocol}, over TCP to a real broker`, () => open(protocol));
}

const ports = { clock: new SystemClock(), random: new SystemRandom(), log: SILENT };

async function open(protocol: MqttProtocol): Promise<TransportWorld> {
  const forbidden = new Set<string>();
  const broker = await Aedes.createBroker({
    authorizeSubscribe: (_client, subscription, done) =>
      done(null, forbidden.has(subscription.topic) ? null : subscription),
  });
  const server = createServer({ noDelay: true }, broker.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await new TcpProxy((server.address() as { port: number }).port).open();
  let count = 0;
  return {
    client: (options = {}) => {
      const settings: MqttOptions = {
        url: `mqtt://127.0.0.1:${proxy.port}`,
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
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
