import { expect, test } from 'vitest';
import { Interest } from '../../../simulators/broker/interest.ts';
import { matchesFilter } from '../../../simulators/broker/topic-filter.ts';

test.each<[string, string, boolean]>([
  ['a/b', 'a/b', true],
  ['a/b', 'a/c', false],
  ['a/b', 'a/b/c', false],
  ['a/b/c', 'a/b', false],
  ['a/+', 'a/b', true],
  ['a/+', 'a', false],
  ['a/+/c', 'a//c', true],
  ['a/#', 'a/b/c', true],
  ['a/#', 'a', true],
  ['#', 'a/b', true],
  ['#', '$aws/things/x/shadow/update', false],
  ['+/things/#', '$aws/things/x/shadow/update', false],
  ['$aws/#', '$aws/things/x/shadow/update', true],
  ['$aws/things/+/shadow/update/+', '$aws/things/x/shadow/update/delta', true],
  ['$aws/things/+/shadow/update/+', '$aws/things/x/shadow/name/a/update/delta', false],
])('%s and %s: %s', (filter, topic, expected) => {
  expect(matchesFilter(filter, topic)).toBe(expected);
});

test('interest counts listeners and forgets those who left', () => {
  const interest = new Interest();
  expect(interest.in('a/b')).toBe(false);
  interest.add('one', 'a/b');
  interest.add('one', 'a/b');
  interest.add('two', 'a/+');
  expect(interest.in('a/b')).toBe(true);
  expect(interest.in('a/c')).toBe(true);
  interest.remove('two', 'a/+');
  expect(interest.in('a/c')).toBe(false);
  interest.remove('one', 'a/b');
  expect(interest.in('a/b')).toBe(false);
  interest.add('three', 'a/b');
  interest.add('three', 'x/#');
  interest.forget('three');
  expect(interest.in('a/b') || interest.in('x/y')).toBe(false);
});
