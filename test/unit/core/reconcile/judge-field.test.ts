import { expect, test } from 'vitest';
import { epochMs, monotonicMs } from '../../../../src/core/brand.ts';
import type { FieldAnnotations } from '../../../../src/core/model/model.ts';
import { judgeField, type Busy, type Moment, type Reading } from '../../../../src/core/reconcile/judge-field.ts';
import { DEFAULT_LIMITS } from '../../../../src/core/reconcile/limits.ts';
import { freshMemory, type FieldMemory } from '../../../../src/core/reconcile/memory.ts';

interface Case {
  readonly when: string;
  readonly memory?: Partial<FieldMemory>;
  readonly reads?: Reading;
  readonly annotations?: FieldAnnotations;
  readonly forbidden?: { code: string; message: string };
  readonly busy?: Busy;
  readonly moment?: Partial<Moment>;
  readonly expected: object;
  readonly remembers?: object;
  readonly forgets?: readonly (keyof FieldMemory)[];
}

const NOW = 1_000_000;
const SERVICE_NOW = 1_800_000_000_000;
const moment: Moment = {
  now: monotonicMs(NOW),
  checkedAt: monotonicMs(NOW - 10),
  serviceNow: epochMs(SERVICE_NOW),
  fraction: 0.5,
};
const wish = freshMemory({ desired: 5, stampS: SERVICE_NOW / 1_000 - 60 });
const retry = (dueAt: number) => ({ code: 'busy', message: 'busy', dueAt: monotonicMs(dueAt), at: epochMs(7) });
const confirmed = { confirmedAt: monotonicMs(NOW - 3_600_000) };
const refusedFor = (code: string) => ({ kind: 'listed', state: { outcome: 'refused', code } });
const listed = (outcome: string, code?: string) => ({
  kind: 'listed',
  state: code === undefined ? { outcome } : { outcome, code },
});

