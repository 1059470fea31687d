import { isJsonObject } from '../json/json.ts';

/**
 * Why a value from an adapter cannot stand in a shadow, or undefined if it can: one bad value must not get the whole
 * report refused.
 *
 * Units    `depth` is how many keys lie above the value; the service counts from the root of `reported`.
 * Source   R12 values, R24 depth (8 on the quota page), R26 no null in arrays; NUL and lone surrogates are no text that
 *          every store takes.
 */
export function unfit(value: unknown, depth = 0): string | undefined {
  if (depth > DEPTH_MAX) return `deeper than ${DEPTH_MAX} levels`;
  if (typeof value === 'string') return NO_TEXT.test(value) ? 'a text with NUL or half a character' : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'a number that JSON cannot hold';
  if (value === null || typeof value === 'boolean') return undefined;
  if (Array.isArray(value)) {
    return value.some((item) => item === null) ? 'null inside an array' : firstReason(value, depth);
  }
  if (!isJsonObject(value)) return `a ${typeof value}, which JSON cannot hold`;
  const entries = Object.entries(value);
  if (entries.some(([key]) => NO_TEXT.test(key))) return 'a key with NUL or half a character';
  // Inside an object null would delete a key instead of setting it.
  if (entries.some(([, child]) => child === null)) return 'null inside an object';
  return firstReason(Object.values(value), depth);
}

const DEPTH_MAX = 8;
const NO_TEXT = /\0|\p{Surrogate}/u;

function firstReason(values: readonly unknown[], depth: number): string | undefined {
  for (const value of values) {
    const reason = unfit(value, depth + 1);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
