import { isJsonObject, setMember, type JsonObject, type JsonValue } from '../json/json.ts';
import { jsonBytes, memberBytes } from './limits.ts';

/** Counts how the compact JSON of a section grows, so that its size is known without writing it. */
export interface ByteTally {
  bytes: number;
}

export interface MergeOptions {
  /** A new object that holds nothing but nulls (R41). */
  readonly allNullObject?: 'omit' | 'empty';
  /** Grows by the difference in bytes between the section before and after. */
  readonly tally?: ByteTally;
}

/**
 * A section of a shadow after an update that names `patch`.
 *
 * Shape    Objects merge, arrays and scalars replace, `null` deletes (R30 to R33). A section left without members does not
 *          exist: undefined (R40); a nested object left without members stays `{}` (R39).
 * Sharing  Copy on write. What the patch does not touch is the same object as before, so identity tells what changed.
 *          Nothing is ever written into an argument.
 * Errors   None. Depth, size and nulls in arrays were checked before (`limits.ts`).
 * Source   R29 to R43.
 */
export function mergeSection(
  section: JsonObject | undefined,
  patch: JsonObject | null,
  { allNullObject = 'omit', tally = { bytes: 0 } }: MergeOptions = {},
): JsonObject | undefined {
  if (patch === null) {
    if (section !== undefined) tally.bytes -= jsonBytes(section);
    return undefined;
  }
  if (section === undefined) {
    const created = withoutNulls(patch, allNullObject);
    if (created === undefined || isEmpty(created)) return undefined;
    tally.bytes += jsonBytes(created);
    return created;
  }
  const merged = mergeObject(section, patch, allNullObject, tally);
  if (!isEmpty(merged)) return merged;
  tally.bytes -= 2;
  return undefined;
}

function mergeObject(
  target: JsonObject,
  patch: JsonObject,
  allNullObject: 'omit' | 'empty',
  tally: ByteTally,
): JsonObject {
  let copy: Record<string, JsonValue> | undefined;
  let removed = 0;
  let added = 0;
  for (const key in patch) {
    const wish = patch[key] as JsonValue;
    const existed = Object.hasOwn(target, key);
    const before = existed ? (target[key] as JsonValue) : undefined;
    if (wish === null) {
      if (!existed) continue;
      removed += 1;
      tally.bytes -= memberBytes(key, before as JsonValue);
      continue;
    }
    const bothObjects = isJsonObject(wish) && isJsonObject(before);
    const after = bothObjects
      ? mergeObject(before, wish, allNullObject, tally)
      : isJsonObject(wish)
        ? withoutNulls(wish, allNullObject)
        : wish;
    if (after === undefined || (existed && after === before)) continue;
    if (!existed) {
      added += 1;
      tally.bytes += memberBytes(key, after);
    } else if (!bothObjects) {
      tally.bytes += jsonBytes(after) - jsonBytes(before as JsonValue);
    }
    copy ??= { ...target };
    setMember(copy, key, after);
  }
  if (added + removed > 0) tally.bytes += commas(target, added - removed) - commas(target, 0);
  if (removed === 0) return copy ?? target;
  return withoutNulled(copy ?? target, patch);
}

/** Deleting from the copy would turn it into a slow dictionary; building anew keeps later merges fast. */
function withoutNulled(object: JsonObject, patch: JsonObject): JsonObject {
  const kept: Record<string, JsonValue> = {};
  for (const key in object) {
    if (Object.hasOwn(patch, key) && patch[key] === null) continue;
    setMember(kept, key, object[key] as JsonValue);
  }
  return kept;
}

function commas(object: JsonObject, more: number): number {
  return Math.max(0, Object.keys(object).length + more - 1);
}

/** A new object without its nulls; undefined if nothing but nulls was in it. A literal `{}` stays (R37, R41). */
function withoutNulls(object: JsonObject, allNullObject: 'omit' | 'empty'): JsonObject | undefined {
  let copy: Record<string, JsonValue> | undefined;
  let kept = 0;
  let seen = 0;
  for (const key in object) {
    const value = object[key] as JsonValue;
    const clean = value === null ? undefined : isJsonObject(value) ? withoutNulls(value, allNullObject) : value;
    seen += 1;
    if (clean !== undefined) kept += 1;
    if (clean === value && copy === undefined) continue;
    copy ??= firstMembers(object, seen - 1);
    if (clean !== undefined) setMember(copy, key, clean);
  }
  if (kept === 0 && seen > 0 && allNullObject === 'omit') return undefined;
  return copy ?? object;
}

function firstMembers(object: JsonObject, count: number): Record<string, JsonValue> {
  const copy: Record<string, JsonValue> = {};
  let index = 0;
  for (const key in object) {
    if (index++ >= count) break;
    setMember(copy, key, object[key] as JsonValue);
  }
  return copy;
}

export function isEmpty(object: JsonObject): boolean {
  for (const _key in object) return false;
  return true;
}
