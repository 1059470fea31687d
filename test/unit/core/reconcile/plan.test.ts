import { describe, expect, test } from 'vitest';
import { epochMs, monotonicMs, type FieldPointer } from '../../../../src/core/brand.ts';
import type { JsonObject, JsonValue } from '../../../../src/core/json/json.ts';
import type { Reading } from '../../../../src/core/reconcile/judge-field.ts';
import { DEFAULT_LIMITS } from '../../../../src/core/reconcile/limits.ts';
import { freshMemory, type FieldMemory, type Memory } from '../../../../src/core/reconcile/memory.ts';
import { dependencyCircle, newestStampS, plan, type Plan } from '../../../../src/core/reconcile/plan.ts';
import { modelWith } from '../../../support/device-world.ts';

const moment = { now: monotonicMs(100), checkedAt: monotonicMs(100), serviceNow: epochMs(1_000_000), fraction: 0.5 };
const pointers = (entries: Record<string, unknown>) => Object.entries(entries) as [FieldPointer, never][];

function planFor(given: {
  properties?: JsonObject;
  desired: JsonObject;
  reads: Record<string, JsonValue | Reading>;
  owned?: Record<string, string>;
  memory?: Record<string, Partial<FieldMemory>>;
}): Plan {
  const wishes = new Map(pointers(given.memory ?? {}));
  const memory: Memory = new Map(
    [...wishes].map(([field, remembered]) => [
      field,
      { ...freshMemory({ desired: null, stampS: undefined }), ...(remembered as object) },
    ]),
  );
  const readings = new Map(
    pointers(given.reads).map(([field, value]) => {
      const reading: Reading =
        typeof value === 'object' && value !== null && 'unreadable' in (value as object) ? value : { value };
      return [field, reading] as const;
    }),
  );
  const fields = Object.keys(given.reads) as FieldPointer[];
  const owned = new Map(fields.map((field) => [field, given.owned?.[field] ?? 'hardware']));
  const model = modelWith(given.properties ?? Object.fromEntries(fields.map((field) => [field.slice(1), {}])));
  return plan(
    { desired: given.desired, stamps: {}, owned, readings, memory, busy: new Map(), model },
    moment,
    DEFAULT_LIMITS,
  );
}

const calls = ({ calls: planned }: Plan) =>
  planned.map(({ group, changes }) =>
    [...(group === undefined ? [] : [group]), ...changes.map(({ field }) => field)].join(' '),
  );
const codes = ({ states }: Plan) =>
  Object.fromEntries([...states].map(([field, { outcome, code }]) => [field, `${outcome} ${code}`]));

describe('calls', () => {
  test('what differs is applied, what is converged or not desired is left alone', () => {
    const planned = planFor({ desired: { a: 1, b: 1 }, reads: { '/a': 0, '/b': 1, '/c': 0 } });
    expect(calls(planned)).toEqual(['/a']);
    expect(planned.states.size).toBe(0);
  });

  test('adapters are called side by side, each once', () => {
    const planned = planFor({
      desired: { a: 1, b: 1, c: 1 },
      reads: { '/a': 0, '/b': 0, '/c': 0 },
      owned: { '/a': 'x', '/b': 'y', '/c': 'x' },
    });
    expect(calls(planned)).toEqual(['/a /c', '/b']);
  });

  test('a call carries what was read before, to verify and to undo', () => {
    const [call] = planFor({ desired: { a: 1 }, reads: { '/a': 0 } }).calls;
    expect(call?.changes).toEqual([{ field: '/a', value: 1, adapter: 'hardware', previous: 0 }]);
  });
});

describe('dependencies', () => {
  const properties = {
    a: {},
    b: { 'x-shadow': { dependsOn: ['/a'] } },
    c: { 'x-shadow': { dependsOn: ['/b'] } },
  };

  test.each([
    [
      'nothing of the chain is converged',
      { '/a': 0, '/b': 0, '/c': 0 },
      ['/a'],
      { '/b': 'retrying dependency', '/c': 'retrying dependency' },
    ],
    ['its head is converged', { '/a': 1, '/b': 0, '/c': 0 }, ['/b'], { '/c': 'retrying dependency' }],
    ['all but its end is converged', { '/a': 1, '/b': 1, '/c': 0 }, ['/c'], {}],
  ])('when %s', (_when, reads, expected, states) => {
    const planned = planFor({ properties, desired: { a: 1, b: 1, c: 1 }, reads });
    expect(calls(planned)).toEqual(expected);
    expect(codes(planned)).toEqual(states);
  });

  test('a dependency that is not desired holds nobody up', () => {
    expect(calls(planFor({ properties, desired: { b: 1 }, reads: { '/a': 0, '/b': 0, '/c': 0 } }))).toEqual(['/b']);
  });

  test('a refusal goes down the whole chain by name', () => {
    const memory = { '/a': { desired: 1, refused: { code: 'no', message: 'no' } } };
    const planned = planFor({
      properties,
      memory,
      desired: { a: 1, b: 1, c: 1 },
      reads: { '/a': 0, '/b': 0, '/c': 0 },
    });
    expect(calls(planned)).toEqual([]);
    expect(codes(planned)).toEqual({
      '/a': 'refused no',
      '/b': 'refused dependency_refused',
      '/c': 'refused dependency_refused',
    });
  });

  test('a circle is found and named', () => {
    const around = { a: { 'x-shadow': { dependsOn: ['/b'] } }, b: { 'x-shadow': { dependsOn: ['/a'] } } };
    expect(dependencyCircle(modelWith(around))).toEqual(['/a', '/b']);
    expect(dependencyCircle(modelWith(properties))).toBeUndefined();
  });
});

