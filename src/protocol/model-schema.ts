import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';
import type { FieldPointer } from '../core/brand.ts';
import { isJsonObject, member, objectFrom, type JsonObject, type JsonValue } from '../core/json/json.ts';
import { keysOf, leavesOf, objectFromLeaves, parsePointer, pointerOf } from '../core/json/json-pointer.ts';
import type { FieldAnnotations, Model, ModelRule, ModelViolation } from '../core/model/model.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';

/**
 * A model from its JSON Schema (2020-12): the schema of a shadow's state, `$id` such as `heater@2`, with `x-shadow` beside
 * each property's own keywords.
 *
 * Known     A field is known when `properties`, `patternProperties` or an explicit `additionalProperties` names it. Silence
 *           is not consent: unlike plain JSON Schema, an absent `additionalProperties` knows nothing more.
 * Partial   A patch carries some fields only, so `required` and its kin are dropped before compiling.
 * Errors    `invalid_model` with the place: no `$id`, not an object schema, an unknown annotation, a schema ajv refuses, a
 *           `$ref` that leaves the document (nothing is ever fetched).
 */
export function compileModel(schema: JsonValue): Result<Model> {
  if (!isJsonObject(schema)) return fail(problem('invalid_model', 'a model is a JSON Schema object'));
  const id = member(schema, '$id');
  if (typeof id !== 'string' || !MODEL_ID.test(id)) {
    return fail(
      problem('invalid_model', 'a model names itself in "$id" as name@version, such as heater@2', { at: '/$id' }),
    );
  }
  const root = new SchemaTree(schema);
  const annotated = readAnnotations(root, schema);
  if (!annotated.ok) return annotated;
  let validate: ValidateFunction;
  try {
    const ajv = new Ajv2020({
      allErrors: true,
      strict: true,
      strictRequired: false,
      validateFormats: false,
      keywords: ['x-shadow'],
    });
    validate = ajv.compile(partial({ ...schema, $id: `urn:shadow-model:${id}` }) as JsonObject);
  } catch (cause) {
    return fail(problem('invalid_model', cause instanceof Error ? cause.message : 'the schema does not compile'));
  }
  const { byField, fields } = annotated.value;
  return ok({
    id,
    fields,
    annotations: (field) => byField.get(field) ?? annotationsAbove(field, byField),
    knows: (field) => root.at(keysOf(field)) !== undefined,
    violations: (patch) => violationsOf({ patch, root, validate, byField }),
  });
}

const MODEL_ID = /^[A-Za-z0-9._-]{1,64}@[A-Za-z0-9._-]{1,32}$/;

const pointerSchema = z.string().transform((text, context): FieldPointer => {
  const pointer = parsePointer(text);
  if (pointer.ok) return pointer.value;
  context.addIssue({ code: 'custom', message: pointer.problem.message });
  return z.NEVER;
});

/** Strict: a misspelt annotation is an error, not a silently missing rule. */
const annotationsSchema = z.strictObject({
  tolerance: z
    .union([
      z.strictObject({ absolute: z.number().nonnegative() }),
      z.strictObject({ relative: z.number().nonnegative() }),
    ])
    .optional(),
  step: z.number().positive().optional(),
  unit: z.string().max(32).optional(),
  unordered: z.boolean().optional(),
  owner: z.enum(['cloud', 'device', 'shared']).optional(),
  onLocalChange: z.enum(['enforce', 'adopt', 'lease']).optional(),
  leaseMs: z.number().int().positive().optional(),
  validForMs: z.number().int().positive().optional(),
  dependsOn: z.array(pointerSchema).optional(),
  group: z.string().min(1).max(64).optional(),
  momentary: z.boolean().optional(),
  ignore: z.strictObject({ reason: z.string().min(1) }).optional(),
});

