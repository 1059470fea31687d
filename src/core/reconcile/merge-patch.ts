import { jsonEqual } from '../json/json-equal.ts';
import { isJsonObject, member, objectFrom, type JsonObject, type JsonValue } from '../json/json.ts';

/**
 * The patch that turns `before` into `after` under the shadow's merge rules, or undefined if they are equal.
 *
 * Shape    Only what differs. Members that are gone are nulls, one by one: an empty object clears nothing (R38).
 */
export function mergePatch(before: JsonValue | undefined, after: JsonValue): JsonValue | undefined {
  if (before !== undefined && jsonEqual(before, after)) return undefined;
  if (!isJsonObject(before) || !isJsonObject(after)) return after;
  return objectPatch(before, after);
}

function objectPatch(before: JsonObject, after: JsonObject): JsonObject {
  const entries: [string, JsonValue][] = [];
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) entries.push([key, null]);
  for (const [key, value] of Object.entries(after)) {
    const part = mergePatch(member(before, key), value);
    if (part !== undefined) entries.push([key, part]);
  }
  return objectFrom(entries);
}
