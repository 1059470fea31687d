import { describe, expect, test } from 'vitest';
import { readReconcilerMember } from '../../../src/protocol/reconciler-member.ts';
import { parseShadowMessage, type ShadowMessageKind } from '../../../src/protocol/shadow-messages.ts';

const parse = (kind: ShadowMessageKind, body: unknown) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const parsed = parseShadowMessage(kind, new TextEncoder().encode(text));
  return parsed.ok ? parsed.value : `${parsed.problem.code} ${parsed.problem.at ?? ''}`.trim();
};

describe('what the shadow service says', () => {
  test('accepted is a patch: nulls are kept, a cleared state is told apart (R35, R64)', () => {
    expect(
      parse('update/accepted', { state: { desired: null, reported: { a: null } }, version: 3, timestamp: 7 }),
    ).toEqual({
      kind: 'update/accepted',
      state: { desired: null, reported: { a: null } },
      metadata: {},
      version: 3,
      timestamp: 7,
    });
    expect(parse('update/accepted', { state: null, version: 4 })).toMatchObject({ state: { cleared: true } });
  });

  test('get gives a snapshot without the virtual delta, tokens are kept', () => {
    const state = { desired: { a: 1 }, reported: { a: 2 }, delta: { a: 1 } };
    const metadata = { desired: { a: { timestamp: 5 } } };
    expect(parse('get/accepted', { state, metadata, version: 9, timestamp: 6, clientToken: 't' })).toEqual({
      kind: 'get/accepted',
      state: { desired: { a: 1 }, reported: { a: 2 } },
      metadata,
      version: 9,
      timestamp: 6,
      clientToken: 't',
    });
  });

  test('documents may have no previous (R65)', () => {
    const current = { state: {}, metadata: {}, version: 1 };
    expect(parse('update/documents', { previous: null, current, timestamp: 1 })).toEqual({
      kind: 'update/documents',
      current,
      timestamp: 1,
    });
  });

  test('rejected needs no timestamp (R68)', () => {
    expect(parse('get/rejected', { code: 404, message: "No shadow exists with name: 'x'" })).toEqual({
      kind: 'get/rejected',
      code: 404,
      message: "No shadow exists with name: 'x'",
    });
  });

  test.each<[ShadowMessageKind, unknown, string]>([
    ['update/accepted', '{', 'invalid_json'],
    ['update/accepted', '[]', 'invalid_json'],
    ['update/accepted', { state: {} }, 'invalid_request /version'],
    ['update/accepted', { state: 5, version: 1 }, 'invalid_request /state'],
    ['update/accepted', { state: { desired: [] }, version: 1 }, 'invalid_request /state'],
    ['update/delta', { state: null, version: 1 }, 'invalid_request /state'],
    ['update/delta', { state: {}, version: -1 }, 'invalid_request /version'],
    ['update/delta', { state: {}, version: 1.5 }, 'invalid_request /version'],
    ['update/documents', { version: 1 }, 'invalid_request /current'],
    ['get/accepted', { version: 1 }, 'invalid_request /state'],
    ['delete/accepted', {}, 'invalid_request /version'],
    ['get/rejected', { message: 'x' }, 'invalid_request /code'],
  ])('%s with %j is %s', (kind, body, expected) => expect(parse(kind, body)).toBe(expected));
});

describe('the reconciler member', () => {
  test('is absent on a plain device', () => expect(readReconcilerMember({ on: true })).toBeUndefined());
  test('is absent where nothing was reported', () => expect(readReconcilerMember(undefined)).toBeUndefined());
  test('gives its fields by pointer', () => {
    const fields = { '/fan': { outcome: 'refused', code: 'out_of_range', message: '1 to 5' } };
    expect(readReconcilerMember({ reconciler: { version: 41, model: 'heater@2', fields } })).toEqual({
      version: 41,
      model: 'heater@2',
      fields: new Map([['/fan', fields['/fan']]]),
      unreadable: [],
    });
  });
  test('keeps readable entries beside an unreadable one', () => {
    const fields = { '/a': { outcome: 'maybe' }, '/b': { outcome: 'applying' }, c: { outcome: 'applying' } };
    const read = readReconcilerMember({ reconciler: { version: 1, fields } });
    expect(read).toMatchObject({ fields: new Map([['/b', { outcome: 'applying' }]]), unreadable: ['/a', 'c'] });
  });
  test.each([5, null, {}, { version: '1' }, { version: -1 }, { version: 1, fields: [] }])(
    '%j is unreadable',
    (reconciler) => expect(readReconcilerMember({ reconciler })).toBe('unreadable'),
  );
});
