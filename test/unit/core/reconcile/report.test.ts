import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FieldPointer } from '../../../../src/core/brand.ts';
import type { JsonObject, JsonValue } from '../../../../src/core/json/json.ts';
import { NO_MODEL } from '../../../../src/core/model/model.ts';
import type { FieldState } from '../../../../src/core/reconcile/field-state.ts';
import { mergePatch } from '../../../../src/core/reconcile/merge-patch.ts';
import { buildReport } from '../../../../src/core/reconcile/report.ts';
import { jsonBytes } from '../../../../src/core/shadow/limits.ts';
import { mergeSection } from '../../../../src/core/shadow/merge.ts';
import { modelWith } from '../../../support/device-world.ts';

function reportFor(given: {
  believed?: JsonObject;
  desired?: JsonObject;
  reads?: Record<string, JsonValue>;
  states?: Record<string, FieldState>;
  version?: number;
  must?: boolean;
  bytesMax?: number;
  properties?: JsonObject;
}) {
  return buildReport({
    desired: given.desired,
    believed: given.believed,
    readings: new Map(Object.entries(given.reads ?? {}).map(([field, value]) => [field as FieldPointer, { value }])),
    states: new Map(Object.entries(given.states ?? {}) as [FieldPointer, FieldState][]),
    version: given.version ?? 7,
    model: given.properties === undefined ? NO_MODEL : modelWith(given.properties),
    must: given.must ?? false,
    bytesMax: given.bytesMax ?? 8_192,
  });
}

const told = (version = 7, fields?: JsonObject) => ({
  reconciler: { version, model: 'none', ...(fields === undefined ? {} : { fields }) },
});

describe('what is said', () => {
  test.each<[string, Parameters<typeof reportFor>[0], JsonObject | undefined]>([
    ['nothing is new', { believed: { a: 1, ...told(3) }, reads: { '/a': 1 } }, undefined],
    [
      'nothing is new and somebody waits',
      { believed: { a: 1, ...told(3) }, reads: { '/a': 1 }, must: true },
      { reconciler: { version: 7 } },
    ],
    [
      'nothing is new, somebody waits and the version was told already',
      { believed: { a: 1, ...told(7) }, reads: { '/a': 1 }, must: true },
      { reconciler: { version: 7 } },
    ],
    ['a value is new', { believed: { a: 1, ...told(3) }, reads: { '/a': 2 } }, { a: 2, reconciler: { version: 7 } }],
    ['nothing was ever reported', { reads: { '/a': 1 } }, { a: 1, reconciler: { version: 7, model: 'none' } }],
    ['a value is gone', { believed: { a: 1, ...told() }, reads: { '/a': null } }, { a: null }],
    [
      'part of an object is gone',
      { believed: { a: { x: 1, y: 2 }, ...told() }, reads: { '/a': { x: 1 } } },
      { a: { y: null } },
    ],
    [
      'a field is no longer listed',
      {
        believed: { ...told(7, { '/a': { outcome: 'refused', code: 'x' }, '/b': { outcome: 'applying' } }) },
        states: { '/b': { outcome: 'applying' } },
      },
      { reconciler: { fields: { '/a': null } } },
    ],
    [
      'a listed field says something else',
      {
        believed: { ...told(7, { '/a': { outcome: 'retrying', code: 'x', retryAt: 9 } }) },
        states: { '/a': { outcome: 'refused', code: 'x' } },
      },
      { reconciler: { fields: { '/a': { retryAt: null, outcome: 'refused' } } } },
    ],
    [
      'somebody wrote nonsense where our member is',
      { believed: { a: 1, reconciler: 'x' }, reads: { '/a': 1 } },
      { reconciler: { version: 7, model: 'none' } },
    ],
  ])('when %s', (_when, given, expected) => {
    expect(reportFor(given)?.patch).toEqual(expected);
  });

  test('a difference within the tolerance is not worth a report, unless it decides whether the wish is met', () => {
    const properties = { a: { type: 'number', 'x-shadow': { tolerance: { absolute: 0.5 } } } };
    const believed = { a: 21.4, reconciler: { version: 7, model: 'test@1' } };
    expect(reportFor({ properties, believed, reads: { '/a': 21.6 } })).toBeUndefined();
    expect(reportFor({ properties, believed, desired: { a: 22 }, reads: { '/a': 21.6 } })?.patch).toMatchObject({
      a: 21.6,
    });
    expect(reportFor({ properties, believed, desired: { a: 23 }, reads: { '/a': 21.6 } })).toBeUndefined();
  });
});

describe('too large', () => {
  const refusals = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, n): [string, FieldState] => [
        `/field-${n}`,
        { outcome: 'refused', code: 'out_of_range', message: 'm'.repeat(200) },
      ]),
    );

  test.each([
    [4_000, 10, undefined],
    [4_000, 20, 'messages'],
    [4_000, 60, 'details'],
    [4_000, 100, 'entries'],
  ] as const)('with %i bytes and %i refusals, %s go', (bytesMax, count, trimmed) => {
    const report = reportFor({ reads: { '/a': 1 }, states: refusals(count), bytesMax });
    expect(report?.trimmed).toBe(trimmed);
    expect(report?.patch['a']).toBe(1);
    expect(jsonBytes(report?.patch ?? {})).toBeLessThanOrEqual(bytesMax);
  });

  test('values go last, the largest first, and are named', () => {
    const report = reportFor({ reads: { '/a': 1, '/b': 'x'.repeat(600) }, bytesMax: 600 });
    expect(report?.trimmed).toBe('values');
    expect(report?.patch).toMatchObject({
      a: 1,
      reconciler: { fields: { '/b': { outcome: 'retrying', code: 'payload_too_large' } } },
    });
  });

  test('desired counts, too: the service measures both halves together', () => {
    const given = { reads: { '/a': 'x'.repeat(300) }, bytesMax: 600 };
    expect(reportFor(given)?.trimmed).toBeUndefined();
    expect(reportFor({ ...given, desired: { b: 'y'.repeat(300) } })?.trimmed).toBe('values');
  });
});

const json = fc.letrec<{ value: JsonValue; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.string({ maxLength: 3 }),
    fc.array(fc.integer(), { maxLength: 2 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('value'), {
    maxKeys: 3,
    noNullPrototype: true,
  }),
})).object;

test('the patch from one document to another leads there, for any two', () => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      const patch = mergePatch({ x: before }, { x: after });
      const merged = mergeSection({ x: before }, (patch ?? {}) as JsonObject);
      expect(JSON.stringify(sorted(merged))).toBe(JSON.stringify(sorted({ x: after })));
    }),
    { numRuns: 500 },
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, child]) => [key, sorted(child)]);
}
