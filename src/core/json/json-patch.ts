import jsonPatch from 'fast-json-patch';
import type { JsonObject } from './json.ts';

/** What changed from `before` to `after`, as a JSON Patch (RFC 6902). Neither argument is touched. */
export function difference<T extends object>({ before, after }: { before: T; after: T }): readonly JsonObject[] {
  return jsonPatch.compare(before, after) as unknown as JsonObject[];
}

/**
 * As `difference`, for values of which most members are the very same objects on both sides, as a transition leaves them:
 * those are not walked.
 */
export function differenceOfMembers<T extends object>({
  before,
  after,
}: {
  before: T;
  after: T;
}): readonly JsonObject[] {
  return difference({ before: withoutShared(before, after), after: withoutShared(after, before) });
}

function withoutShared<T extends object>(value: T, other: T): object {
  return Object.fromEntries(
    Object.entries(value).filter(([key, member]) => member !== (other as Record<string, unknown>)[key]),
  );
}
