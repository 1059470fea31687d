import { objectFrom, type JsonObject, type JsonValue } from '../../core/json/json.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseValue } from './field-values.ts';

/** `visitor=Ada seconds=30` as the arguments of a direct command: JSON where it is JSON, else a string. */
export function parseArgsValues(texts: readonly string[]): Result<JsonObject> {
  const entries: [string, JsonValue][] = [];
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 1) {
      return fail(problem('invalid_usage', 'an argument is written key=value, such as visitor=Ada', { at: text }));
    }
    const key = text.slice(0, equals);
    if (entries.some(([known]) => known === key)) {
      return fail(problem('invalid_usage', `${key} is given twice`, { at: text }));
    }
    const value = parseValue(text.slice(equals + 1));
    if (!value.ok) return fail({ ...value.problem, at: text });
    entries.push([key, value.value]);
  }
  return ok(objectFrom(entries));
}
