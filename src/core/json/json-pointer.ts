import type { FieldPointer } from '../brand.ts';
import { problem } from '../problem.ts';
import { fail, ok, type Result } from '../result.ts';
import { isJsonObject, member, setMember, withMember, withoutMember, type JsonObject, type JsonValue } from './json.ts';

/** RFC 6901 pointers to members of objects. Arrays are leaves to us, so no token ever means an index. */

export function pointerOf(keys: readonly string[]): FieldPointer {
  let pointer = '';
  for (const key of keys) pointer += `/${escaped(key)}`;
  return pointer as FieldPointer;
}

export function keysOf(pointer: FieldPointer): string[] {
  if (pointer === '') return [];
  const tokens = pointer.slice(1).split('/');
  return pointer.includes('~') ? tokens.map(unescaped) : tokens;
}

/** Escapes are rare, and these run for every field of every message: who has none pays for none. */
function escaped(key: string): string {
  return key.includes('~') || key.includes('/') ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key;
}

function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Takes `/climate/targetC`; refuses the empty pointer, a missing slash and a `~` that escapes nothing. */
export function parsePointer(text: string): Result<FieldPointer> {
  if (!text.startsWith('/')) {
    return fail(
      problem('invalid_pointer', `a field is a JSON Pointer and starts with "/", such as /targetC`, { at: text }),
    );
  }
  if (/~(?![01])/.test(text)) {
    return fail(
      problem('invalid_pointer', 'in a JSON Pointer "~" is written "~0" and "/" inside a key "~1"', { at: text }),
    );
  }
  return ok(text as FieldPointer);
}

/** The value at `pointer`, or undefined where a step is missing or is no object. */
export function valueAt(root: JsonValue | undefined, pointer: FieldPointer): JsonValue | undefined {
  // Most fields stand at the top: no list of keys for one key.
  if (pointer !== '' && !pointer.includes('/', 1) && !pointer.includes('~')) {
    return isJsonObject(root) ? member(root, pointer.slice(1)) : undefined;
  }
  let value = root;
  for (const key of keysOf(pointer)) {
    if (!isJsonObject(value)) return undefined;
    value = member(value, key);
  }
  return value;
}

/** A copy of `root` with `value` at `pointer`; steps that are missing or no objects become objects. */
export function withValueAt(root: JsonObject, pointer: FieldPointer, value: JsonValue): JsonObject {
  return put(root, keysOf(pointer), value);
}

function put(root: JsonObject, keys: readonly string[], value: JsonValue): JsonObject {
  const [key, ...rest] = keys;
  if (key === undefined) return isJsonObject(value) ? value : root;
  if (rest.length === 0) return withMember(root, key, value);
  const child = member(root, key);
  return withMember(root, key, put(isJsonObject(child) ? child : {}, rest, value));
}

/** A copy of `root` without the member at `pointer`; objects emptied by that stay (R39). */
export function withoutValueAt(root: JsonObject, pointer: FieldPointer): JsonObject {
  const keys = keysOf(pointer);
  const key = keys.pop();
  if (key === undefined) return root;
  const parent = pointerOf(keys);
  const value = parent === '' ? root : valueAt(root, parent);
  if (!isJsonObject(value) || !Object.hasOwn(value, key)) return root;
  const trimmed = withoutMember(value, key);
  return parent === '' ? trimmed : withValueAt(root, parent, trimmed);
}

/**
 * The leaves of a patch or document: scalars, arrays (one leaf each), nulls and empty objects, each with its pointer, in
 * document order. Iterative, so depth cannot overflow the stack.
 */
export function leavesOf(root: JsonObject): [FieldPointer, JsonValue][] {
  const leaves: [FieldPointer, JsonValue][] = [];
  const walk: { prefix: string; value: JsonValue }[] = [{ prefix: '', value: root }];
  for (let step = walk.pop(); step !== undefined; step = walk.pop()) {
    const { prefix, value } = step;
    if (isJsonObject(value) && Object.keys(value).length > 0) {
      const below = Object.entries(value).map(([key, child]) => ({
        prefix: `${prefix}/${escaped(key)}`,
        value: child,
      }));
      walk.push(...below.reverse());
    } else if (prefix !== '') {
      leaves.push([prefix as FieldPointer, value]);
    }
  }
  return leaves;
}

/** The patch with exactly these leaves. Built in place: a copy for every leaf would cost the square of their number. */
export function objectFromLeaves(leaves: Iterable<readonly [FieldPointer, JsonValue]>): JsonObject {
  let root: { [key: string]: JsonValue } = {};
  const built = new Set<JsonObject>();
  for (const [pointer, value] of leaves) {
    const keys = keysOf(pointer);
    const last = keys.pop();
    if (last === undefined) {
      if (isJsonObject(value)) root = { ...value };
      continue;
    }
    let parent = root;
    for (const key of keys) {
      const child = member(parent, key);
      // What came in as a leaf belongs to somebody else: a member is added to a copy.
      const own = isJsonObject(child) && built.has(child) ? child : isJsonObject(child) ? { ...child } : {};
      built.add(own);
      setMember(parent, key, own);
      parent = own;
    }
    setMember(parent, last, value);
  }
  return root;
}

/** Fields overlap when one pointer is the other or leads to it. */
export function overlaps({ left, right }: { left: FieldPointer; right: FieldPointer }): boolean {
  return left === right || left.startsWith(`${right}/`) || right.startsWith(`${left}/`);
}
