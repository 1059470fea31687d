import { describe, expect, test } from 'vitest';
import { forTerminal, jsonForTerminal, valueForTerminal } from '../../../src/cli/output/terminal.ts';

describe('E-04, E-05, B-10: text for a terminal', () => {
  test.each([
    { what: 'an ANSI sequence', text: '\u001b[2Jgone', shown: '\\u001b[2Jgone' },
    { what: 'an OSC 52 clipboard write', text: '\u001b]52;c;ZXZpbA==\u0007', shown: '\\u001b]52;c;ZXZpbA==\\u0007' },
    { what: 'a C1 control sequence introducer', text: '\u009b31m', shown: '\\u009b31m' },
    { what: 'line breaks and tabs', text: 'a\r\n\tb', shown: 'a\\r\\n\\tb' },
    { what: 'a right-to-left override', text: 'exe\u202etxt', shown: 'exe\\u202etxt' },
    { what: 'bidirectional isolates', text: '\u2066x\u2069', shown: '\\u2066x\\u2069' },
    { what: 'a zero-width joiner and a byte order mark', text: 'a\u200db\ufeff', shown: 'a\\u200db\\ufeff' },
    { what: 'a line separator', text: 'a\u2028b', shown: 'a\\u2028b' },
    { what: 'half a surrogate pair', text: 'a\ud800b', shown: 'a\\ud800b' },
    { what: 'an invisible tag character', text: 'a\u{e0041}b', shown: 'a\\u{e0041}b' },
    { what: 'delete', text: 'a\u007fb', shown: 'a\\u007fb' },
    { what: 'letters of any script and emoji', text: 'Küche 厨房 مطبخ 💡', shown: 'Küche 厨房 مطبخ 💡' },
  ])('shows $what as $shown', ({ text, shown }) => expect(forTerminal(text)).toBe(shown));

  test('JSON stays the same JSON when its controls are escaped', () => {
    const value = { 'k\u202e': ['\u001b[0m', '\u009b', '\u{e0041}', 'ü'] };
    const text = jsonForTerminal(value, 2);

    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(JSON.parse(text)).toEqual(value);
  });

  test.each([
    { value: 'eco', shown: 'eco' },
    { value: '21', shown: '"21"' },
    { value: 'true', shown: '"true"' },
    { value: 21, shown: '21' },
    { value: null, shown: 'null' },
    { value: ['a'], shown: '["a"]' },
    { value: 'a\u001bb', shown: '"a\\u001bb"' },
    { value: undefined, shown: '-' },
  ])('a value $value reads as $shown', ({ value, shown }) => expect(valueForTerminal(value)).toBe(shown));
});
