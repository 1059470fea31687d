import type { JsonValue } from './json.ts';

/**
 * Equality as the shadow service sees it: numbers by value (`1` = `1.0`, `-0` = `0`), strings by code unit, member order
 * irrelevant, arrays by order and length, different types always differ.
 *
 * Source   R57.
 */
export function jsonEqual(left: JsonValue, right: JsonValue): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item: JsonValue, index) => jsonEqual(item, right[index] as JsonValue));
  }
  const leftObject = left as { readonly [key: string]: JsonValue };
  const rightObject = right as { readonly [key: string]: JsonValue };
  const keys = Object.keys(leftObject);
  if (keys.length !== Object.keys(rightObject).length) return false;
  return keys.every(
    (key) => Object.hasOwn(rightObject, key) && jsonEqual(leftObject[key] as JsonValue, rightObject[key] as JsonValue),
  );
}
