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
  readonly #subscribed: { readonly filters: readonly string[]; readonly handler: MessageHandler }[] = [];
  readonly #listeners = new Set<(event: ConnectionEvent) => void>();

  async start(): Promise<Result<void>> {
    return done;
  }

  async publish({ topic, payload }: OutgoingMessage): Promise<Result<void>> {
    if (!this.connected) return fail(problem('transport_offline', 'not connected'));
    this.published.push({ topic, body: JSON.parse(String(payload)) as JsonObject });
    return done;
  }

  async subscribe(subscriptions: readonly Subscription[], handler: MessageHandler): Promise<Result<Cancel>> {
    this.#subscribed.push({ filters: subscriptions.map(({ filter }) => filter), handler });
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

  /** Lost while the link is down. */
  say(topic: string, body: object): void {
    if (!this.connected) return;
    const payload = new TextEncoder().encode(JSON.stringify(body));
    for (const { filters, handler } of this.#subscribed) {
      if (filters.some((filter) => matches(filter, topic))) handler({ topic, payload });
    }
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

function matches(filter: string, topic: string): boolean {
  const [levels, named] = [topic.split('/'), filter.split('/')];
  return levels.length === named.length && named.every((level, at) => level === '+' || level === levels[at]);
}
