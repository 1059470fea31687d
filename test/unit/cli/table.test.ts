import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayWidth, table } from '../../../src/cli/output/table.ts';

const columns = [{ title: 'NAME' }, { title: 'WHY', flexible: true }, { title: 'ID' }];
const rows = [
  ['a', 'the device said that it is out of range, and will not try again', '42'],
  ['bulb', 'x', '7'],
];

describe('a table', () => {
  test('aligns its columns and leaves no blanks at the ends', () => {
    expect(
      table({
        columns: [{ title: 'A' }, { title: 'B' }],
        rows: [
          ['one', 'x'],
          ['2', ''],
        ],
        width: 80,
      }),
    ).toBe('A    B\none  x\n2');
  });

  test('cuts the flexible column so that every line fits the terminal', () => {
    const lines = table({ columns, rows, width: 40 }).split('\n');
    expect(lines.map(displayWidth).filter((width) => width > 40)).toEqual([]);
    expect(lines[1]).toContain('…');
    expect(lines[1]).toMatch(/ {2}42$/);
  });

  test('cuts nothing where the output is no terminal', () => {
    expect(table({ columns, rows, width: Infinity })).toContain('will not try again');
  });

  test('lets the wrapped column go on in the next line, words whole where they fit', () => {
    const text = table({
      columns: [{ title: 'A' }, { title: 'WHY', flexible: true, wrap: true }],
      rows: [
        ['one', 'it was refused by 0123456789abcdef0123456789abcdef'],
        ['two', ''],
      ],
      width: 29,
    });
    expect(text).toBe('A    WHY\none  it was refused by\n     0123456789abcdef01234567\n     89abcdef\ntwo');
  });

  test('measures wide characters as two cells and pads before it paints', () => {
    const painted = table({
      columns: [{ title: 'A' }, { title: 'B' }],
      rows: [
        [{ text: '厨房', paint: (text) => `<${text}>` }, 'x'],
        ['abcd', 'y'],
      ],
      width: 80,
    });
    expect(painted).toBe('A     B\n<厨房>  x\nabcd  y');
  });

  test('aligns numbers to the right', () => {
    const text = table({
      columns: [{ title: 'N', align: 'right' }, { title: 'B' }],
      rows: [
        ['5', 'x'],
        ['100', 'y'],
      ],
      width: 80,
    });
    expect(text).toBe('  N  B\n  5  x\n100  y');
  });

  test('puts a column that has to stay whole below its row, only where there is too little room', () => {
    const withId = [{ title: 'NAME' }, { title: 'ID', below: true }];
    const one = [['a lamp in the hall', '0123456789']];
    expect(table({ columns: withId, rows: one, width: 40 })).toBe(
      'NAME                ID\na lamp in the hall  0123456789',
    );
    expect(table({ columns: withId, rows: one, width: 20 })).toBe('NAME\na lamp in the hall\n  0123456789');
  });

  test('fits the terminal, whatever its cells hold', () => {
    const cell = fc.oneof(fc.string({ maxLength: 60 }), fc.constant('厨房の暖房'.repeat(6)));
    const column = fc.record(
      {
        title: fc.constantFrom('NAME', 'A', 'SOMETHING LONG'),
        flexible: fc.boolean(),
        wrap: fc.boolean(),
        below: fc.boolean(),
      },
      { requiredKeys: ['title'] },
    );
    fc.assert(
      fc.property(
        fc.array(column, { minLength: 1, maxLength: 8 }).chain((shape) =>
          fc.record({
            shape: fc.constant(shape),
            cells: fc.array(fc.array(cell, { minLength: shape.length, maxLength: shape.length }), { maxLength: 4 }),
            width: fc.integer({ min: 60, max: 120 }),
          }),
        ),
        ({ shape, cells, width }) => {
          const lines = table({ columns: shape, rows: cells, width }).split('\n');
          expect(lines.filter((line) => displayWidth(line) > width)).toEqual([]);
        },
      ),
    );
  });
});
