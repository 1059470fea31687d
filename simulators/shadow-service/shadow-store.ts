import type { ShadowName, ThingName } from '../../src/core/brand.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { ShadowRecord } from '../../src/core/shadow/update.ts';

/** A deleted shadow: what version it had and when it went, in whole seconds since the epoch (R49). */
export interface Tombstone {
  readonly version: number;
  readonly deletedAtSeconds: number;
}

/** One name's past and present: a living shadow, or the trace of a deleted one. */
export type ShadowEntry =
  | { readonly ref: ShadowRef; readonly record: ShadowRecord }
  | { readonly ref: ShadowRef; readonly tombstone: Tombstone };

/**
 * Where the service keeps its shadows. `put` is durable, as far as the store promises that, when it returns: answers
 * are published after it.
 */
export interface ShadowStore {
  entry(ref: ShadowRef): ShadowEntry | undefined;
  put(entry: ShadowEntry): void;
  remove(ref: ShadowRef): void;
  /** Living shadows and tombstones, in no particular order. */
  entries(): Iterable<ShadowEntry>;
  /** Names of the living named shadows of a thing, sorted. */
  names(thingName: ThingName): ShadowName[];
  clear(): void;
  close(): void;
}

export class MemoryShadowStore implements ShadowStore {
  readonly #entries = new Map<string, ShadowEntry>();

  entry(ref: ShadowRef): ShadowEntry | undefined {
    return this.#entries.get(shadowKey(ref));
  }

  put(entry: ShadowEntry): void {
    this.#entries.set(shadowKey(entry.ref), entry);
  }

  remove(ref: ShadowRef): void {
    this.#entries.delete(shadowKey(ref));
  }

  entries(): Iterable<ShadowEntry> {
    return this.#entries.values();
  }

  names(thingName: ThingName): ShadowName[] {
    const names: ShadowName[] = [];
    for (const entry of this.#entries.values()) {
      const { shadowName } = entry.ref;
      if (entry.ref.thingName === thingName && shadowName !== undefined && 'record' in entry) names.push(shadowName);
    }
    return names.sort();
  }

  clear(): void {
    this.#entries.clear();
  }

  close(): void {
    // Nothing is held open.
  }
}
