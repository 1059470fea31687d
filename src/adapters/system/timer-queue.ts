import type { MonotonicMs } from '../../core/brand.ts';
import type { Cancel } from '../../ports/clock.ts';

interface Entry {
  readonly due: MonotonicMs;
  readonly order: number;
  /** Undefined once it was cancelled or taken. */
  fire: (() => void) | undefined;
}

/** Cancelled entries are thrown out together once they outnumber the living ones; few are not worth a sweep. */
const SWEEP_AT_LEAST = 64;

/**
 * Timers by due time, ties in the order they were set: what the clock port promises, for the real and the simulated
 * clock alike. A binary heap; a cancelled entry lets go of its closure at once and of its place when it comes up or at
 * the next sweep, so 100,000 cancelled deadlines do not stay.
 */
export class TimerQueue {
  #heap: Entry[] = [];
  #order = 0;
  #cancelled = 0;

  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  add(due: MonotonicMs, fire: () => void): Cancel {
    const entry: Entry = { due, order: this.#order++, fire };
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
    return () => this.#cancel(entry);
  }

  /** When the earliest living timer is due. */
  nextDue(): MonotonicMs | undefined {
    return this.#first()?.due;
  }

  /** Marks the timers set so far, for `take`. */
  mark(): number {
    return this.#order;
  }

  /** Takes the earliest timer out if it is due at `now` and, with a mark, was set before it. */
  take(now: MonotonicMs, mark = Infinity): { due: MonotonicMs; fire: () => void } | undefined {
    const entry = this.#first();
    if (entry?.fire === undefined || entry.due > now || entry.order >= mark) return undefined;
    const { due, fire } = entry;
    entry.fire = undefined;
    this.#removeFirst();
    return { due, fire };
  }

  #cancel(entry: Entry): void {
    if (entry.fire === undefined) return;
    entry.fire = undefined;
    this.#cancelled++;
    if (this.#cancelled >= SWEEP_AT_LEAST && this.#cancelled * 2 > this.#heap.length) this.#sweep();
  }

  #first(): Entry | undefined {
    for (;;) {
      const entry = this.#heap[0];
      if (entry === undefined || entry.fire !== undefined) return entry;
      this.#removeFirst();
      this.#cancelled--;
    }
  }

  /** A sorted array is a heap. */
  #sweep(): void {
    this.#heap = this.#heap.filter((entry) => entry.fire !== undefined).sort((a, b) => (before(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #up(from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBefore(heap, at, parent)) return;
      at = parent;
    }
  }

  #down(from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let child = left;
      if (right < heap.length && before(heap[right], heap[left])) child = right;
      if (child >= heap.length || !this.#swapIfBefore(heap, child, at)) return;
      at = child;
    }
  }

  /** Swaps when the entry at `lower` belongs before the one at `upper`. */
  #swapIfBefore(heap: Entry[], lower: number, upper: number): boolean {
    const a = heap[lower];
    const b = heap[upper];
    if (a === undefined || b === undefined || !before(a, b)) return false;
    heap[lower] = b;
    heap[upper] = a;
    return true;
  }
}

function before(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return a !== undefined;
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
