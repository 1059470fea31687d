/** First in, first out, in constant time each however many wait: the front of a large array is slow to take away. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.length > 0) this.#head += 1;
    // Half of the array at most is of the past.
    if (this.#head * 2 > this.#items.length && this.#head > COMPACT_MIN) this.#compact();
    return item;
  }

  /** All that wait; nobody does any more. */
  drain(): T[] {
    this.#compact();
    return this.#items.splice(0);
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}

const COMPACT_MIN = 64;
