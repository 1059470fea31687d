import { isJsonObject, member, objectFrom, type JsonObject, type JsonValue } from '../json/json.ts';
import { jsonEqual } from '../json/json-equal.ts';
import type { Section } from './merge.ts';
import { childOf, isMark, stampOf, type Mark, type MarkTree } from './view.ts';

/**
 * The marks of a section read by `get`. A leaf that has the value and the stamp we knew keeps its mark: nobody wrote it
 * since. Any other leaf was written while we did not look: its author is not known.
 *
 * `version`  What to put down for such a leaf: the snapshot's for desired, 0 for reported.
 */
export function snapshotMarks(
  known: Section,
  section: JsonObject,
  metadata: JsonObject | undefined,
  { stamp, version }: { stamp: number; version: number },
): MarkTree {
  return objectFrom(
    Object.keys(section).map((key) => {
      const value = section[key] as JsonValue;
      const before = known.state === undefined ? undefined : member(known.state, key);
      const mark = known.marks === undefined ? undefined : childOf(known.marks, key);
      const meta = metadata === undefined ? undefined : member(metadata, key);
      return [key, leafOrTree(value, { before, mark }, meta, { stamp, version }) as unknown as JsonValue];
    }),
  ) as unknown as MarkTree;
}

function leafOrTree(
  value: JsonValue,
  { before, mark }: { before: JsonValue | undefined; mark: Mark | MarkTree | undefined },
  metadata: JsonValue | undefined,
  fallback: { stamp: number; version: number },
): Mark | MarkTree {
  if (isJsonObject(value)) {
    const known: Section = {
      ...(isJsonObject(before) ? { state: before } : {}),
      ...(mark === undefined || isMark(mark) ? {} : { marks: mark }),
    };
    return snapshotMarks(known, value, isJsonObject(metadata) ? metadata : undefined, fallback);
  }
  const stamp = stampOf(metadata, fallback.stamp);
  const same = isMark(mark) && mark[0] === stamp && before !== undefined && jsonEqual(before, value);
  return same ? mark : [stamp, fallback.version, ''];
}
