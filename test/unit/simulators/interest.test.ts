import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Interest } from '../../../simulators/broker/interest.ts';
import { filterMatches, filterProblem } from '../../../src/protocol/topic-filter.ts';

const level = fc.constantFrom('a', 'b', '$aws', '', 'shadow');
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filter = fc
  .array(fc.oneof(level, fc.constantFrom('+', '#')), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => filterProblem(text) === undefined);

test('whatever was subscribed and taken back, a topic is of interest if one filter that is left matches it', () => {
  const step = fc.record({ client: fc.constantFrom('x', 'y'), filter, add: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), topic, (steps, asked) => {
      const interest = new Interest();
      const left = new Set<string>();
      for (const { client, filter, add } of steps) {
        if (add) interest.add(client, filter);
        else interest.remove(client, filter);
        if (add) left.add(`${client} ${filter}`);
        else left.delete(`${client} ${filter}`);
      }
      const expected = [...left].some((entry) => filterMatches(entry.slice(2), asked));
      expect(interest.in(asked)).toBe(expected);
      for (const client of ['x', 'y']) interest.forget(client);
      expect(interest.in(asked)).toBe(false);
    }),
    { numRuns: 1_000 },
  );
});
