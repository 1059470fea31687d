import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';

/** Few keys, so that documents and patches meet; among them those that bite in JavaScript (R43). */
const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'state', 'timestamp') },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '', 'ü😀', '0') },
);

const scalar = fc.oneof(
  fc.constantFrom<JsonValue>(0, 1, -1, 1.5, '', 'x', 'é"\\', true, false),
  fc.string({ maxLength: 5 }),
  fc.integer(),
);

/** Through JSON text, as documents arrive: `__proto__` is an own key and `-0` is 0. */
const parsed = <T extends JsonValue>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  arbitrary.map((value) => JSON.parse(JSON.stringify(value)) as T);

function jsonObject(leaf: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonObject> {
  const { object } = fc.letrec<{ object: JsonObject; value: JsonValue }>((tie) => ({
    value: fc.oneof({ depthSize: 'small', maxDepth: 4 }, leaf, fc.array(scalar, { maxLength: 3 }), tie('object')),
    object: fc
      .array(fc.tuple(key, tie('value')), { maxLength: 4 })
      .map((entries) => Object.fromEntries(entries) as JsonObject),
  }));
  return parsed(object);
}

/** A section as it may be stored: no nulls. */
export const section = jsonObject(scalar);
/** A section of a request: nulls delete. */
export const patch = jsonObject(
  fc.oneof({ weight: 4, arbitrary: scalar }, { weight: 1, arbitrary: fc.constant(null) }),
);

export const updateState = fc.oneof(
  { weight: 10, arbitrary: fc.record({ desired: patch, reported: patch }, { requiredKeys: [] }) },
  { weight: 1, arbitrary: fc.record({ desired: fc.constant(null), reported: patch }) },
  { weight: 1, arbitrary: fc.constant(null) },
);
