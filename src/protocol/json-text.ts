import { problem, type Problem } from '../core/problem.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json/json.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { duplicateKey } from './duplicate-key.ts';

/**
 * Untrusted bytes to a JSON value that the rest of the engine can walk, store and print without harm. The one place
 * where `JSON.parse` meets the outside.
 *
 * Refused  Too many bytes, broken UTF-8, broken JSON; nesting above `depthMax` (a million levels parse and then crash
 *          stringify); numbers that overflow to Infinity (`1e400` would print as null, which deletes a shadow key); NUL
 *          and lone surrogates in strings or keys (PostgreSQL's jsonb refuses both, so one rule holds for every store).
 * Kept     `__proto__` and its like stay plain own keys: JSON.parse makes them so, our helpers read them so.
 * Errors   `payload_too_large`, `invalid_json`, `too_deep`, with the JSON Pointer of the place where there is one.
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = MESSAGE_LIMITS): Result<JsonValue> {
  if (bytes.byteLength > limits.bytesMax) {
    return fail(problem('payload_too_large', `${bytes.byteLength} bytes; at most ${limits.bytesMax} are read`));
  }
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    return fail(problem('invalid_json', 'the bytes are no UTF-8'));
  }
  return parseJsonText(text, limits);
}

/** As `parseJson`, from text that something else decoded. */
export function parseJsonText(text: string, limits: JsonLimits = MESSAGE_LIMITS): Result<JsonValue> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return fail(problem('invalid_json', cause instanceof Error ? cause.message : 'no JSON'));
  }
  // Valid JSON holds NUL only as an escape, and half a pair only as an escape or where the text does already.
  const plain = !text.includes('\\u') && text.isWellFormed();
  const flaw = flawOf(value as JsonValue, limits.depthMax, plain ? undefined : textFlaw);
  if (flaw !== undefined) return fail(flaw);
  const twice = limits.uniqueKeys === true ? duplicateKey(text) : undefined;
  return twice === undefined
    ? ok(value as JsonValue)
    : fail(problem('invalid_json', 'a member stands twice in one object', { at: twice }));
}

/** As `parseJson`, and the root must be an object. */
export function parseJsonObject(bytes: Uint8Array, limits: JsonLimits = MESSAGE_LIMITS): Result<JsonObject> {
  const parsed = parseJson(bytes, limits);
  if (!parsed.ok) return parsed;
  return isJsonObject(parsed.value) ? ok(parsed.value) : fail(problem('invalid_json', 'the message is no JSON object'));
}

export interface JsonLimits {
  readonly bytesMax: number;
  /** Levels of objects and arrays. */
  readonly depthMax: number;
  /** Refuses members that stand twice in one object. Default: the last one holds, as in JSON.parse and at AWS. */
  readonly uniqueKeys?: boolean;
}

/** AWS IoT's largest MQTT payload; an 8 KB shadow's `documents` message needs 123 KB of it. */
export const MESSAGE_LIMITS: JsonLimits = { bytesMax: 128 * 1024, depthMax: 32 };

/** One decoder for all: fatal, so that broken bytes are refused instead of replaced. A BOM is no JSON. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One iterative walk: depth, numbers, strings and keys. Paths are built only for what is wrong. */
function flawOf(root: JsonValue, depthMax: number, flawOfText = noFlaw): Problem | undefined {
  if (typeof root !== 'object' || root === null) return scalarFlaw(root, flawOfText);
  let level: (readonly JsonValue[] | JsonObject)[] = [root as JsonObject];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > depthMax) return problem('too_deep', `nested deeper than ${depthMax} levels`);
    const below: (readonly JsonValue[] | JsonObject)[] = [];
    for (const node of level) {
      for (const key of Object.keys(node)) {
        const child = (node as JsonObject)[key] as JsonValue;
        const flaw = Array.isArray(node) ? undefined : flawOfText(key);
        if (flaw !== undefined) return flaw;
        if (typeof child === 'object' && child !== null) {
          below.push(child as JsonObject);
        } else {
          const wrong = scalarFlaw(child, flawOfText);
          if (wrong !== undefined) return { ...wrong, at: `/${key.slice(0, 64)}` };
        }
      }
    }
    level = below;
  }
  return undefined;
}

function noFlaw(_text: string): Problem | undefined {
  return undefined;
}

function scalarFlaw(value: JsonValue, flawOfText: typeof textFlaw): Problem | undefined {
  if (typeof value === 'string') return flawOfText(value);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return problem('invalid_json', 'a number is too large for a 64-bit float');
  }
  return undefined;
}

function textFlaw(text: string): Problem | undefined {
  if (text.includes('\u0000')) return problem('invalid_json', 'a string holds the NUL character');
  if (!text.isWellFormed()) return problem('invalid_json', 'a string holds half a surrogate pair');
  return undefined;
}
