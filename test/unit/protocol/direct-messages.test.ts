import { expect, test } from 'vitest';
import { epochMs } from '../../../src/core/brand.ts';
import type { DirectRequest, DirectResponse } from '../../../src/core/direct/messages.ts';
import type { JsonObject } from '../../../src/core/json/json.ts';
import {
  parseDirectRequest,
  parseDirectResponse,
  printDirectRequest,
  printDirectResponse,
} from '../../../src/protocol/direct-messages.ts';

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

const request: DirectRequest = {
  id: '019a9f00-0000-7000-8000-000000000001',
  name: 'unlock',
  args: { visitor: 'Ada' },
  issuedAt: epochMs(1_000),
  expiresAt: epochMs(301_000),
  attempt: 2,
  sequence: { key: 'motor', number: 3 },
  group: 'hall',
  cancel: true,
};
const response: DirectResponse = {
  id: request.id,
  status: 'rejected',
  progress: { percent: 50, code: 'half', text: 'half way' },
  result: [1, null],
  problem: { code: 'out_of_order', message: 'after 1 comes 2' },
  state: { running: false },
  sequence: { key: 'motor', number: 1 },
};

test('a request reads as it was printed', () =>
  expect(parseDirectRequest(bytes(printDirectRequest(request)))).toEqual({ ok: true, value: request }));

test('a response reads as it was printed', () => {
  const printed = printDirectResponse(response);
  expect(printed.ok && parseDirectResponse(bytes(printed.value))).toEqual({ ok: true, value: response });
});

test('members that are not known are ignored, and optional ones may be missing', () =>
  expect(parseDirectResponse(bytes({ id: 'a', status: 'accepted', mood: 'good' }))).toEqual({
    ok: true,
    value: { id: 'a', status: 'accepted' },
  }));

test('a key __proto__ in arguments is an ordinary one', () => {
  const read = parseDirectRequest(
    bytes(`{"id":"a","name":"go","args":{"__proto__":{"x":1}},
    "issuedAt":1,"expiresAt":2,"attempt":1,"__proto__":{"cancel":true}}`),
  );
  expect(read.ok && Object.keys(read.value.args)).toEqual(['__proto__']);
  expect(read.ok && read.value.cancel).toBeUndefined();
});

const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });

test.each<[string, unknown, string]>([
  ['no JSON', '{', 'invalid_json'],
  ['a list', [], 'invalid_json'],
  ['an id with other characters', { ...request, id: 'a/b' }, 'invalid_request'],
  ['a name with other characters', { ...request, name: 'a/b' }, 'invalid_request'],
  ['arguments that are a list', { ...request, args: [] }, 'invalid_request'],
  ['an instant that is text', { ...request, expiresAt: 'now' }, 'invalid_request'],
  ['a number below 1', { ...request, sequence: { key: 'k', number: 0 } }, 'invalid_request'],
  ['a number above what is exact', { ...request, sequence: { key: 'k', number: 2 ** 53 } }, 'invalid_request'],
  ['a cancel that is false', { ...request, cancel: false }, 'invalid_request'],
  ['deep arguments', { ...request, args: nested(40) as JsonObject }, 'too_deep'],
  ['large arguments', { ...request, args: { text: 'x'.repeat(101 * 1024) } }, 'payload_too_large'],
  ['a large message', { ...request, mood: 'x'.repeat(130 * 1024) }, 'payload_too_large'],
])('a request is refused: %s', (_, message, code) =>
  expect(parseDirectRequest(bytes(message))).toMatchObject({ ok: false, problem: { code } }),
);

test.each<[string, unknown, string]>([
  ['no status', { id: 'a' }, 'invalid_request'],
  ['a status of its own', { id: 'a', status: 'done' }, 'invalid_request'],
  ['more than all of it', { id: 'a', status: 'in_progress', progress: { percent: 101 } }, 'invalid_request'],
  ['a problem without a code', { id: 'a', status: 'failed', problem: { message: 'no' } }, 'invalid_request'],
  ['a long code', { id: 'a', status: 'failed', problem: { code: 'x'.repeat(65), message: '' } }, 'invalid_request'],
  ['a large result', { id: 'a', status: 'succeeded', result: 'x'.repeat(101 * 1024) }, 'payload_too_large'],
])('a response is refused: %s', (_, message, code) =>
  expect(parseDirectResponse(bytes(message))).toMatchObject({ ok: false, problem: { code } }),
);

test('a log of 100 KB travels, a larger one is not printed', () => {
  const fits: DirectResponse = { id: 'a', status: 'succeeded', result: 'x'.repeat(100 * 1024 - 2) };
  const printed = printDirectResponse(fits);
  expect(printed.ok && parseDirectResponse(bytes(printed.value))).toEqual({ ok: true, value: fits });
  expect(printDirectResponse({ ...fits, result: 'x'.repeat(100 * 1024) })).toMatchObject({
    problem: { code: 'payload_too_large', at: '/result' },
  });
});
