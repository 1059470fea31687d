import { expect, test } from 'vitest';
import { filterMatches, filterProblem, topicProblem } from '../../../src/protocol/topic-filter.ts';

test.each([
  ['a/b', 'a/b', true],
  ['a/b', 'a/c', false],
  ['a/b', 'a/b/c', false],
  ['a/b/c', 'a/b', false],
  ['a/+', 'a/b', true],
  ['a/+', 'a', false],
  ['a/+', 'a/', true],
  ['a/+', 'a/b/c', false],
  ['+', 'a', true],
  ['+', '/a', false],
  ['/+', '/a', true],
  ['+/+', '/a', true],
  ['+/b', 'aa/b', true],
  ['#', 'a/b/c', true],
  ['a/#', 'a', true],
  ['a/#', 'a/b/c', true],
  ['a/#', 'ab', false],
  ['a/+/#', 'a/b', true],
  ['a/+/#', 'a', false],
  ['#', '$aws/x', false],
  ['+/x', '$aws/x', false],
  ['$aws/#', '$aws/x', true],
  ['$aws/+', '$aws/x', true],
  ['$aws/things/+/shadow/name/+/update/delta', '$aws/things/pump/shadow/name/a/update/delta', true],
  ['$aws/things/+/shadow/update/delta', '$aws/things/pump/shadow/name/a/update/delta', false],
  ['ab', 'a', false],
  ['a', 'ab', false],
])('the filter %s matches the topic %s: %s', (filter, topic, expected) => {
  expect(filterMatches(filter, topic)).toBe(expected);
});

test.each(['#', '+', 'a/#', 'a/+/b', '+/#', '/', '$aws/things/+/shadow/#'])('%s is a filter', (filter) =>
  expect(filterProblem(filter)).toBeUndefined(),
);

test.each(['', 'a#', '#/a', 'a/#/b', 'a+/b', 'a/+b', 'a/b+', 'x'.repeat(257), 'a\u0000', '\udc00'])(
  '%j is no filter',
  (filter) => expect(filterProblem(filter)).toMatchObject({ code: 'invalid_request' }),
);

test.each(['a', '/', 'a//b', '$aws/things/x/shadow/get', 'é'.repeat(128)])('%s is a topic', (topic) =>
  expect(topicProblem(topic)).toBeUndefined(),
);

test('A-16: a message about a bad topic shows its start only', () => {
  expect(topicProblem('x'.repeat(100_000))?.at?.length).toBeLessThan(100);
});
