import { done, ok, type Result } from '../../src/core/result.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type {
  ConnectionEvent,
  MessageHandler,
  OutgoingMessage,
  Subscription,
  Transport,
} from '../../src/ports/transport.ts';
import { SubscriptionTable } from '../../src/protocol/subscription-table.ts';

/** A connection that carries what the benchmark feeds it, and answers every `get` with an empty shadow. */
export class FedTransport implements Transport {
  readonly connected = true;
  readonly #table = new SubscriptionTable<MessageHandler>();

  start(): Promise<Result<void>> {
    return Promise.resolve(done);
  }

  publish({ topic, payload }: OutgoingMessage): Promise<Result<void>> {
    if (topic.endsWith('/get')) {
      const { clientToken } = JSON.parse(String(payload)) as { clientToken?: string };
      const body = { state: {}, metadata: {}, version: 1, timestamp: Math.floor(Date.now() / 1_000), clientToken };
      setImmediate(() => this.feed(`${topic}/accepted`, new TextEncoder().encode(JSON.stringify(body))));
    }
    return Promise.resolve(done);
  }

  subscribe(subscriptions: readonly Subscription[], handler: MessageHandler): Promise<Result<Cancel>> {
    const remove = this.#table.add(
      subscriptions.map(({ filter }) => filter),
      handler,
    );
    return Promise.resolve(ok(() => void remove()));
  }

  onConnection(_listener: (event: ConnectionEvent) => void): Cancel {
    return () => undefined;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  feed(topic: string, payload: Uint8Array): void {
    this.#table.deliver(topic, (handler) => handler({ topic, payload }));
  }
}
