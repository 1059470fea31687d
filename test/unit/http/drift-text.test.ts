import { expect, test } from 'vitest';
import type { JsonValue } from '../../../src/core/json/json.ts';
import { driftPageText, driftView } from '../../../src/http/views/drift.ts';
import { aDrift, T0 } from '../../support/ledger-fixtures.ts';

const entries = [
  aDrift('heater-1', '/targetC'),
  aDrift('heater-1/config', '/a~1b', {
    desired: JSON.parse('{"__proto__":1,"text":"\\"\\u2028\\ud800"}') as JsonValue,
    acknowledged: { by: 'ops', at: T0 },
    lastAgreedAt: T0,
  }),
];
const counts = {
  fields: 2,
  shadows: 2,
  byCause: { stuck: 2 },
  ignored: 0,
  acknowledged: 1,
  byAge: { underHour: 0, underDay: 2, underWeek: 0, older: 0 },
};

test('a printed page is the page as JSON, also when its rows were printed before', () => {
  for (let time = 0; time < 2; time += 1) {
    const items = entries.map(driftView);
    expect(driftPageText({ items: [] })).toBe('{"items":[]}');
    expect(driftPageText({ items: entries })).toBe(JSON.stringify({ items }));
    expect(driftPageText({ items: entries, next: 'a"b' }, counts)).toBe(JSON.stringify({ counts, items, next: 'a"b' }));
  }
});
