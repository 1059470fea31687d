/** One level of all filters that share what comes before it. */
interface Level {
  readonly children: Map<string, Level>;
  /** Subscriptions whose filter ends here. */
  count: number;
}

/**
 * Who listens to what, counted from the broker's subscribe and unsubscribe events. Sessions that outlive their connection
 * stay counted: their messages are queued.
 *
 * Filters with wildcards stand in a tree by their levels, so a question costs as much as its topic has levels, however many devices
 * there are. May say yes for somebody who has just left, never no for somebody who listens.
 */
export class Interest {
  readonly #clients = new Map<string, Set<string>>();
  /** Filters without a wildcard, which are most of a fleet's: no need to take their topics apart. */
  readonly #exact = new Map<string, number>();
  readonly #root: Level = { children: new Map(), count: 0 };

  add(clientId: string, filter: string): void {
    let filters = this.#clients.get(clientId);
    if (filters === undefined) this.#clients.set(clientId, (filters = new Set()));
    if (filters.has(filter)) return;
    filters.add(filter);
    if (!hasWildcard(filter)) {
      this.#exact.set(filter, (this.#exact.get(filter) ?? 0) + 1);
      return;
    }
    let level = this.#root;
    for (const name of filter.split('/')) {
      let child = level.children.get(name);
      if (child === undefined) level.children.set(name, (child = { children: new Map(), count: 0 }));
      level = child;
    }
    level.count++;
  }

  remove(clientId: string, filter: string): void {
    const filters = this.#clients.get(clientId);
    if (!filters?.delete(filter)) return;
    if (filters.size === 0) this.#clients.delete(clientId);
    if (hasWildcard(filter)) return take(this.#root, filter.split('/'), 0);
    const left = (this.#exact.get(filter) ?? 0) - 1;
    if (left > 0) this.#exact.set(filter, left);
    else this.#exact.delete(filter);
  }

  forget(clientId: string): void {
    for (const filter of [...(this.#clients.get(clientId) ?? [])]) this.remove(clientId, filter);
  }

  in(topic: string): boolean {
    if (this.#exact.has(topic)) return true;
    return this.#root.children.size > 0 && matches(this.#root, topic.split('/'), 0);
  }
}

function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#');
}

/** Takes one subscription away, and the levels that nobody needs any more. */
function take(level: Level, names: readonly string[], at: number): void {
  const name = names[at];
  if (name === undefined) {
    level.count--;
    return;
  }
  const child = level.children.get(name);
  if (child === undefined) return;
  take(child, names, at + 1);
  if (child.count === 0 && child.children.size === 0) level.children.delete(name);
}

/** `#` also matches the level above it; wildcards in the first level match no topic that starts with `$` (R6). */
function matches(level: Level, names: readonly string[], at: number): boolean {
  const { children } = level;
  const name = names[at];
  const wild = at > 0 || name?.startsWith('$') !== true;
  if (wild && (children.get('#')?.count ?? 0) > 0) return true;
  if (name === undefined) return level.count > 0;
  const exact = name === '+' || name === '#' ? undefined : children.get(name);
  if (exact !== undefined && matches(exact, names, at + 1)) return true;
  const plus = wild ? children.get('+') : undefined;
  return plus !== undefined && matches(plus, names, at + 1);
}
