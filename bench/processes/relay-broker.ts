import { createServer, type AddressInfo } from 'node:net';
import { Aedes } from 'aedes';
import { ready } from '../support/process.ts';

/**
 * The bare broker of four bare legs: what arrives on `up/NAME` goes to `delta/NAME`, what arrives on `report/NAME` to
 * `done/NAME`, as the shadow service inside the simulator's broker does, but without looking at it.
 */
const FORWARD: Readonly<Record<string, string>> = { up: 'delta', report: 'done' };

const broker = await Aedes.createBroker({ concurrency: 0 });
broker.authorizePublish = (_client, packet, done) => {
  done(null);
  const [kind = '', name = ''] = packet.topic.split('/');
  const to = FORWARD[kind];
  if (to === undefined) return;
  const { payload } = packet;
  broker.publish(
    { cmd: 'publish', topic: `${to}/${name}`, payload, qos: 1, retain: false, dup: false },
    () => undefined,
  );
};
const server = createServer({ noDelay: true }, broker.handle);
server.listen(0, '127.0.0.1', () => ready({ url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}` }));
