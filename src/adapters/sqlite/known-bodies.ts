import { fromBody } from './rows.ts';

/**
 * Reads stored bodies, those that were read lately not again: the same text gives the same object. Lists are looked at far
 * more often than their rows change, and what is made of an object can be kept beside it.
 *
 * Two halves instead of an order of use: what was not asked for while the newer one filled up goes with the older one.
 */
export class KnownBodies<T extends object> {
  readonly #charactersMax: number;
  #newer = new Map<string, T>();
  #older: ReadonlyMap<string, T> = new Map();
  #characters = 0;

  /** At most so many characters of bodies are kept, however large the single ones are. */
  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  read(bodies: readonly string[]): readonly T[] {
    const known = bodies.map((body) => this.#newer.get(body) ?? this.#older.get(body));
    const missing = bodies.filter((_, at) => known[at] === undefined);
    // One text is read faster than fifty.
    const read = missing.length === 0 ? [] : fromBody<T[]>(`[${missing.join(',')}]`);
    let next = 0;
    return bodies.map((body, at) => this.#keep(body, known[at] ?? (read[next++] as T)));
  }

  #keep(body: string, value: T): T {
    if (this.#newer.has(body)) return value;
    this.#characters += body.length;
    if (this.#characters > this.#charactersMax / 2) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#characters = body.length;
    }
    this.#newer.set(body, value);
    return value;
  }
}
