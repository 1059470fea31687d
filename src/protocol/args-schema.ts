import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { JsonObject } from '../core/json/json.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';

/** What is wrong with the arguments of a direct command, or undefined. */
export type ArgsCheck = (args: JsonObject) => string | undefined;

/** A compiler costs some 20 ms to set up, and a fleet in one process offers the same commands thousands of times. */
const compiled = new WeakMap<JsonObject, ArgsCheck>();

/** Errors   `invalid_config` for a schema that ajv refuses. */
export function compileArgs(schema: JsonObject | undefined): Result<ArgsCheck> {
  if (schema === undefined) return ok(() => undefined);
  const known = compiled.get(schema);
  if (known !== undefined) return ok(known);
  const check = compile(schema);
  if (check.ok) compiled.set(schema, check.value);
  return check;
}

function compile(schema: JsonObject): Result<ArgsCheck> {
  let validate: ValidateFunction;
  try {
    validate = new Ajv2020({ strict: true, strictRequired: false, validateFormats: false }).compile({ ...schema });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'it does not compile';
    return fail(problem('invalid_config', `the schema of the arguments: ${why}`));
  }
  return ok((args) => {
    if (validate(args)) return undefined;
    const [error] = validate.errors ?? [];
    return `${error?.instancePath ?? ''} ${error?.message ?? 'does not fit'}`.trim();
  });
}
