/**
 * Plain tables that fit the terminal: two spaces between columns, no frames, so that they can be cut with awk and pasted
 * into a mail. Cells are text that is already safe (`forTerminal`); colour is applied after measuring.
 */
export interface Column {
  readonly title: string;
  /** Takes what is left, and is cut with an ellipsis when there is too little. At most one or two per table. */
  readonly flexible?: boolean;
  /** Of a flexible column: too long a text goes on in the next line instead of being cut. At most one per table. */
  readonly wrap?: boolean;
  /** Where the table is too wide for the terminal, this text stands whole in a line of its own below its row. */
  readonly below?: boolean;
  readonly align?: 'right';
}

export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

export function table({
  columns,
  rows,
  width,
  header = (text) => text,
}: {
  columns: readonly Column[];
  rows: readonly (readonly (string | Cell)[])[];
  /** Columns of the terminal; `Infinity` when the output is no terminal: then nothing is cut. */
  width: number;
  header?: (text: string) => string;
}): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
  const tooWide = totalOf(natural(columns, cells)) > width;
  const isBelow = (index: number) => tooWide && columns[index]?.below === true;
  const inRow = <T>(row: readonly T[]): T[] => row.filter((_, index) => !isBelow(index));
  const shownColumns = inRow(columns);
  const widths = fit(shownColumns, natural(shownColumns, cells.map(inRow)), width);
  const line = (row: readonly Cell[]) =>
    row
      .map(({ text, paint = (plain) => plain }, index) => {
        const room = widths[index] ?? 0;
        const shown = cut(text, room);
        const padding = ' '.repeat(Math.max(0, room - displayWidth(shown)));
        if (shownColumns[index]?.align === 'right') return padding + paint(shown);
        return paint(shown) + (index === row.length - 1 ? '' : padding);
      })
      .join('  ');
  const below = (row: readonly Cell[]) =>
    row.flatMap(({ text, paint = (plain) => plain }, index) =>
      isBelow(index) && text !== '' ? wrapText(text, width - 2).map((piece) => `  ${paint(piece)}`) : [],
    );
  const head = line(shownColumns.map(({ title }) => ({ text: title, paint: header })));
  const lines = cells.flatMap((row) => [...wrapped(inRow(row), shownColumns, widths).map(line), ...below(row)]);
  return [head, ...lines].map((text) => text.trimEnd()).join('\n');
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, 0) + 2 * (widths.length - 1);
}

/** One row as the lines it takes: the first has every cell, the others only the rest of the wrapped one. */
function wrapped(row: readonly Cell[], columns: readonly Column[], widths: readonly number[]): Cell[][] {
  const at = columns.findIndex(({ wrap }) => wrap === true);
  const cell = row[at];
  if (cell === undefined) return [[...row]];
  const pieces = wrapText(cell.text, widths[at] ?? 0);
  return pieces.map((text, piece) =>
    row.map((other, index) => {
      if (index === at) return { ...other, text };
      return piece === 0 ? other : { text: '' };
    }),
  );
}

/** Breaks between words; a word longer than a line is broken where the line ends. */
function wrapText(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(`${line} ${word}`) > room) {
      lines.push(line);
      line = '';
    }
    let rest = word;
    while (displayWidth(rest) > room) {
      const head = headOf(rest, room);
      lines.push(head);
      rest = rest.slice(head.length);
    }
    line = line === '' ? rest : `${line} ${rest}`;
  }
  return [...lines, line];
}

function natural(columns: readonly Column[], rows: readonly (readonly Cell[])[]): number[] {
  return columns.map(({ title }, index) =>
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row[index]?.text ?? '')), title.length),
  );
}

/**
 * Takes what is too much from the widest columns: first from the flexible ones, down to a width that still says something,
 * then, in a narrow terminal, from all.
 */
function fit(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  const fitted = [...widths];
  const spares = [
    (index: number) => {
      const column = columns[index];
      if (column?.flexible !== true) return 0;
      return (fitted[index] ?? 0) - (column.wrap === true ? WRAPPED_WIDTH_MIN : FLEXIBLE_WIDTH_MIN);
    },
    (index: number) => (fitted[index] ?? 0) - ANY_WIDTH_MIN,
  ];
  for (const spare of spares) {
    while (totalOf(fitted) > width) {
      const [widest] = columns.map((_, index) => index).sort((left, right) => spare(right) - spare(left));
      if (widest === undefined || spare(widest) <= 0) break;
      fitted[widest] = (fitted[widest] ?? 0) - 1;
    }
  }
  return fitted;
}

const WRAPPED_WIDTH_MIN = 24;
const FLEXIBLE_WIDTH_MIN = 12;
const ANY_WIDTH_MIN = 4;

function cut(text: string, room: number): string {
  return displayWidth(text) <= room ? text : `${headOf(text, room - 1)}…`;
}

/** As much of the text as fits, at least one character. */
function headOf(text: string, room: number): string {
  let used = 0;
  let kept = '';
  for (const { segment } of SEGMENTER.segment(text)) {
    used += segmentWidth(segment);
    if (kept !== '' && used > room) break;
    kept += segment;
  }
  return kept;
}

/** Terminal cells, near enough: East Asian wide characters and emoji take two, combining marks join their base. */
export function displayWidth(text: string): number {
  if (/^[\u0000-\u007f]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of SEGMENTER.segment(text)) width += segmentWidth(segment);
  return width;
}

const SEGMENTER = new Intl.Segmenter('en', { granularity: 'grapheme' });
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;

function segmentWidth(segment: string): number {
  return WIDE.test(segment) ? 2 : 1;
}
