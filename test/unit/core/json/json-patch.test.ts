import jsonPatch from 'fast-json-patch';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differenceOfMembers } from '../../../../src/core/json/json-patch.ts';

const members = fc.dictionary(
  fc.constantFrom('a', 'b/c', 'd~e', 'fields'),
  fc.oneof(
    fc.integer(),
    fc.string(),
    fc.array(fc.dictionary(fc.constantFrom('x', 'y'), fc.integer())),
    fc.jsonValue({ maxDepth: 2 }),
  ),
);

test('the difference of members leads from the value before to the one after, whatever they share', () => {
  fc.assert(
    fc.property(members, members, fc.array(fc.constantFrom('a', 'b/c', 'd~e', 'fields')), (before, other, shared) => {
      const after = { ...other };
      for (const key of shared) if (key in before) after[key] = before[key] as never;
      const patch = differenceOfMembers({ before, after });
      const copy = structuredClone(patch) as unknown as jsonPatch.Operation[];
      expect(jsonPatch.applyPatch(structuredClone(before), copy).newDocument).toEqual(after);
      for (const key of shared)
        if (key in before)
          expect(patch.map(({ path }) => path)).not.toContain(`/${key.replace('~', '~0').replace('/', '~1')}`);
    }),
  );
});

test('a member that is undefined is none', () => {
  expect(differenceOfMembers<{ a?: number | undefined }>({ before: { a: undefined }, after: { a: 1 } })).toEqual([
    { op: 'add', path: '/a', value: 1 },
  ]);
  expect(differenceOfMembers<{ a?: number | undefined }>({ before: { a: 1 }, after: { a: undefined } })).toEqual([
    { op: 'remove', path: '/a' },
  ]);
  expect(differenceOfMembers<{ a?: number | undefined }>({ before: {}, after: { a: undefined } })).toEqual([]);
});
