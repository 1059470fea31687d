import { matchesFilter } from './topic-filter.ts';

/** Matching many wildcards for every message costs; a topic's answer holds until a subscription changes. */
const CACHE_TOPICS_MAX = 10_000;

/**
 * Who listens to what, counted from the broker's subscribe and unsubscribe events. Sessions that outlive their connection
 * stay counted: their messages are queued.
 *
 * May say yes for somebody who has just left, never no for somebody who listens.
 */
export class Interest {
  readonly #clients = new Map<string, Set<string>>();
  readonly #exact = new Map<string, number>();
  readonly #wildcards = new Map<string, number>();
  readonly #cache = new Map<string, boolean>();

  add(clientId: string, filter: string): void {
    let filters = this.#clients.get(clientId);
    if (filters === undefined) this.#clients.set(clientId, (filters = new Set()));
    if (filters.has(filter)) return;
    filters.add(filter);
    const counts = this.#countsOf(filter);
    counts.set(filter, (counts.get(filter) ?? 0) + 1);
    this.#cache.clear();
  }

  remove(clientId: string, filter: string): void {
    const filters = this.#clients.get(clientId);
    if (!filters?.delete(filter)) return;
    if (filters.size === 0) this.#clients.delete(clientId);
    const counts = this.#countsOf(filter);
    const left = (counts.get(filter) ?? 1) - 1;
    if (left > 0) counts.set(filter, left);
    else counts.delete(filter);
    this.#cache.clear();
  }

  forget(clientId: string): void {
    for (const filter of [...(this.#clients.get(clientId) ?? [])]) this.remove(clientId, filter);
  }

  in(topic: string): boolean {
    if (this.#exact.has(topic)) return true;
    if (this.#wildcards.size === 0) return false;
    let matched = this.#cache.get(topic);
    if (matched === undefined) {
      matched = [...this.#wildcards.keys()].some((filter) => matchesFilter(filter, topic));
      if (this.#cache.size >= CACHE_TOPICS_MAX) this.#cache.clear();
      this.#cache.set(topic, matched);
    }
    return matched;
  }

  #countsOf(filter: string): Map<string, number> {
    return /[+#]/.test(filter) ? this.#wildcards : this.#exact;
  }
}
