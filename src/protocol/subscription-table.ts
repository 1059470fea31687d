import { topicMatcher } from './topic-filter.ts';

/** What somebody subscribed to, and what to do with it. */
interface Standing<Handler> {
  readonly filters: readonly string[];
  readonly matchers: readonly ((topic: string) => boolean)[];
  readonly handler: Handler;
}

/**
 * Who listens to what on one connection: several handlers may share a filter, a filter is asked of the broker once, and
 * what was acknowledged is known per connection. Holds no connection.
 */
export class SubscriptionTable<Handler> {
  readonly #standing = new Set<Standing<Handler>>();
  readonly #users = new Map<string, number>();
  readonly #acknowledged = new Set<string>();

  /** Adds a handler. Taking it back gives the filters that nobody wants any more and that the broker knows. */
  add(filters: readonly string[], handler: Handler): () => readonly string[] {
    const distinct = [...new Set(filters)];
    const standing: Standing<Handler> = { filters: distinct, matchers: distinct.map(topicMatcher), handler };
    this.#standing.add(standing);
    for (const filter of distinct) this.#users.set(filter, (this.#users.get(filter) ?? 0) + 1);
    return () => this.#remove(standing);
  }

  /** Gives each handler of the topic its turn, in the order they subscribed; one taken back meanwhile has none. */
  deliver(topic: string, turn: (handler: Handler) => void): void {
    let listening: Standing<Handler>[] | undefined;
    for (const standing of this.#standing) if (listensTo(standing.matchers, topic)) (listening ??= []).push(standing);
    if (listening === undefined) return;
    for (const standing of listening) if (this.#standing.has(standing)) turn(standing.handler);
  }

  /** Wanted filters that the broker of this connection has not acknowledged. */
  missing(): readonly string[] {
    return [...this.#users.keys()].filter((filter) => !this.#acknowledged.has(filter));
  }

  acknowledged(filters: readonly string[]): void {
    for (const filter of filters) if (this.#users.has(filter)) this.#acknowledged.add(filter);
  }

  /** A new connection knows nothing. */
  forget(): void {
    this.#acknowledged.clear();
  }

  clear(): void {
    this.#standing.clear();
    this.#users.clear();
    this.#acknowledged.clear();
  }

  #remove(standing: Standing<Handler>): readonly string[] {
    if (!this.#standing.delete(standing)) return [];
    return standing.filters.filter((filter) => {
      const users = (this.#users.get(filter) ?? 0) - 1;
      if (users > 0) {
        this.#users.set(filter, users);
        return false;
      }
      this.#users.delete(filter);
      return this.#acknowledged.delete(filter);
    });
  }
}

function listensTo(matchers: readonly ((topic: string) => boolean)[], topic: string): boolean {
  for (const matches of matchers) if (matches(topic)) return true;
  return false;
}
