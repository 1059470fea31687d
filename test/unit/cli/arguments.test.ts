import { describe, expect, test } from 'vitest';
import { parseDuration, spokenDuration } from '../../../src/cli/arguments/duration.ts';
import { parseFieldValues } from '../../../src/cli/arguments/field-values.ts';
import { parseShadowArgument } from '../../../src/cli/arguments/shadow-argument.ts';

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1h30m', 5_400_000],
  ])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toEqual({ ok: true, value: ms }));

  test.each(['', '5', 's', '-5s', '5 s', '1e3s', '0s', '5weeks', '99999999d', '5s!', '５s'])('%j is refused', (text) =>
    expect(parseDuration(text)).toMatchObject({ ok: false, problem: { code: 'invalid_usage' } }),
  );

  test.each([
    [-5, '0 ms'],
    [850, '850 ms'],
    [3_249, '3.2 s'],
    [12_000, '12 s'],
    [200_000, '3 m 20 s'],
    [11_520_000, '3 h 12 m'],
    [86_400_000, '1 d'],
    [90_061_000, '1 d 1 h'],
  ])('%i ms is spoken as %s', (ms, words) => expect(spokenDuration(ms)).toBe(words));
});

describe('/field=value', () => {
  test.each([
    { texts: ['/targetC=21.5'], patch: { targetC: 21.5 } },
    { texts: ['/a/b=1', '/a/c=x'], patch: { a: { b: 1, c: 'x' } } },
    { texts: ['/on=true', '/mode=eco', '/label=two words'], patch: { on: true, mode: 'eco', label: 'two words' } },
    { texts: ['/n="5"'], patch: { n: '5' } },
    { texts: ['/gone=null'], patch: { gone: null } },
    { texts: ['/empty='], patch: { empty: '' } },
    { texts: ['/list=[1,2]', '/o={"x":{"y":1}}'], patch: { list: [1, 2], o: { x: { y: 1 } } } },
    { texts: ['/url=a=b'], patch: { url: 'a=b' } },
    { texts: ['/a~1b=1', '/m~0n=2'], patch: { 'a/b': 1, 'm~n': 2 } },
  ])('$texts is the patch $patch', ({ texts, patch }) =>
    expect(parseFieldValues(texts)).toEqual({ ok: true, value: patch }),
  );

  test('__proto__ stays an ordinary key', () => {
    const parsed = parseFieldValues(['/__proto__/admin=true']);
    expect(parsed.ok && Object.keys(parsed.value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test.each([
    { texts: ['targetC=1'], code: 'invalid_pointer' },
    { texts: ['/a~2=1'], code: 'invalid_pointer' },
    { texts: ['/a'], code: 'invalid_usage' },
    { texts: ['=1'], code: 'invalid_pointer' },
    { texts: ['/a=1', '/a=2'], code: 'invalid_usage' },
    { texts: ['/a=1', '/a/b=2'], code: 'invalid_usage' },
    { texts: ['/a={b:1}'], code: 'invalid_usage' },
    { texts: ['/a=1e400'], code: 'invalid_usage' },
  ])('$texts is refused as $code', ({ texts, code }) =>
    expect(parseFieldValues(texts)).toMatchObject({ ok: false, problem: { code } }),
  );
});

describe('a shadow on the command line', () => {
  test.each([
    { thing: 'heater', shadow: undefined, ref: { thingName: 'heater' } },
    { thing: 'bulb', shadow: 'light', ref: { thingName: 'bulb', shadowName: 'light' } },
    { thing: 'bulb/light', shadow: undefined, ref: { thingName: 'bulb', shadowName: 'light' } },
    { thing: 'bulb/light', shadow: 'light', ref: { thingName: 'bulb', shadowName: 'light' } },
  ])('$thing with --shadow $shadow', ({ thing, shadow, ref }) =>
    expect(parseShadowArgument(thing, shadow)).toEqual({ ok: true, value: ref }),
  );

  test.each([
    { thing: 'a+b', shadow: undefined, code: 'invalid_thing_name' },
    { thing: '', shadow: undefined, code: 'invalid_thing_name' },
    { thing: 'bulb/', shadow: undefined, code: 'invalid_shadow_name' },
    { thing: 'bulb', shadow: '', code: 'invalid_shadow_name' },
    { thing: 'bulb/light', shadow: 'other', code: 'invalid_usage' },
    { thing: 'bulb/a/b', shadow: undefined, code: 'invalid_shadow_name' },
  ])('$thing with --shadow $shadow is refused as $code', ({ thing, shadow, code }) =>
    expect(parseShadowArgument(thing, shadow)).toMatchObject({ ok: false, problem: { code } }),
  );
});
