import type { JsonObject, JsonValue } from '../json/json.ts';

/** The quotas of the shadow service. The defaults are those of AWS. */
export interface ShadowLimits {
  /** Compact UTF-8 JSON of desired plus that of reported, after the merge; metadata does not count (R25). */
  readonly documentBytesMax: number;
  /** Key steps below `desired` or `reported` (R24: 8 by the quota page, 6 by the error page). */
  readonly depthMax: number;
  /** UTF-8 bytes, not characters (R23). */
  readonly clientTokenBytesMax: number;
}

/** What no public source settles; each is a choice with the default that the evidence favours. */
export interface ShadowRules extends ShadowLimits {
  /** A non-empty array is a level of nesting too (R24, a peer's behaviour). */
  readonly arraysAreLevels: boolean;
  /** `null` as a member of an object inside an array (R26). */
  readonly nullInArrayObjects: 'refuse' | 'store';
  /** What `version` must be for a shadow that does not exist (R22). */
  readonly versionOfMissing: 0 | 1;
  /** `"version":null` in an update (R20). */
  readonly nullVersion: 'refuse' | 'ignore';
  /** A new object that holds nothing but nulls (R41). */
  readonly allNullObject: 'omit' | 'empty';
  /** First version of a shadow re-created within 48 h after version V was deleted: V+2 or V+1 (R49). */
  readonly recreatedAt: 'V+2' | 'V+1';
  /** How long a deleted shadow's count is remembered, in seconds (R49). */
  readonly tombstoneSeconds: number;
  /** Bytes that are no UTF-8 (R27). */
  readonly brokenUtf8: 415 | 400;
}

export const AWS_RULES: ShadowRules = {
  documentBytesMax: 8 * 1024,
  depthMax: 8,
  clientTokenBytesMax: 64,
  arraysAreLevels: true,
  nullInArrayObjects: 'refuse',
  versionOfMissing: 0,
  nullVersion: 'refuse',
  allNullObject: 'omit',
  recreatedAt: 'V+2',
  tombstoneSeconds: 48 * 3600,
  brokenUtf8: 415,
};

/** Documents of at most 6 levels pass everywhere (R24). */
export const STRICT_RULES: ShadowRules = { ...AWS_RULES, depthMax: 6 };

/** Deeper arrays are refused whatever the rules say: every walk below is recursive. */
const ARRAY_DEPTH_MAX = 256;

export type ContentFault = 'too_deep' | 'null_in_array';

/** What is wrong with a section of a request, or undefined. Linear in its size; stops at the first fault. */
export function contentFault(section: JsonObject, rules: ShadowRules): ContentFault | undefined {
  return objectFault(section, 0, false, rules);
}

function objectFault(
  object: JsonObject,
  depth: number,
  inArray: boolean,
  rules: ShadowRules,
): ContentFault | undefined {
  for (const key in object) {
    if (depth >= rules.depthMax) return 'too_deep';
    const value = object[key] as JsonValue;
    if (value === null) {
      if (inArray && rules.nullInArrayObjects === 'refuse') return 'null_in_array';
    } else if (typeof value === 'object') {
      const fault = Array.isArray(value)
        ? arrayFault(value as readonly JsonValue[], depth + 1, 1, rules)
        : objectFault(value as JsonObject, depth + 1, inArray, rules);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

function arrayFault(
  array: readonly JsonValue[],
  depth: number,
  nesting: number,
  rules: ShadowRules,
): ContentFault | undefined {
  if (array.length === 0) return undefined;
  if ((rules.arraysAreLevels && depth >= rules.depthMax) || nesting > ARRAY_DEPTH_MAX) return 'too_deep';
  const below = rules.arraysAreLevels ? depth + 1 : depth;
  for (const value of array) {
    if (value === null) return 'null_in_array';
    if (typeof value === 'object') {
      const fault = Array.isArray(value)
        ? arrayFault(value as readonly JsonValue[], below, nesting + 1, rules)
        : objectFault(value as JsonObject, below, true, rules);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

/** UTF-8 bytes of the compact JSON of `value`, without writing it. */
export function jsonBytes(value: JsonValue): number {
  switch (typeof value) {
    case 'string':
      return stringBytes(value);
    case 'number':
      return String(value).length;
    case 'boolean':
      return value ? 4 : 5;
    default:
      if (value === null) return 4;
      if (Array.isArray(value)) return arrayBytes(value as readonly JsonValue[]);
      return objectBytes(value as JsonObject);
  }
}

function arrayBytes(array: readonly JsonValue[]): number {
  let bytes = 2 + Math.max(0, array.length - 1);
  for (const value of array) bytes += jsonBytes(value);
  return bytes;
}

function objectBytes(object: JsonObject): number {
  let bytes = 1;
  for (const key in object) bytes += memberBytes(key, object[key] as JsonValue) + 1;
  return bytes === 1 ? 2 : bytes;
}

/** `"key":value`, without a comma. */
export function memberBytes(key: string, value: JsonValue): number {
  return stringBytes(key) + 1 + jsonBytes(value);
}

function stringBytes(text: string): number {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    // Escapes, control characters, lone surrogates: let JSON write them and count what came out.
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return utf8Bytes(JSON.stringify(text));
  }
  return text.length + 2;
}

/** UTF-8 length of a well-formed string. A surrogate pair is two code units and four bytes. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80) continue;
    if (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)) bytes += 1;
    else bytes += 2;
  }
  return bytes;
}
