const ROOM = 1_024;

/**
 * Numbered places by the instant at which each is to be looked at: a binary heap on typed arrays, 16 bytes each. Every
 * place may be set anew or taken out at any time.
 */
export class LookQueue {
  #due = new Float64Array(ROOM);
  /** The places in order of the heap, and where in it each place stands. */
  #heap = new Int32Array(ROOM);
  #at = new Int32Array(ROOM);
  #size = 0;

  /** `due` may be Infinity: in no need of a look. */
  set(place: number, due: number): void {
    if (place >= this.#due.length) this.#grow(place);
    const known = this.#heap[this.#at[place] as number] === place && (this.#at[place] as number) < this.#size;
    if (!known) {
      this.#put(this.#size, place);
      this.#size += 1;
    }
    this.#due[place] = due;
    this.#up(this.#at[place] as number);
    this.#down(this.#at[place] as number);
  }

  remove(place: number): void {
    const at = this.#at[place] as number;
    this.#size -= 1;
    const last = this.#heap[this.#size] as number;
    if (last === place) return;
    this.#put(at, last);
    this.#up(at);
    this.#down(this.#at[last] as number);
  }

  /** The place that is due first, and when; undefined if none ever is. */
  first(): { readonly place: number; readonly due: number } | undefined {
    if (this.#size === 0) return undefined;
    const place = this.#heap[0] as number;
    const due = this.#due[place] as number;
    return due === Infinity ? undefined : { place, due };
  }

  #put(at: number, place: number): void {
    this.#heap[at] = place;
    this.#at[place] = at;
  }

  #dueAt(at: number): number {
    return this.#due[this.#heap[at] as number] as number;
  }

  #up(from: number): void {
    const place = this.#heap[from] as number;
    const due = this.#due[place] as number;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#dueAt(above) <= due) break;
      this.#put(at, this.#heap[above] as number);
      at = above;
    }
    this.#put(at, place);
  }

  #down(from: number): void {
    const place = this.#heap[from] as number;
    const due = this.#due[place] as number;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= this.#size) break;
      if (below + 1 < this.#size && this.#dueAt(below + 1) < this.#dueAt(below)) below += 1;
      if (this.#dueAt(below) >= due) break;
      this.#put(at, this.#heap[below] as number);
      at = below;
    }
    this.#put(at, place);
  }

  #grow(place: number): void {
    const room = Math.max(this.#due.length * 2, place + 1);
    this.#due = grown(this.#due, new Float64Array(room));
    this.#heap = grown(this.#heap, new Int32Array(room));
    this.#at = grown(this.#at, new Int32Array(room));
  }
}

/** `room` with what was in `from`. */
export function grown<T extends Float64Array | Int32Array | Uint8Array>(from: T, room: T): T {
  room.set(from);
  return room;
}