const reads5: Reading = { value: 5 };
const CASES: readonly Case[] = [
  { when: 'it reads the wish', reads: reads5, expected: { kind: 'converged' }, remembers: { confirmedAt: NOW } },
  {
    when: 'it reads the wish within the tolerance',
    reads: { value: 5.4 },
    annotations: { tolerance: { absolute: 0.4 } },
    expected: { kind: 'converged' },
  },
  {
    when: 'it reads the wish at last, after refusals and restarts',
    memory: { refused: { code: 'x', message: 'y' }, crashes: 2, attempts: 3 },
    reads: reads5,
    expected: { kind: 'converged' },
    remembers: { crashes: 0, attempts: 0 },
    forgets: ['refused'],
  },
  { when: 'it reads something else', expected: { kind: 'apply' } },
  { when: 'the hardware has no value', reads: { value: null }, expected: { kind: 'apply' } },
  { when: 'an apply is under way', busy: 'applying', expected: listed('applying') },
  { when: 'an apply is overdue', busy: 'overdue', expected: listed('retrying', 'adapter_timeout') },
  { when: 'the adapter is busy with another field', busy: 'elsewhere', expected: listed('retrying', 'adapter_busy') },
  {
    when: 'the adapter is busy with another field, and this one needs nothing',
    busy: 'elsewhere',
    reads: reads5,
    expected: { kind: 'converged' },
  },
  {
    when: 'it cannot be read',
    reads: { unreadable: { code: 'bus', message: 'no answer' } },
    expected: listed('retrying', 'bus'),
  },
  { when: 'only the device sets it', annotations: { owner: 'device' }, expected: refusedFor('device_owned') },
  {
    when: 'the model forbids the value',
    forbidden: { code: 'out_of_range', message: '1 to 4' },
    expected: refusedFor('out_of_range'),
  },
  { when: 'it was refused for good', memory: { refused: { code: 'no', message: 'no' } }, expected: refusedFor('no') },
  { when: 'it brought the device down three times', memory: { crashes: 3 }, expected: refusedFor('quarantined') },
  { when: 'it brought the device down twice', memory: { crashes: 2 }, expected: { kind: 'apply' } },
  {
    when: 'it takes effect at a restart',
    memory: { deferred: { until: 'restart' } },
    expected: { kind: 'listed', state: { outcome: 'deferred', until: 'restart' } },
  },
  {
    when: 'a retry is not due',
    memory: { retry: retry(NOW + 1) },
    expected: { kind: 'listed', state: { outcome: 'retrying', code: 'busy', retryAt: 7 } },
  },
  {
    when: 'a retry is due, but the wish was not checked since',
    memory: { retry: retry(NOW - 5) },
    expected: listed('retrying', 'busy'),
  },
  {
    when: 'a retry is due and the wish was checked since',
    memory: { retry: retry(NOW - 20) },
    expected: { kind: 'apply' },
  },
  {
    when: 'the adapter said done and nothing changed',
    memory: { unverified: { before: 4 } },
    reads: { value: 4 },
    expected: listed('retrying', 'not_applied'),
    remembers: { attempts: 1 },
    forgets: ['unverified'],
  },
  {
    when: 'the adapter said done and nothing changed, for the last time',
    memory: { unverified: { before: 4 }, attempts: 7 },
    reads: { value: 4 },
    expected: refusedFor('not_applied'),
  },
  {
    when: 'the adapter said done and the hardware made something else of it',
    memory: { unverified: { before: 4 } },
    reads: { value: 4.5 },
    expected: refusedFor('clamped'),
  },
  {
    when: 'somebody changed it at the device',
    memory: confirmed,
    expected: { kind: 'apply' },
  },
  {
    when: 'somebody changed it and desired is to follow',
    memory: confirmed,
    reads: { value: 9 },
    annotations: { onLocalChange: 'adopt' },
    expected: { kind: 'adopt', value: 9 },
  },
  {
    when: 'it differs and desired would follow a change by hand, but the wish was never fulfilled',
    reads: { value: 9 },
    annotations: { onLocalChange: 'adopt' },
    expected: { kind: 'apply' },
  },
  {
    when: 'somebody changed it and has it on lease',
    memory: confirmed,
    reads: { value: 9, by: 'panel' },
    annotations: { onLocalChange: 'lease', leaseMs: 1_000 },
    expected: { kind: 'listed', state: { outcome: 'overridden', by: 'panel', until: SERVICE_NOW + 1_000 } },
  },
  {
    when: 'a lease is over',
    memory: { ...confirmed, lease: { by: 'panel', endsAt: monotonicMs(NOW - 20) } },
    reads: { value: 9 },
    annotations: { onLocalChange: 'lease' },
    expected: { kind: 'apply' },
    forgets: ['lease', 'confirmedAt'],
  },
  {
    when: 'the wish is older than the field allows',
    annotations: { validForMs: 59_999 },
    expected: refusedFor('stale'),
  },
  {
    when: 'the wish is nearly too old',
    annotations: { validForMs: 60_500 },
    expected: { kind: 'apply', notAfter: NOW + 500 },
  },
  {
    when: 'the age of the wish matters and is not known',
    annotations: { validForMs: 1e9 },
    moment: { serviceNow: undefined as never },
    expected: refusedFor('stale'),
  },
  { when: 'an old wish is fulfilled', annotations: { validForMs: 1 }, reads: reads5, expected: { kind: 'converged' } },
  {
    when: 'somebody changed it back for the fifth time within a minute',
    memory: { confirmedAt: monotonicMs(NOW - 1_000), contests: 4 },
    expected: listed('retrying', 'contested'),
  },
];

test.each(CASES)('when $when the judgement is $expected', (given) => {
  const { judgement, memory } = judgeField(
    {
      memory: { ...wish, ...given.memory },
      reading: given.reads ?? { value: 4 },
      annotations: given.annotations ?? {},
      ...(given.forbidden === undefined ? {} : { forbidden: given.forbidden }),
      ...(given.busy === undefined ? {} : { busy: given.busy }),
    },
    { ...moment, ...given.moment },
    DEFAULT_LIMITS,
  );
  expect(judgement).toMatchObject(given.expected);
  expect(memory).toMatchObject(given.remembers ?? {});
  for (const gone of given.forgets ?? []) expect(memory[gone]).toBeUndefined();
});

test('looking twice gives the same answer: a converged field does not change what is remembered', () => {
  const field = { memory: wish, reading: reads5, annotations: {} };
  const first = judgeField(field, moment, DEFAULT_LIMITS);
  const again = judgeField({ ...field, memory: first.memory }, moment, DEFAULT_LIMITS);
  expect(again.memory).toBe(first.memory);
});
