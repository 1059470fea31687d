import type { FieldPointer } from '../brand.ts';
import { isJsonObject, member, type JsonObject, type JsonValue } from '../json/json.ts';
import { pointerOf } from '../json/json-pointer.ts';
import { childOf, isMark, stampOf, type Mark, type MarkTree } from './view.ts';

/** A section of a view with its marks. Both absent: the section does not exist (R13). */
export interface Section {
  readonly state?: JsonObject;
  readonly marks?: MarkTree;
}

export interface SectionPatch {
  /** Null removes the section (R34). */
  readonly patch: JsonObject | null;
  readonly metadata: JsonObject | undefined;
  /** Stamp for leaves that the metadata does not cover. */
  readonly stamp: number;
  readonly version: number;
  /** The source of a leaf, by its pointer. */
  readonly source: (field: FieldPointer) => string;
}

/**
 * A section after a patch, as the service merges (R30 to R41): objects by key, everything else whole, null removes, an
 * emptied inner object stays, an emptied section goes. Only the changed paths are copied; the rest is shared.
 */
export function mergeSection(section: Section, change: SectionPatch): Section {
  if (change.patch === null) return {};
  const merged = mergeObject(section.state ?? {}, section.marks ?? {}, change.patch, change.metadata, [], change);
  return Object.keys(merged.state).length === 0 ? {} : merged;
}

interface Merged {
  readonly state: JsonObject;
  readonly marks: MarkTree;
}

/** Recursion is bounded: messages nest at most as deep as the parser lets them. */
function mergeObject(
  state: JsonObject,
  marks: MarkTree,
  patch: JsonObject,
  metadata: JsonObject | undefined,
  path: readonly string[],
  change: SectionPatch,
): Merged {
  const nextState: Record<string, JsonValue> = { ...state };
  const nextMarks: Record<string, Mark | MarkTree> = { ...marks };
  for (const key of Object.keys(patch)) {
    const value = patch[key] as JsonValue;
    if (value === null) {
      delete nextState[key];
      delete nextMarks[key];
      continue;
    }
    const below = metadata === undefined ? undefined : member(metadata, key);
    const merged = mergeValue(member(state, key), childOf(marks, key), value, below, [...path, key], change);
    if (merged === undefined) continue;
    put(nextState, key, merged.state);
    put(nextMarks, key, merged.marks);
  }
  return { state: nextState, marks: nextMarks };
}

function mergeValue(
  before: JsonValue | undefined,
  mark: Mark | MarkTree | undefined,
  value: JsonValue,
  metadata: JsonValue | undefined,
  path: readonly string[],
  change: SectionPatch,
): { readonly state: JsonValue; readonly marks: Mark | MarkTree } | undefined {
  if (!isJsonObject(value)) {
    return { state: value, marks: [stampOf(metadata, change.stamp), change.version, change.source(pointerOf(path))] };
  }
  const meta = isJsonObject(metadata) ? metadata : undefined;
  if (isJsonObject(before)) {
    return mergeObject(before, mark === undefined || isMark(mark) ? {} : mark, value, meta, path, change);
  }
  const merged = mergeObject({}, {}, value, meta, path, change);
  // An object of nothing but nulls asks for nothing; a literal {} is a value (R37, R41).
  const empty = Object.keys(merged.state).length === 0;
  return empty && Object.keys(value).length > 0 ? undefined : merged;
}

/** Plain assignment of `__proto__` would set the prototype. */
function put<T>(target: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}
