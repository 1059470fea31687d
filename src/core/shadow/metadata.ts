import { isJsonObject, member, setMember, type JsonArray, type JsonObject, type JsonValue } from '../json/json.ts';

/** `{ timestamp }` in whole seconds since the epoch (R11). One object serves every leaf of an update. */
export interface Stamp extends JsonObject {
  readonly timestamp: number;
}

/**
 * Metadata of `value` with the same stamp on every leaf: each scalar and null becomes the stamp, an array one entry per
 * element, `{}` stays `{}`.
 *
 * Source   R72, R73, R75; a null leaf of an accepted request is stamped too (R64).
 */
export function stampedShape(value: JsonValue, stamp: Stamp): JsonValue {
  if (Array.isArray(value)) return (value as JsonArray).map((item) => stampedShape(item, stamp));
  if (!isJsonObject(value)) return stamp;
  const shape: Record<string, JsonValue> = {};
  for (const key in value) setMember(shape, key, stampedShape(value[key] as JsonValue, stamp));
  return shape;
}

/**
 * `stampedShape` as compact JSON, for an answer that nobody here reads again. `keys` keeps how names are written from one call to
 * the next: short ones, and not too many, since names come from outside.
 */
export function stampedText(value: JsonValue, timestamp: number, keys: Map<string, string> = new Map()): string {
  if (keys.size > KEYS_KEPT) keys.clear();
  return textOf(value, `{"timestamp":${timestamp}}`, keys);
}

const KEYS_KEPT = 10_000;
const KEY_LENGTH_KEPT = 64;

function textOf(value: JsonValue, stamp: string, keys: Map<string, string>): string {
  if (typeof value !== 'object' || value === null) return stamp;
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value as JsonArray)
      text += text === '' ? textOf(item, stamp, keys) : `,${textOf(item, stamp, keys)}`;
    return `[${text}]`;
  }
  const object = value as JsonObject;
  for (const key in object) {
    if (text !== '') text += ',';
    text += nameText(key, keys) + textOf(object[key] as JsonValue, stamp, keys);
  }
  return `{${text}}`;
}

function nameText(key: string, keys: Map<string, string>): string {
  let name = keys.get(key);
  if (name !== undefined) return name;
  name = `${JSON.stringify(key)}:`;
  if (key.length <= KEY_LENGTH_KEPT) keys.set(key, name);
  return name;
}

export interface MetadataChange {
  readonly metadata: JsonObject | undefined;
  /** The section before and after the merge of `patch`. */
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
  readonly patch: JsonObject | null;
  readonly stamp: Stamp;
}

/**
 * A section's metadata after the merge: keys that the patch names are stamped anew even if their value stayed, deleted
 * keys lose their stamp, all others keep theirs. Copy on write, like the merge.
 *
 * Source   R74, R75.
 */
export function mergeMetadata(change: MetadataChange): JsonObject | undefined {
  const { metadata, before, after, patch, stamp } = change;
  if (after === undefined || patch === null) return undefined;
  if (before === undefined || metadata === undefined) return stampedShape(after, stamp) as JsonObject;
  return mergeStamps(metadata, before, after, patch, stamp);
}

function mergeStamps(
  metadata: JsonObject,
  before: JsonObject,
  after: JsonObject,
  patch: JsonObject,
  stamp: Stamp,
): JsonObject {
  let copy: Record<string, JsonValue> | undefined;
  let removed = false;
  for (const key in patch) {
    if (!Object.hasOwn(after, key)) {
      removed ||= Object.hasOwn(metadata, key);
      continue;
    }
    const wish = patch[key] as JsonValue;
    const now = after[key] as JsonValue;
    let stamped: JsonValue;
    if (isJsonObject(wish)) {
      if (!isJsonObject(now)) continue; // an object of nulls only was not inserted (R41)
      const old = member(before, key);
      const oldStamps = member(metadata, key);
      stamped =
        isJsonObject(old) && isJsonObject(oldStamps)
          ? mergeStamps(oldStamps, old, now, wish, stamp)
          : stampedShape(now, stamp);
      if (stamped === oldStamps) continue;
    } else {
      stamped = stampedShape(now, stamp);
    }
    copy ??= { ...metadata };
    setMember(copy, key, stamped);
  }
  if (!removed) return copy ?? metadata;
  const kept: Record<string, JsonValue> = {};
  const source = copy ?? metadata;
  for (const key in source) if (Object.hasOwn(after, key)) setMember(kept, key, source[key] as JsonValue);
  return kept;
}

/**
 * The metadata of a delta: the desired stamps of the same paths.
 *
 * Source   R76.
 */
export function deltaMetadata(
  delta: JsonObject,
  { desired, metadata }: { desired: JsonObject; metadata: JsonObject },
): JsonObject {
  if (delta === desired) return metadata;
  const picked: Record<string, JsonValue> = {};
  for (const key in delta) {
    const part = delta[key] as JsonValue;
    const whole = member(desired, key);
    const stamps = member(metadata, key);
    if (stamps === undefined) continue;
    const nested = part !== whole && isJsonObject(part) && isJsonObject(whole) && isJsonObject(stamps);
    setMember(picked, key, nested ? deltaMetadata(part, { desired: whole, metadata: stamps }) : stamps);
  }
  return picked;
}
