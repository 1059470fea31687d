import type { EpochMs, FieldPointer, MonotonicMs } from '../brand.ts';
import { jsonEqual } from '../json/json-equal.ts';
import type { JsonValue } from '../json/json.ts';

/**
 * What the device remembers about its work on one field, for one desired value. A new value, or the same value written
 * anew (a newer stamp), starts afresh; only the count of crashes clings to the value itself. What is absent is undefined and
 * never left out: objects of one shape are copied fast.
 */
export interface FieldMemory {
  readonly desired: JsonValue;
  /** Service time of the wish, in whole seconds; absent where the service gave none. */
  readonly stampS: number | undefined;
  /** This wish was seen fulfilled. A difference from then on was made at the device, not by a late apply. */
  readonly confirmedAt: MonotonicMs | undefined;
  /** An adapter says that it applied it; nobody has looked yet. */
  readonly unverified: { readonly before?: JsonValue } | undefined;
  readonly attempts: number;
  /** Times in a row that somebody changed the value back soon after it was enforced. */
  readonly contests: number;
  readonly retry: Retry | undefined;
  readonly refused: { readonly code: string; readonly message: string } | undefined;
  readonly deferred: { readonly until: 'restart' | 'window'; readonly message?: string } | undefined;
  readonly lease: Lease | undefined;
  /** Starts of the device that followed an unfinished apply of this value, without a success between them. */
  readonly crashes: number;
}

export interface Retry {
  readonly code: string;
  readonly message: string;
  readonly dueAt: MonotonicMs;
  /** The same instant for readers, where service time was known. */
  readonly at?: EpochMs;
}

export interface Lease {
  readonly by: string;
  readonly endsAt: MonotonicMs;
  /** The same instant for readers, where service time was known. */
  readonly until?: EpochMs;
}

export type Memory = ReadonlyMap<FieldPointer, FieldMemory>;

export interface Wish {
  readonly desired: JsonValue;
  readonly stampS: number | undefined;
}

/** Nothing is known of this wish yet. */
export function freshMemory({ desired, stampS }: Wish, crashes = 0): FieldMemory {
  return {
    desired,
    stampS,
    confirmedAt: undefined,
    unverified: undefined,
    attempts: 0,
    contests: 0,
    retry: undefined,
    refused: undefined,
    deferred: undefined,
    lease: undefined,
    crashes,
  };
}

/** The memory of exactly this wish: what is remembered, or a fresh start. */
export function memoryOf(remembered: FieldMemory | undefined, wish: Wish): FieldMemory {
  const sameValue = remembered !== undefined && jsonEqual(remembered.desired, wish.desired);
  if (sameValue && remembered.stampS === wish.stampS) return remembered;
  return freshMemory(wish, sameValue ? remembered.crashes : 0);
}

/** A wish written anew: every hindrance is forgotten but the crashes. */
export function rearmed(memory: FieldMemory): FieldMemory {
  return freshMemory(memory, memory.crashes);
}

/** Nobody waits any longer for a retry; the count of attempts stays. */
export function nudged(memory: Memory): Memory {
  return mapMemory(memory, (field) =>
    field.retry === undefined ? field : { ...field, retry: { ...field.retry, dueAt: 0 as MonotonicMs } },
  );
}

export function mapMemory(memory: Memory, change: (field: FieldMemory, pointer: FieldPointer) => FieldMemory): Memory {
  const changed = new Map<FieldPointer, FieldMemory>();
  for (const [pointer, field] of memory) changed.set(pointer, change(field, pointer));
  return changed;
}
