import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import type { FieldPointer } from '../../../../src/core/brand.ts';
import type { JsonObject, JsonValue } from '../../../../src/core/json/json.ts';
import {
  keysOf,
  leavesOf,
  objectFromLeaves,
  overlaps,
  parsePointer,
  pointerOf,
  valueAt,
  withoutValueAt,
  withValueAt,
} from '../../../../src/core/json/json-pointer.ts';

const field = (text: string) => text as FieldPointer;

describe('a field pointer', () => {
  test('survives any keys, slashes and tildes included', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (keys) => {
        expect(keysOf(pointerOf(keys))).toEqual(keys);
      }),
    );
  });

  test.each(['', 'targetC', '/a~', '/a~2b'])('%j is refused', (text) => expect(parsePointer(text).ok).toBe(false));
  test.each(['/', '/a', '/a~0b/c~1d', '/__proto__'])('%j is taken', (text) => expect(parsePointer(text).ok).toBe(true));

  test.each<[string, string, boolean]>([
    ['/a', '/a', true],
    ['/a', '/a/b', true],
    ['/a/b', '/a', true],
    ['/a', '/ab', false],
    ['/a/b', '/a/c', false],
  ])('%s and %s overlap: %s', (left, right, expected) =>
    expect(overlaps({ left: field(left), right: field(right) })).toBe(expected),
  );
});

describe('members by pointer', () => {
  const root: JsonObject = { a: { b: 1, c: [1, 2] }, d: null };

  test('values are found through objects only', () => {
    expect(valueAt(root, field('/a/b'))).toBe(1);
    expect(valueAt(root, field('/a/c/0'))).toBeUndefined();
    expect(valueAt(root, field('/d'))).toBeNull();
    expect(valueAt(root, field('/toString'))).toBeUndefined();
  });

  test('setting copies, makes missing objects and replaces scalars on the way', () => {
    const changed = withValueAt(root, field('/d/e'), 5);
    expect(changed).toEqual({ a: { b: 1, c: [1, 2] }, d: { e: 5 } });
    expect(root).toEqual({ a: { b: 1, c: [1, 2] }, d: null });
  });

  test('removing leaves an emptied object behind (R39)', () => {
    expect(withoutValueAt({ a: { b: 1 } }, field('/a/b'))).toEqual({ a: {} });
    expect(withoutValueAt(root, field('/x/y'))).toBe(root);
  });

  test('B-01: __proto__ is a key like any other', () => {
    const made = withValueAt({}, field('/__proto__/polluted'), true);
    expect(Object.keys(made)).toEqual(['__proto__']);
    expect(valueAt(made, field('/__proto__/polluted'))).toBe(true);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('leaves', () => {
  test('are scalars, nulls, whole arrays and empty objects, in document order', () => {
    expect(leavesOf({ a: { b: 1, c: [{ x: 1 }] }, d: null, e: {} })).toEqual([
      ['/a/b', 1],
      ['/a/c', [{ x: 1 }]],
      ['/d', null],
      ['/e', {}],
    ]);
  });

  test('make the object they came from', () => {
    const json = fc.letrec<{ value: JsonValue; object: JsonObject }>((tie) => ({
      object: fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
      value: fc.oneof(
        { depthSize: 'small' },
        fc.integer(),
        fc.string(),
        fc.constant(null),
        fc.array(fc.integer()),
        tie('object'),
      ),
    })).object;
    fc.assert(
      fc.property(json, (root) => {
        expect(objectFromLeaves(leavesOf(root))).toEqual(root);
      }),
    );
  });
});
