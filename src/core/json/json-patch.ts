import jsonPatch from 'fast-json-patch';
import type { JsonObject } from './json.ts';

/** What changed from `before` to `after`, as a JSON Patch (RFC 6902). Neither argument is touched. */
export function difference<T extends object>({ before, after }: { before: T; after: T }): readonly JsonObject[] {
  return jsonPatch.compare(before, after) as unknown as JsonObject[];
}
