/**
 * Plain tables that fit the terminal: two spaces between columns, no frames, so that they can be cut with awk and pasted
 * into a mail. Cells are text that is already safe (`forTerminal`); colour is applied after measuring.
 */
export interface Column {
  readonly title: string;
  /** Takes what is left, and is cut with an ellipsis when there is too little. At most one or two per table. */
  readonly flexible?: boolean;
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
  const widths = fit(columns, natural(columns, cells), width);
  const line = (row: readonly Cell[]) =>
    row
      .map(({ text, paint = (plain) => plain }, index) => {
        const room = widths[index] ?? 0;
        const shown = cut(text, room);
        const padding = ' '.repeat(Math.max(0, room - displayWidth(shown)));
        if (columns[index]?.align === 'right') return padding + paint(shown);
        return paint(shown) + (index === row.length - 1 ? '' : padding);
      })
      .join('  ');
  const head = line(columns.map(({ title }) => ({ text: title, paint: header })));
  return [head, ...cells.map(line)].map((text) => text.trimEnd()).join('\n');
}

function natural(columns: readonly Column[], rows: readonly (readonly Cell[])[]): number[] {
  return columns.map(({ title }, index) =>
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row[index]?.text ?? '')), title.length),
  );
}

/** Takes what is too much from the flexible columns, the widest first, down to a width that still says something. */
function fit(columns: readonly Column[], widths: number[], width: number): number[] {
  const fitted = [...widths];
  const total = () => fitted.reduce((sum, each) => sum + each, 0) + 2 * (fitted.length - 1);
  const flexible = columns.flatMap(({ flexible: yes }, index) => (yes === true ? [index] : []));
  while (total() > width) {
    const widest = flexible.reduce<number | undefined>(
      (best, index) => (best === undefined || (fitted[index] ?? 0) > (fitted[best] ?? 0) ? index : best),
      undefined,
    );
    if (widest === undefined || (fitted[widest] ?? 0) <= FLEXIBLE_WIDTH_MIN) break;
    fitted[widest] = (fitted[widest] ?? 0) - 1;
  }
  return fitted;
}

const FLEXIBLE_WIDTH_MIN = 12;

function cut(text: string, room: number): string {
  if (displayWidth(text) <= room) return text;
  let used = 0;
  let kept = '';
  for (const { segment } of SEGMENTER.segment(text)) {
    const wide = segmentWidth(segment);
    if (used + wide > room - 1) break;
    used += wide;
    kept += segment;
  }
  return `${kept}…`;
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
