import { Refusal, type Link, type LinkEvents } from '../../src/adapters/mqtt/link.ts';
import { problem } from '../../src/core/problem.ts';
import { done, fail, type Result } from '../../src/core/result.ts';
import type { OutgoingMessage, Subscription } from '../../src/ports/transport.ts';
import type { BrokerSide, ClientSettings, Session } from './session.ts';

/** A client's way to the broker of a simulated network. The policy above it is the production code. */
export class SimulatedLink implements Link {
  readonly filtersPerSubscribe = 8;
  readonly #network: BrokerSide;
  readonly #settings: ClientSettings;
  #session: Session | undefined;
  #abort: () => void = () => undefined;

  constructor(network: BrokerSide, settings: ClientSettings) {
    this.#network = network;
    this.#settings = settings;
  }

  connect(events: LinkEvents): Promise<Result<void>> {
    const session = this.#network.dial(this.#settings, events);
    this.#session = session;
    return new Promise((resolve) => {
      const failed = (message: string) => {
        this.#hangUp(session);
        resolve(fail(problem('server_unreachable', message, { at: this.#settings.clientId })));
      };
      this.#abort = () => failed('given up while connecting');
      session.up.send(() => {
        if (this.#network.admit(session)) session.down.send(() => resolve(done));
        else session.down.send(() => failed('connection refused'));
      });
    });
  }

  publish({ topic, payload, qos }: OutgoingMessage): Promise<void> {
    const session = this.#connected();
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload.slice();
    session.up.sendMessage(() => this.#network.arrive(session, topic, bytes));
    if (qos === 0) return Promise.resolve();
    return new Promise((resolve) => {
      if (this.#network.losesAck(session)) return;
      session.up.send(() => session.down.send(resolve));
    });
  }

  subscribe(subscriptions: readonly Subscription[]): Promise<readonly string[]> {
    const session = this.#connected();
    return new Promise((resolve) => {
      session.up.send(() => {
        const refused = subscriptions.map(({ filter }) => filter).filter((filter) => this.#network.forbids(filter));
        for (const { filter } of subscriptions) if (!refused.includes(filter)) session.subscribe(filter);
        session.down.send(() => resolve(refused));
      });
    });
  }

  unsubscribe(filters: readonly string[]): Promise<void> {
    const session = this.#connected();
    return new Promise((resolve) => {
      session.up.send(() => {
        for (const filter of filters) session.unsubscribe(filter);
        session.down.send(resolve);
      });
    });
  }

  disconnect({ farewell }: { farewell: boolean }): Promise<void> {
    const session = this.#session;
    if (session !== undefined) {
      this.#session = undefined;
      session.leave();
      session.up.send(() => this.#network.end(session, farewell ? 'farewell' : 'lost'));
      this.#abort();
    }
    return Promise.resolve();
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #hangUp(session: Session): void {
    session.leave();
    session.up.send(() => this.#network.end(session, 'lost'));
    if (this.#session === session) this.#session = undefined;
  }

  #connected(): Session {
    if (this.#session === undefined) throw new Refusal('not connected');
    return this.#session;
  }
}
