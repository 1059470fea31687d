import { describe, expect, test } from 'vitest';
import { epochMs } from '../../../src/core/brand.ts';
import { driftCsv } from '../../../src/report/drift-csv.ts';
import { driftPage } from '../../../src/report/drift-page.ts';
import { driftRow, type DriftFacts } from '../../../src/report/drift-row.ts';
import { duration } from '../../../src/report/duration.ts';
import { escapeHtml, visible } from '../../../src/report/escape-html.ts';

const NOW = epochMs(Date.parse('2026-11-20T12:00:00Z'));

function entry(changes: Partial<DriftFacts> = {}): DriftFacts {
  return {
    shadow: 'heater-1/climate',
    field: '/targetC',
    desired: 22,
    reported: 19,
    differs: true,
    cause: 'stuck',
    firstSeenAt: new Date(NOW - 90_000).toISOString(),
    flaps: 0,
    ...changes,
  };
}

const HOSTILE = `</td><script>alert(1)</script><img src=x onerror="alert('2')">\u202egpj.exe\u0007`;

describe('a drift row', () => {
  test('says the device’s own code and words where it gave any, else what the cause means', () => {
    expect(driftRow(entry({ detail: { code: 'valve_jammed', message: 'no movement' } }), NOW).why).toBe(
      'valve_jammed: no movement',
    );
    expect(driftRow(entry(), NOW).why).toContain('still differs');
  });

  test('tells age, owner and what to do', () => {
    const row = driftRow(entry({ author: 'ann' }), NOW);
    expect(row).toMatchObject({
      shadow: 'heater-1/climate',
      since: '1 min 30 s',
      author: 'ann',
      desired: '22',
      reported: '19',
    });
    expect(row.todo).not.toBe('');
  });
});

describe('a row that an ended command holds', () => {
  const held = entry({ differs: false, cause: 'refused' });

  test('says that the wish was taken back', () => {
    expect(driftRow(held, NOW)).toMatchObject({
      causeWord: 'was refused, no longer asked for',
      todo: expect.stringContaining('taken back'),
    });
  });

  test('names the open command that asks for it again instead', () => {
    const row = driftRow({ ...held, openCommandId: 'c-2' }, NOW);
    expect(row.causeWord).toBe('was refused, asked for again');
    expect(row.todo).toMatch(/^Command c-2 asks for it again and is still open/);
  });
});

describe('E-01, E-03, E-15: the HTML report', () => {
  const page = (entries: DriftFacts[]) =>
    driftPage({
      rows: entries.map((one) => driftRow(one, NOW)),
      madeAt: NOW,
      source: 'http://127.0.0.1:8080',
      ignored: 1,
      acknowledged: 0,
    });

  test('shows a hostile value, author and message as text and holds no script', () => {
    const html = page([
      entry({
        reported: HOSTILE,
        author: HOSTILE,
        detail: { code: HOSTILE, message: HOSTILE },
        field: `/${HOSTILE}`,
      }),
    ]);
    expect(html).not.toMatch(/<script|<img|onerror="/i);
    expect(html).not.toContain('\u202e');
    expect(html).toContain('&lt;script&gt;');
  });

  test('forbids script and every request by its own policy', () => {
    expect(page([])).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  test('says so when nothing differs', () => expect(page([])).toContain('Nothing differs.'));
});

describe('E-07: the CSV report', () => {
  test.each(['=1+1', '+1', '-1+cmd', '@SUM(A1)', ' =x', '|calc'])('%j is no formula in a spreadsheet', (author) => {
    const csv = driftCsv([driftRow(entry({ author }), NOW)]);
    expect(csv).toContain(`"'${author}"`);
  });

  test('quotes quotes and keeps one line per entry whatever a string holds', () => {
    const csv = driftCsv([driftRow(entry({ author: 'a"b\r\nc' }), NOW)]);
    expect(csv.split('\r\n')).toHaveLength(3);
    expect(csv).toContain('"a""b\\u000d\\u000ac"');
  });
});

test.each([
  [0, 'now'],
  [999, 'now'],
  [12_000, '12 s'],
  [90_000, '1 min 30 s'],
  [3_600_000, '1 h'],
  [3_605_000, '1 h'],
  [97_200_000, '1 d 3 h'],
  [-5, 'now'],
])('%i ms reads %s', (length, words) => expect(duration(length)).toBe(words));

test.each([
  ['a & b', 'a &amp; b'],
  [`"'\``, '&quot;&#39;&#96;'],
  ['\u200bx', '\\u200bx'],
])('%j is %j in HTML', (text, html) => expect(escapeHtml(text)).toBe(html));

test('half a surrogate pair and tag characters are shown as escapes', () =>
  expect(visible('\ud800 \u{e0041}')).toBe('\\ud800 \\u{e0041}'));
