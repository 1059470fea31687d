import { visible } from './escape-html.ts';
import type { DriftRow } from './drift-row.ts';

/**
 * Drift as CSV (RFC 4180, CRLF, a header line). Every cell is quoted, and a cell that a spreadsheet would run as a
 * formula starts with an apostrophe: device-reported strings are data, whatever they look like.
 */
export function driftCsv(rows: readonly DriftRow[]): string {
  const lines = rows.map((row) => COLUMNS.map((column) => cell(String(row[column]))).join(','));
  return [COLUMNS.map((column) => cell(column)).join(','), ...lines, ''].join('\r\n');
}

const COLUMNS = [
  'shadow',
  'field',
  'desired',
  'reported',
  'cause',
  'why',
  'todo',
  'firstSeenAt',
  'lastAgreedAt',
  'flaps',
  'author',
  'commandId',
  'note',
] as const satisfies readonly (keyof DriftRow)[];

function cell(text: string): string {
  const plain = visible(text);
  const safe = /^\s*[=+\-@|]/.test(plain) ? `'${plain}` : plain;
  return `"${safe.replaceAll('"', '""')}"`;
}
