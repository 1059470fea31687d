import jsonPatch from 'fast-json-patch';
import { pointerOf } from './json-pointer.ts';
import type { JsonArray, JsonObject, JsonValue } from './json.ts';

/** What changed from `before` to `after`, as a JSON Patch (RFC 6902). Neither argument is touched. */
export function difference<T extends object>({ before, after }: { before: T; after: T }): readonly JsonObject[] {
  return jsonPatch.compare(before, after) as unknown as JsonObject[];
}

/**
 * As `difference`, for values of which most members are the very same objects on both sides, as a transition leaves them:
 * those are not walked, and what stands in the patch is shared and not copied. A member that is undefined is none; `except`
 * is left out.
 */
export function differenceOfMembers<T extends object>({
  before,
  after,
  except,
}: {
  before: T;
  after: T;
  except?: keyof T & string;
}): readonly JsonObject[] {
  const [was, is] = [before, after] as unknown as [Members, Members];
  const patch: JsonObject[] = [];
  for (const key of Object.keys(was)) {
    const [old, value] = [was[key], is[key]];
    if (old === value || old === undefined || key === except) continue;
    const path = pointerOf([key]);
    if (value === undefined) patch.push({ op: 'remove', path });
    else if (isTree(old) && isTree(value) && Array.isArray(old) === Array.isArray(value)) {
      for (const step of difference({ before: old, after: value }))
        patch.push({ ...step, path: `${path}${String(step['path'])}` });
    } else patch.push({ op: 'replace', path, value });
  }
  for (const key of Object.keys(is)) {
    const value = is[key];
    if (value !== undefined && was[key] === undefined && key !== except)
      patch.push({ op: 'add', path: pointerOf([key]), value });
  }
  return patch;
}

type Members = Readonly<Record<string, JsonValue | undefined>>;

function isTree(value: JsonValue): value is JsonObject | JsonArray {
  return typeof value === 'object' && value !== null;
}
