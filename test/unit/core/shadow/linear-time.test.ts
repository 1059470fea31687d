import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../../../src/core/json/json.ts';
import { AWS_RULES } from '../../../../src/core/shadow/limits.ts';
import { stampedText } from '../../../../src/core/shadow/metadata.ts';
import { applyUpdate, parseUpdateRequest, recordOf } from '../../../../src/core/shadow/update.ts';

// Time is counted in looks at the input, which no busy machine changes.

interface Count {
  looks: number;
}

/** The same value, but every read of a member, of names or of a length is counted. */
function watched<T extends JsonValue>(value: T, count: Count): T {
  if (typeof value !== 'object' || value === null) return value;
  const children = Array.isArray(value)
    ? value.map((item: JsonValue) => watched(item, count))
    : Object.fromEntries(Object.entries(value).map(([key, child]) => [key, watched(child as JsonValue, count)]));
  const look = <A extends unknown[], R>(read: (...args: A) => R) => {
    return (...args: A): R => {
      count.looks += 1;
      return read(...args);
    };
  };
  return new Proxy(children as object, {
    get: look(Reflect.get),
    has: look(Reflect.has),
    ownKeys: look(Reflect.ownKeys),
    getOwnPropertyDescriptor: look(Reflect.getOwnPropertyDescriptor),
  }) as T;
}

const numbered = (size: number, make: (index: number) => JsonValue): JsonObject =>
  Object.fromEntries(Array.from({ length: size }, (_, index) => [`k${index}`, make(index)]));

/** A state of about `size` values, in the shapes that an attacker would try. */
const SHAPES: Record<string, (size: number) => JsonObject> = {
  'many members': (size) => numbered(size, (index) => index),
  'many small objects': (size) => numbered(size / 2, (index) => ({ value: index })),
  'one long array': (size) => ({ list: Array.from({ length: size }, (_, index) => index) }),
  'many arrays in one another': (size) => ({ list: Array.from({ length: size / 4 }, () => [[], [[1]]]) }),
  'objects in arrays': (size) => ({ list: Array.from({ length: size / 2 }, () => ({ a: 1 })) }),
  'as deep as allowed': (size) => numbered(size / 7, () => ({ a: { b: { c: { d: { e: { f: 1 } } } } } })),
  'many nulls': (size) => numbered(size, () => null),
  'objects of nothing but nulls': (size) => numbered(size / 2, () => ({ gone: null })),
};

const RULES = { ...AWS_RULES, documentBytesMax: 1e9 };
const SIZES = [400, 800, 1_600, 3_200];

/** Looks per size, of which the last doubling must not more than double, but for what is the same for all sizes. */
function expectLinear(looks: (size: number) => number): void {
  const counted = SIZES.map(looks);
  const grown = counted.slice(1).map((value, at) => value - (counted[at] ?? 0));
  for (const [at, step] of grown.entries()) {
    if (at > 0) expect(step, `${counted}`).toBeLessThanOrEqual(2.05 * (grown[at - 1] ?? 0) + 20);
  }
  expect(counted.at(-1)).toBeGreaterThan(SIZES.at(-1)! / 8); // it was looked at
}

describe.each(Object.entries(SHAPES))('a request of %s', (_name, shape) => {
  test('is checked in time linear in its size', () => {
    expectLinear((size) => {
      const count = { looks: 0 };
      parseUpdateRequest(watched({ state: { desired: shape(size) } }, count), RULES);
      return count.looks;
    });
  });

  test('is merged, measured, compared and stamped in time linear in its size and that of the document', () => {
    expectLinear((size) => {
      const count = { looks: 0 };
      const before = numbered(size, (index) => ({ value: index }));
      const record = recordOf({ state: { desired: before, reported: before }, metadata: {}, version: 1 });
      const state = watched({ desired: shape(size), reported: { other: shape(size) } }, count);
      expect(applyUpdate({ record, nowSeconds: 1, rules: RULES }, { state }).ok).toBe(true);
      stampedText(state, 1);
      return count.looks;
    });
  });
});

test('the first fault ends the check: what comes after it is not looked at', () => {
  const looks = (size: number) => {
    const count = { looks: 0 };
    const body = watched(
      { state: { desired: { first: [null], ...numbered(size, (index) => ({ value: index })) } } },
      count,
    );
    expect(parseUpdateRequest(body).ok).toBe(false);
    return count.looks;
  };
  // Listing the names of an object reads all of them; what is below them is left alone.
  expect(looks(2_000) - looks(1_000)).toBeLessThanOrEqual(1_000 * 2);
});
