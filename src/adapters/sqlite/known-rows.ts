import { fromBody } from './rows.ts';

interface Known<T> {
  readonly value: T;
  readonly characters: number;
}

/**
 * What was read lately of rows that have a body: lists are looked at far more often than their rows change, and what is
 * made of an object can be kept beside it. Whoever changes a row says so with `forget`.
 *
 * Two halves instead of an order of use: what was not asked for while the newer one filled up goes with the older one.
 */
export class KnownRows<T extends object> {
  readonly #charactersMax: number;
  #newer = new Map<string, Known<T>>();
  #older = new Map<string, Known<T>>();
  #characters = 0;

  /** At most so many characters of bodies are kept, however large the single ones are. */
  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  /** The rows with these keys, in their order; `bodies` is asked for all of them if one is not known. */
  read(keys: readonly string[], bodies: () => readonly string[]): readonly T[] {
    const known = keys.map((key) => this.#known(key));
    if (known.every((value) => value !== undefined)) return known;
    const texts = bodies();
    // One text is read faster than fifty.
    const read = fromBody<T[]>(`[${texts.filter((_, at) => known[at] === undefined).join(',')}]`);
    let next = 0;
    return keys.map((key, at) => known[at] ?? this.#keep(key, read[next++] as T, texts[at]?.length ?? 0));
  }

  /** The row is another one now, or gone. */
  forget(key: string): void {
    this.#newer.delete(key);
    this.#older.delete(key);
  }

  #known(key: string): T | undefined {
    const newer = this.#newer.get(key);
    if (newer !== undefined) return newer.value;
    const older = this.#older.get(key);
    return older === undefined ? undefined : this.#keep(key, older.value, older.characters);
  }

  #keep(key: string, value: T, characters: number): T {
    this.#characters += characters;
    if (this.#characters > this.#charactersMax / 2) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#characters = characters;
    }
    this.#newer.set(key, { value, characters });
    return value;
  }
}
