import type { FieldPointer } from '../../core/brand.ts';
import type { JsonObject, JsonValue } from '../../core/json/json.ts';
import { objectFromLeaves, overlaps, parsePointer } from '../../core/json/json-pointer.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseJsonText } from '../../protocol/json-text.ts';

/**
 * `/climate/targetC=21.5 /mode=eco` as a patch to desired. A value is JSON where it is JSON, else a string; `null` removes
 * the field. What begins like JSON and is none is refused: it is a slip of quoting, hardly ever a string.
 */
export function parseFieldValues(texts: readonly string[]): Result<JsonObject> {
  const leaves: [FieldPointer, JsonValue][] = [];
  for (const text of texts) {
    const parsed = parseFieldValue(text);
    if (!parsed.ok) return parsed;
    const clash = leaves.find(([field]) => overlaps({ left: field, right: parsed.value[0] }));
    if (clash !== undefined) {
      return fail(
        problem('invalid_usage', `${parsed.value[0]} and ${clash[0]} are the same field or one holds the other`),
      );
    }
    leaves.push(parsed.value);
  }
  return ok(objectFromLeaves(leaves));
}

function parseFieldValue(text: string): Result<[FieldPointer, JsonValue]> {
  const equals = text.indexOf('=');
  if (equals < 0) {
    const words = 'a change is one word, written /field=value, such as /targetC=21.5';
    return fail(problem('invalid_usage', words, { at: text }));
  }
  const field = parsePointer(text.slice(0, equals));
  if (!field.ok) return field;
  const value = parseValue(text.slice(equals + 1));
  return value.ok ? ok([field.value, value.value]) : fail({ ...value.problem, at: text });
}

export function parseValue(text: string): Result<JsonValue> {
  const parsed = parseJsonText(text);
  if (parsed.ok) return parsed;
  // Told apart by asking the parser itself: broken JSON of something else than a bare word.
  if (!/^\s*["{[]/.test(text) && !isJson(text)) return ok(text);
  return fail(problem('invalid_usage', `${parsed.problem.message}; quote JSON for the shell: '/field={"a":1}'`));
}

/** JSON that was refused for what it holds (1e400, too deep) must not come back as a string. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
