import type { CommandId, EpochMs, ShadowName, ThingName } from '../core/brand.ts';
import type { Rest } from '../core/desk/rest.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import { grown, LookQueue } from './look-queue.ts';

const ROOM = 1_024;
/** A place that holds nothing. */
const NONE = -1;
/** Before any instant: looked at as soon as there is time. */
const NOW = 0;

/**
 * Shadows whose open commands only wait, and whose desks left the memory meanwhile: for each what the ledger does not
 * hold, and when it must be looked at next. Numbered places in typed arrays, because there may be a million of them;
 * about 130 bytes each, the name included.
 */
export class RestingDesks {
  /** Of each thing one place; those of its other shadows follow on by `#next`. */
  readonly #first = new Map<ThingName, number>();
  readonly #things: (ThingName | undefined)[] = [];
  readonly #names: (ShadowName | undefined)[] = [];
  /** Of the few that have any. */
  readonly #ended = new Map<number, readonly CommandId[]>();
  readonly #queue = new LookQueue();
  #next = new Int32Array(ROOM);
  #fresh = new Uint8Array(ROOM);
  #resyncAt = new Float64Array(ROOM);
  #nudgeAt = new Float64Array(ROOM);
  #nudges = new Int32Array(ROOM);
  #free = NONE;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  put({ thingName, shadowName }: ShadowRef, rest: Rest, lookAt: EpochMs | undefined): void {
    const place = this.#newPlace();
    this.#things[place] = thingName;
    this.#names[place] = shadowName;
    this.#next[place] = this.#first.get(thingName) ?? NONE;
    this.#first.set(thingName, place);
    this.#fresh[place] = Number(rest.fresh);
    this.#resyncAt[place] = rest.resyncAt ?? Number.NaN;
    this.#nudgeAt[place] = rest.nudge?.at ?? Number.NaN;
    this.#nudges[place] = rest.nudge?.count ?? 0;
    if (rest.ended.length > 0) this.#ended.set(place, rest.ended);
    this.#queue.set(place, lookAt ?? Infinity);
    this.#size += 1;
  }

  /** It is in memory again: what was remembered of it, and no longer is here. */
  take(ref: ShadowRef): Rest | undefined {
    const place = this.#unlink(ref);
    if (place === undefined) return undefined;
    const resyncAt = this.#resyncAt[place] as number;
    const nudgeAt = this.#nudgeAt[place] as number;
    const rest: Rest = {
      fresh: this.#fresh[place] === 1,
      resyncAt: Number.isNaN(resyncAt) ? undefined : (resyncAt as EpochMs),
      nudge: Number.isNaN(nudgeAt) ? undefined : { at: nudgeAt as EpochMs, count: this.#nudges[place] as number },
      ended: this.#ended.get(place) ?? [],
    };
    this.#ended.delete(place);
    this.#queue.remove(place);
    this.#things[place] = undefined;
    this.#names[place] = undefined;
    this.#next[place] = this.#free;
    this.#free = place;
    this.#size -= 1;
    return rest;
  }

  /** When the first of them is due. */
  get dueAt(): EpochMs | undefined {
    return this.#queue.first()?.due as EpochMs | undefined;
  }

  /** One that is due, each once: it stays here until it is in memory. */
  due(now: EpochMs): ShadowRef | undefined {
    const first = this.#queue.first();
    if (first === undefined || first.due > now) return undefined;
    this.#queue.set(first.place, Infinity);
    return this.#refAt(first.place);
  }

  /** Something happened to the thing: all of its shadows are due. */
  wake(thingName: ThingName): void {
    for (let place = this.#first.get(thingName) ?? NONE; place !== NONE; place = this.#next[place] as number) {
      this.#queue.set(place, NOW);
    }
  }

  /** The link is lost: whatever happens from now on, nobody hears of it. */
  deaf(): void {
    this.#fresh.fill(0);
    this.#resyncAt.fill(Number.NaN);
  }

  /** The first place from here on that has not been looked at since the link was lost. */
  stale(from: number): { readonly ref: ShadowRef; readonly place: number } | undefined {
    for (let place = from; place < this.#things.length; place += 1) {
      if (this.#fresh[place] === 1) continue;
      const ref = this.#refAt(place);
      if (ref !== undefined) return { ref, place };
    }
    return undefined;
  }

  #refAt(place: number): ShadowRef | undefined {
    const thingName = this.#things[place];
    if (thingName === undefined) return undefined;
    const shadowName = this.#names[place];
    return shadowName === undefined ? { thingName } : { thingName, shadowName };
  }

  /** Takes the place of a shadow out of those of its thing. */
  #unlink({ thingName, shadowName }: ShadowRef): number | undefined {
    let before = NONE;
    for (let place = this.#first.get(thingName) ?? NONE; place !== NONE; place = this.#next[place] as number) {
      if (this.#names[place] === shadowName) {
        const next = this.#next[place] as number;
        if (before !== NONE) this.#next[before] = next;
        else if (next === NONE) this.#first.delete(thingName);
        else this.#first.set(thingName, next);
        return place;
      }
      before = place;
    }
    return undefined;
  }

  #newPlace(): number {
    const free = this.#free;
    if (free !== NONE) {
      this.#free = this.#next[free] as number;
      return free;
    }
    const place = this.#things.length;
    if (place >= this.#next.length) this.#grow(this.#next.length * 2);
    return place;
  }

  #grow(room: number): void {
    this.#next = grown(this.#next, new Int32Array(room));
    this.#fresh = grown(this.#fresh, new Uint8Array(room));
    this.#resyncAt = grown(this.#resyncAt, new Float64Array(room));
    this.#nudgeAt = grown(this.#nudgeAt, new Float64Array(room));
    this.#nudges = grown(this.#nudges, new Int32Array(room));
  }
}
