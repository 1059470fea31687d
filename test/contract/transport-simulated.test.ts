import { SimulatedNetwork } from '../../simulators/network/simulated-network.ts';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { SimulatedClock } from '../../simulators/time/simulated-clock.ts';
import { describeTransport, type TransportWorld } from './transport.ts';

describeTransport('the simulated network', open);

function open(): Promise<TransportWorld> {
  const clock = new SimulatedClock();
  const network = new SimulatedNetwork({ clock, random: new SeededRandom(1) });
  let count = 0;
  return Promise.resolve({
    client: (options = {}) =>
      network.client({
        clientId: `client-${count++}`,
        backoff: { baseMs: 20, maxMs: 100, stableMs: 0 },
        ...options,
      }),
    network: {
      takeAway: () => Promise.resolve(network.takeAway()),
      bringBack: () => Promise.resolve(network.bringBack()),
      freeze: () => network.freeze(),
      thaw: () => network.thaw(),
      cut: () => network.cut(),
    },
    forbid: (filter) => network.forbid(filter),
    until: async (condition) => {
      await clock.advance(0);
      for (let ms = 0; !condition(); ms++) {
        if (ms > 120_000) throw new Error('the condition stayed false for two simulated minutes');
        await clock.advance(1);
      }
    },
    close: () => Promise.resolve(),
  });
}
