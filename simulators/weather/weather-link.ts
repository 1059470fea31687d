import type { Link, LinkEvents } from '../../src/adapters/mqtt/link.ts';
import { BACKOFF, PUBLISH_TIMEOUT_MS, type ConnectionPolicy } from '../../src/adapters/mqtt/mqtt-transport.ts';
import { problem } from '../../src/core/problem.ts';
import { done, fail, type Result } from '../../src/core/result.ts';
import type { OutgoingMessage, Subscription } from '../../src/ports/transport.ts';
import type { Process } from '../machine/process.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Network } from './network.ts';
import type { Peer } from './session.ts';

/** What may be done to a program at the edges of a publish and a delivery. Each returns true if the process dies there. */
export interface LinkHooks {
  readonly beforePublish: (topic: string) => boolean;
  readonly afterPublish: (topic: string) => boolean;
  readonly afterReceive: (topic: string) => boolean;
  /** For the onlooker: the broker says that it has it. */
  readonly acknowledged?: (topic: string, payload: Uint8Array) => void;
  /** For the onlooker. */
  readonly received: (topic: string, payload: Uint8Array) => void;
}

export interface WeatherLinkOptions {
  readonly clientId: string;
  readonly network: Network;
  readonly process: Process;
  readonly random: SeededRandom;
  readonly hooks: LinkHooks;
}

/** How every program of a run keeps its connection: as in production. */
export function policyOf(clientId: string): ConnectionPolicy {
  return {
    clientId,
    url: 'mqtt://simulated',
    connectTimeoutMs: 10_000,
    publishTimeoutMs: PUBLISH_TIMEOUT_MS,
    backoff: BACKOFF,
  };
}

const CONNECT_MS = 30;
const REFUSED_MS = 500;

/** One process's way to the broker. The policy above it (reconnecting, renewing subscriptions) is the production code. */
export class WeatherLink implements Link {
  readonly filtersPerSubscribe = 8;
  readonly #options: WeatherLinkOptions;
  #peer: Peer | undefined;

  constructor(options: WeatherLinkOptions) {
    this.#options = options;
    options.process.onKill(() => {
      if (this.#peer !== undefined) options.network.vanished(this.#peer);
    });
  }

  async connect(events: LinkEvents): Promise<Result<void>> {
    const { network, process, clientId } = this.#options;
    await process.sleep(CONNECT_MS);
    if (!network.reachable(clientId)) {
      await process.sleep(REFUSED_MS);
      return fail(problem('server_unreachable', 'the broker cannot be reached'));
    }
    const peer: Peer = {
      clientId,
      receive: (topic, payload) => process.run(() => this.#received(peer, events, topic, payload)),
      lost: (code, detail) =>
        process.run(() => {
          if (this.#peer !== peer) return;
          this.#peer = undefined;
          events.closed(code, detail);
        }),
    };
    this.#peer = peer;
    network.connect(peer);
    await process.sleep(this.#halfRoundTrip());
    return this.#peer === peer ? done : fail(problem('server_unreachable', 'the connection broke at once'));
  }

  publish({ topic, payload, qos }: OutgoingMessage): Promise<void> {
    const { network, process, hooks } = this.#options;
    if (!process.alive || hooks.beforePublish(topic)) return never();
    const peer = this.#peer;
    if (peer === undefined) return Promise.reject(new Error('not connected'));
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload.slice();
    return new Promise((resolve) => {
      network.publish(peer, topic, bytes, () =>
        process.run(() => {
          hooks.acknowledged?.(topic, bytes);
          resolve();
        }),
      );
      if (!hooks.afterPublish(topic) && qos === 0) resolve();
    });
  }

  async subscribe(subscriptions: readonly Subscription[]): Promise<readonly string[]> {
    const { network, process } = this.#options;
    const peer = this.#peer;
    if (peer === undefined) throw new Error('not connected');
    await process.sleep(this.#halfRoundTrip());
    const filters = subscriptions.map(({ filter }) => filter);
    if (!network.subscribe(peer, filters)) return never();
    await process.sleep(this.#halfRoundTrip() + network.subackDelay());
    return [];
  }

  unsubscribe(filters: readonly string[]): Promise<void> {
    const { network } = this.#options;
    if (this.#peer !== undefined) for (const filter of filters) network.unsubscribe(this.#peer, filter);
    return Promise.resolve();
  }

  async disconnect(_how: { farewell: boolean }): Promise<void> {
    const peer = this.#peer;
    this.#peer = undefined;
    if (peer !== undefined) this.#options.network.disconnect(peer);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #received(peer: Peer, events: LinkEvents, topic: string, payload: Uint8Array): void {
    if (this.#peer !== peer) return;
    const { hooks } = this.#options;
    hooks.received(topic, payload);
    events.message(topic, payload);
    hooks.afterReceive(topic);
  }

  #halfRoundTrip(): number {
    return this.#options.random.integer(3, 10);
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
