import { describe, expect, test } from 'vitest';
import { parseJson, parseJsonText } from '../../../src/protocol/json-text.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const codeOf = (text: string, limits?: { bytesMax: number; depthMax: number }) => {
  const parsed = parseJson(bytes(text), limits);
  return parsed.ok ? 'ok' : parsed.problem.code;
};

describe('untrusted JSON', () => {
  test.each<{ when: string; text: string; code: string }>([
    { when: 'it is fine', text: '{"a":[1,{"b":null}]}', code: 'ok' },
    { when: 'it is empty', text: '', code: 'invalid_json' },
    { when: 'it is cut off', text: '{"a":', code: 'invalid_json' },
    { when: 'a number overflows to Infinity', text: '{"a":{"b":1e400}}', code: 'invalid_json' },
    { when: 'a negative number overflows', text: '[-1e400]', code: 'invalid_json' },
    { when: 'a string holds NUL', text: '{"a":"x\\u0000y"}', code: 'invalid_json' },
    { when: 'a key holds NUL', text: '{"\\u0000":1}', code: 'invalid_json' },
    { when: 'a string holds half a surrogate pair', text: '{"a":"\\ud800"}', code: 'invalid_json' },
    { when: 'it is nested 33 levels deep', text: '['.repeat(33) + ']'.repeat(33), code: 'too_deep' },
    { when: 'it is nested 32 levels deep', text: '['.repeat(32) + ']'.repeat(32), code: 'ok' },
    { when: 'it starts with a byte order mark', text: '\ufeff{}', code: 'invalid_json' },
  ])('is $code when $when', ({ text, code }) => expect(codeOf(text)).toBe(code));

  test('is invalid_json when the bytes are no UTF-8', () => {
    const parsed = parseJson(new Uint8Array([0x22, 0xff, 0x22]));
    expect(parsed.ok ? 'ok' : parsed.problem.code).toBe('invalid_json');
  });

  test('is payload_too_large one byte above the limit, and read at the limit', () => {
    expect(codeOf('"12345678"', { bytesMax: 10, depthMax: 4 })).toBe('ok');
    expect(codeOf('"123456789"', { bytesMax: 10, depthMax: 4 })).toBe('payload_too_large');
  });

  test('B-03: does not overflow the stack at a million levels', () => {
    const levels = 1_000_000;
    const parsed = parseJsonText('['.repeat(levels) + ']'.repeat(levels));
    expect(parsed.ok ? 'ok' : parsed.problem.code).toBe('too_deep');
  });

  test('B-01, B-02: keeps __proto__ as a plain own key and touches no prototype', () => {
    const parsed = parseJsonText('{"__proto__":{"polluted":true},"constructor":1}');
    expect(parsed.ok && Object.keys(parsed.value as object)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('names the member that holds what is wrong', () => {
    const parsed = parseJsonText('{"a":{"speed":1e999}}');
    expect(parsed.ok ? undefined : parsed.problem.at).toBe('/speed');
  });
});