/** The schema as a tree of members, with local `$ref`s followed. */
class SchemaTree {
  readonly #root: JsonObject;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  /** The subschema that describes the member at `keys`; undefined where the schema knows no such member. */
  at(keys: readonly string[]): JsonObject | undefined {
    let schema: JsonObject | undefined = this.#root;
    for (const key of keys) {
      schema = schema === undefined ? undefined : this.#below(this.resolve(schema), key);
    }
    return schema === undefined ? undefined : this.resolve(schema);
  }

  /** Follows `$ref: "#/$defs/…"`, keeping what stands beside it. A chain is followed at most 16 times. */
  resolve(schema: JsonObject): JsonObject {
    let resolved = schema;
    for (let hop = 0; hop < 16; hop += 1) {
      const ref = member(resolved, '$ref');
      if (typeof ref !== 'string' || !ref.startsWith('#/')) return resolved;
      const target = valueAtPointer(this.#root, ref.slice(1));
      if (!isJsonObject(target)) return resolved;
      const { $ref: _followed, ...beside } = resolved;
      resolved = { ...target, ...beside };
    }
    return resolved;
  }

  #below(schema: JsonObject, key: string): JsonObject | undefined {
    const properties = member(schema, 'properties');
    const named = isJsonObject(properties) ? member(properties, key) : undefined;
    if (named !== undefined) return named === true ? {} : asObject(named);
    const patterns = member(schema, 'patternProperties');
    if (isJsonObject(patterns)) {
      const found = Object.entries(patterns).find(([pattern]) => new RegExp(pattern, 'u').test(key));
      if (found !== undefined) return asObject(found[1]);
    }
    const additional = member(schema, 'additionalProperties');
    return additional === true ? {} : asObject(additional);
  }
}

function asObject(value: JsonValue | undefined): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

function valueAtPointer(root: JsonObject, pointer: string): JsonValue | undefined {
  const parsed = parsePointer(decodeURIComponent(pointer));
  if (!parsed.ok) return undefined;
  return keysOf(parsed.value).reduce<JsonValue | undefined>(
    (value, key) => (isJsonObject(value) ? member(value, key) : undefined),
    root,
  );
}

interface Annotated {
  readonly byField: ReadonlyMap<FieldPointer, FieldAnnotations>;
  readonly fields: readonly FieldPointer[];
}

/** Every `x-shadow` below the root, checked, and every leaf that `properties` name. Depth is that of a shadow at most. */
function readAnnotations(root: SchemaTree, schema: JsonObject): Result<Annotated> {
  const byField = new Map<FieldPointer, FieldAnnotations>();
  const fields: FieldPointer[] = [];
  const walk: { keys: string[]; schema: JsonObject }[] = [{ keys: [], schema }];
  for (let step = walk.pop(); step !== undefined; step = walk.pop()) {
    const resolved = root.resolve(step.schema);
    const field = pointerOf(step.keys);
    if (step.keys.length > DEPTH_MAX)
      return fail(problem('invalid_model', `deeper than ${DEPTH_MAX} levels`, { at: field }));
    const annotations = annotationsSchema.safeParse(member(resolved, 'x-shadow') ?? {});
    if (!annotations.success) {
      const [issue] = annotations.error.issues;
      const place = `${field}/x-shadow${pointerOf((issue?.path ?? []).map(String))}`;
      return fail(problem('invalid_model', issue?.message ?? 'no annotation', { at: place }));
    }
    byField.set(field, withoutUndefined(annotations.data));
    const properties = member(resolved, 'properties');
    const children = isJsonObject(properties) ? Object.entries(properties) : [];
    if (children.length === 0 && field !== '') fields.push(field);
    for (const [key, child] of children.reverse()) {
      if (isJsonObject(child)) walk.push({ keys: [...step.keys, key], schema: child });
      else if (child === true) fields.push(pointerOf([...step.keys, key]));
    }
  }
  return ok({ byField, fields });
}

/** AWS takes 8 levels at most (R24). A recursive `$ref` ends here too. */
const DEPTH_MAX = 8;

/** What `exactOptionalPropertyTypes` asks for: a missing annotation is absent, not undefined. */
function withoutUndefined(annotations: z.infer<typeof annotationsSchema>): FieldAnnotations {
  return Object.fromEntries(Object.entries(annotations).filter(([, value]) => value !== undefined));
}

