import { expect, test } from 'vitest';
import type { JsonValue } from '../../../../src/core/json/json.ts';
import type { FieldAnnotations } from '../../../../src/core/model/model.ts';
import { modelEqual } from '../../../../src/core/model/model-equal.ts';

test.each<{
  when: string;
  desired: JsonValue;
  reported: JsonValue | undefined;
  annotations?: FieldAnnotations;
  equal: boolean;
}>([
  { when: 'nothing was reported', desired: 1, reported: undefined, equal: false },
  { when: 'both are null', desired: null, reported: null, equal: true },
  { when: 'numbers have another form', desired: 1.0, reported: 1, equal: true },
  { when: 'zero has another sign', desired: 0, reported: -0, equal: true },
  { when: 'types differ', desired: 1, reported: '1', equal: false },
  { when: 'true is not 1', desired: true, reported: 1, equal: false },
  { when: 'members stand in another order', desired: { a: 1, b: 2 }, reported: { b: 2, a: 1 }, equal: true },
  { when: 'a member is missing', desired: { a: 1, b: 2 }, reported: { a: 1 }, equal: false },
  { when: 'an array is reordered', desired: [1, 2], reported: [2, 1], equal: false },
  {
    when: 'an unordered array is reordered',
    desired: [1, 2, 2],
    reported: [2, 1, 2],
    annotations: { unordered: true },
    equal: true,
  },
  {
    when: 'an unordered array has other counts',
    desired: [1, 2, 2],
    reported: [1, 1, 2],
    annotations: { unordered: true },
    equal: false,
  },
  {
    when: 'a float lost digits (B17) and no tolerance is declared',
    desired: 21.3,
    reported: 21.299999237060547,
    equal: false,
  },
  {
    when: 'a float lost digits (B17) within the tolerance',
    desired: 21.3,
    reported: 21.299999237060547,
    annotations: { tolerance: { absolute: 0.001 } },
    equal: true,
  },
  {
    when: 'the difference is the tolerance itself',
    desired: 21.3,
    reported: 21.2,
    annotations: { tolerance: { absolute: 0.1 } },
    equal: true,
  },
  {
    when: 'the difference is beyond it',
    desired: 21.3,
    reported: 21.1,
    annotations: { tolerance: { absolute: 0.1 } },
    equal: false,
  },
  {
    when: 'a relative tolerance holds',
    desired: -200,
    reported: -190,
    annotations: { tolerance: { relative: 0.05 } },
    equal: true,
  },
  {
    when: 'a relative tolerance is exceeded',
    desired: 200,
    reported: 189,
    annotations: { tolerance: { relative: 0.05 } },
    equal: false,
  },
  { when: 'the device rounds to its step', desired: 21.3, reported: 21.5, annotations: { step: 0.5 }, equal: true },
  {
    when: 'the device is more than half a step away',
    desired: 21.2,
    reported: 21.5,
    annotations: { step: 0.5 },
    equal: false,
  },
  {
    when: 'a tolerance meets a string',
    desired: '5',
    reported: '5.0',
    annotations: { tolerance: { absolute: 1 } },
    equal: false,
  },
])('$equal when $when', ({ desired, reported, annotations = {}, equal }) =>
  expect(modelEqual({ desired, reported, annotations })).toBe(equal),
);