describe('groups', () => {
  const properties = {
    a: { 'x-shadow': { group: 'g', dependsOn: ['/b'] } },
    b: { 'x-shadow': { group: 'g' } },
    c: {},
  };
  const reads = { '/a': 0, '/b': 0, '/c': 0 };

  test('members are one call, in the order of their dependencies, across adapters', () => {
    const planned = planFor({ properties, desired: { a: 1, b: 1 }, reads, owned: { '/a': 'x', '/b': 'y', '/c': 'z' } });
    expect(calls(planned)).toEqual(['g /b /a']);
  });

  test('a member that is converged already is not part of the call', () => {
    expect(calls(planFor({ properties, desired: { a: 1, b: 0 }, reads }))).toEqual(['g /a']);
  });

  test('what keeps one member back keeps all of them back, and the others go on', () => {
    const memory = { '/b': { desired: 1, refused: { code: 'no', message: 'no' } } };
    const noDependency = { ...properties, a: { 'x-shadow': { group: 'g' } } };
    const planned = planFor({ properties: noDependency, memory, desired: { a: 1, b: 1, c: 1 }, reads });
    expect(calls(planned)).toEqual(['/c']);
    expect(codes(planned)).toEqual({ '/a': 'refused group_refused', '/b': 'refused no' });
  });
});

describe('suspects after a restart in the middle of an apply', () => {
  const memory = { '/a': { desired: 1, crashes: 1 }, '/b': { desired: 1, crashes: 1 } };

  test('clean fields go first, suspects wait', () => {
    const planned = planFor({ memory, desired: { a: 1, b: 1, c: 1 }, reads: { '/a': 0, '/b': 0, '/c': 0 } });
    expect(calls(planned)).toEqual(['/c']);
    expect(codes(planned)).toEqual({ '/a': 'retrying careful', '/b': 'retrying careful' });
  });

  test('then one suspect at a time', () => {
    const planned = planFor({ memory, desired: { a: 1, b: 1, c: 1 }, reads: { '/a': 0, '/b': 0, '/c': 1 } });
    expect(calls(planned)).toEqual(['/a']);
  });
});

describe('fields of nobody', () => {
  const properties = { a: {}, known: {}, go: { 'x-shadow': { momentary: true } } };

  test.each([
    [{ other: 1 }, { '/other': 'refused unknown_field' }],
    [{ deep: { er: 1, '': 2 } }, { '/deep/er': 'refused unknown_field', '/deep/': 'refused unknown_field' }],
    [{ known: 1 }, { '/known': 'refused no_adapter' }],
    [{ go: true }, { '/go': 'refused momentary' }],
    [JSON.parse('{"__proto__":{"x":1}}') as JsonObject, { '/__proto__/x': 'refused unknown_field' }],
  ])('%j is refused by name', (desired, expected) => {
    expect(codes(planFor({ properties, desired, reads: { '/a': 0 } }))).toEqual(expected);
  });
});

test('a value that breaks the model is refused, its neighbours are applied', () => {
  const properties = { a: { type: 'integer', maximum: 3 }, b: { type: 'integer' } };
  const planned = planFor({ properties, desired: { a: 4, b: 4 }, reads: { '/a': 0, '/b': 0 } });
  expect(codes(planned)).toEqual({ '/a': 'refused out_of_range' });
  expect(calls(planned)).toEqual(['/b']);
});

test('a field that cannot be read is neither applied nor confirmed', () => {
  const planned = planFor({ desired: { a: 1 }, reads: { '/a': { unreadable: { code: 'bus', message: 'x' } } } });
  expect(calls(planned)).toEqual([]);
  expect(codes(planned)).toEqual({ '/a': 'retrying bus' });
});

test('the age of a field that holds an object or a list is that of its newest part', () => {
  const stamps = { x: { timestamp: 5 }, y: [{ timestamp: 9 }, { z: { timestamp: 7 } }] };
  expect(newestStampS(stamps)).toBe(9);
  expect(newestStampS(undefined)).toBeUndefined();
});