/** A field below an annotated object (a free-form map, say) follows the nearest annotations above it. */
function annotationsAbove(field: FieldPointer, byField: ReadonlyMap<FieldPointer, FieldAnnotations>): FieldAnnotations {
  const keys = keysOf(field);
  while (keys.length > 0) {
    keys.pop();
    const above = byField.get(pointerOf(keys));
    if (above !== undefined) return keys.length === 0 ? {} : above;
  }
  return {};
}

const DROPPED = new Set([
  'required',
  'minProperties',
  'maxProperties',
  'dependentRequired',
  'additionalProperties',
  'unevaluatedProperties',
]);

/** The schema for part of a state. Unknown members are found by `knows`, with better words than ajv's. */
function partial(schema: JsonValue, underProperties = false): JsonValue {
  if (Array.isArray(schema)) return (schema as readonly JsonValue[]).map((item) => partial(item));
  if (!isJsonObject(schema)) return schema;
  const kept = Object.entries(schema).filter(([key, value]) => {
    if (underProperties || !DROPPED.has(key)) return true;
    return key === 'additionalProperties' && isJsonObject(value);
  });
  return objectFrom(
    kept.map(([key, value]) => {
      const literal = !underProperties && LITERAL.has(key);
      return [key, literal ? value : partial(value, !underProperties && HOLDS_NAMES.has(key))];
    }),
  );
}

/** Keywords whose members are names of properties, not keywords. */
const HOLDS_NAMES = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas']);
/** Keywords whose value is data. */
const LITERAL = new Set(['const', 'enum', 'default', 'examples', 'x-shadow']);

function violationsOf({
  patch,
  root,
  validate,
  byField,
}: {
  patch: JsonObject;
  root: SchemaTree;
  validate: ValidateFunction;
  byField: ReadonlyMap<FieldPointer, FieldAnnotations>;
}): ModelViolation[] {
  const found: ModelViolation[] = [];
  const checked: [FieldPointer, JsonValue][] = [];
  for (const [field, value] of leavesOf(patch)) {
    if (root.at(keysOf(field)) === undefined) {
      found.push(violation(field, 'unknown_field', 'the model has no such field'));
    } else if (byField.get(field)?.momentary === true && value !== null) {
      found.push(violation(field, 'momentary', 'an action, not a state: send it as a direct command'));
    } else if (value !== null) {
      checked.push([field, value]);
    }
  }
  if (checked.length === 0 || validate(objectFromLeaves(checked))) return found;
  const errors = (validate.errors ?? []).filter(({ keyword }) => !COMPOSITE.has(keyword));
  const shown = errors.length > 0 ? errors : (validate.errors ?? []);
  return [...found, ...shown.map((error) => violation(fieldOf(error, checked), ruleOf(error), wordsOf(error)))];
}

/** These only repeat that something inside them failed. */
const COMPOSITE = new Set(['if', 'anyOf', 'oneOf', 'allOf']);

function violation(field: FieldPointer, rule: ModelRule, message: string): ModelViolation {
  return { ...problem('model_violation', message, { at: field }), field, rule };
}

/** An error inside an array belongs to the array, which is one field. */
function fieldOf(error: ErrorObject, leaves: readonly (readonly [FieldPointer, JsonValue])[]): FieldPointer {
  const place = error.instancePath as FieldPointer;
  const owner = leaves.find(([field]) => place === field || place.startsWith(`${field}/`));
  return owner?.[0] ?? place;
}

function ruleOf({ keyword }: ErrorObject): ModelRule {
  if (keyword === 'type') return 'wrong_type';
  return RANGES.has(keyword) ? 'out_of_range' : 'not_allowed';
}

const RANGES = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
]);

function wordsOf(error: ErrorObject): string {
  const allowed = error.keyword === 'enum' ? `: ${JSON.stringify(error.params['allowedValues'])}` : '';
  return `${error.message ?? 'breaks the model'}${allowed}`;
}
