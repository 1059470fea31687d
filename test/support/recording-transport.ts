import type { JsonObject } from '../../src/core/json/json.ts';
import { done, fail, ok, type Result } from '../../src/core/result.ts';
import { problem } from '../../src/core/problem.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type {
  ConnectionEvent,
  MessageHandler,
  OutgoingMessage,
  Subscription,
  Transport,
} from '../../src/ports/transport.ts';

/** A link whose far end is the test: it keeps what was published and says what the test lets it say. */
export class RecordingTransport implements Transport {
  connected = true;
  readonly published: { readonly topic: string; readonly body: JsonObject }[] = [];
  readonly #handlers = new Set<MessageHandler>();
  readonly #listeners = new Set<(event: ConnectionEvent) => void>();

  async start(): Promise<Result<void>> {
    return done;
  }

  async publish({ topic, payload }: OutgoingMessage): Promise<Result<void>> {
    if (!this.connected) return fail(problem('transport_offline', 'not connected'));
    this.published.push({ topic, body: JSON.parse(String(payload)) as JsonObject });
    return done;
  }

  async subscribe(_subscriptions: readonly Subscription[], handler: MessageHandler): Promise<Result<Cancel>> {
    if (this.#handlers.size === 0) this.#handlers.add(handler);
    return ok(() => undefined);
  }

  onConnection(listener: (event: ConnectionEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.connected = false;
  }

  /** The topics of what was published on topics that end so. */
  sent(kind: string): string[] {
    return this.published.flatMap(({ topic }) => (topic.endsWith(`/${kind}`) ? [topic] : []));
  }

  say(topic: string, body: object): void {
    const payload = new TextEncoder().encode(JSON.stringify(body));
    for (const handler of this.#handlers) handler({ topic, payload });
  }

  drop(): void {
    this.connected = false;
    for (const listener of this.#listeners) listener({ type: 'down', code: 'closed', detail: 'the test' });
  }

  restore(): void {
    this.connected = true;
    for (const listener of this.#listeners) listener({ type: 'up' });
  }
}
