import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { ShadowName, ThingName } from '../../core/brand.ts';
import type { ShadowRef } from '../../core/shadow/shadow-ref.ts';
import type { Page, PageRequest } from '../../ports/ledger.ts';

/**
 * JSON keeps what SQLite's UTF-8 cannot: a lone surrogate is written as its escape. `__proto__` comes back as an own
 * member, since JSON.parse defines members and does not assign them.
 */
export const toBody = (value: unknown): string => JSON.stringify(value);
export const fromBody = <T>(body: string): T => JSON.parse(body) as T;

const LONE_SURROGATE = /\p{Surrogate}/u;
const ESCAPED = '\u0001';

/** Any string as the text of a column, two different ones never the same: UTF-8 has no lone surrogates. */
export function columnText(text: string): string {
  return LONE_SURROGATE.test(text) || text.startsWith(ESCAPED) ? ESCAPED + JSON.stringify(text) : text;
}

/** Reads back what `columnText` stored. */
export function textOf(column: string): string {
  return column.startsWith(ESCAPED) ? (JSON.parse(column.slice(ESCAPED.length)) as string) : column;
}

/** The classic shadow has no name; its column is empty, which no name can be (R4). */
export const shadowColumn = (ref: ShadowRef): string => ref.shadowName ?? '';

/** Every command with this number or a lower one stands in `thing_command`. */
export const PLACED_THROUGH = "(SELECT value FROM meta WHERE key = 'placed_through')";

/** The columns that find what is kept of a field. */
export const driftKey = (ref: ShadowRef, field: string): readonly [thing: string, shadow: string, field: string] => [
  ref.thingName,
  shadowColumn(ref),
  columnText(field),
];

/** The key of a drift entry as one text: no name has a blank in it (R3, R4), and the field comes last. */
export const DRIFT_PLACE = "thing || ' ' || shadow || ' ' || field";
export const driftPlace = (ref: ShadowRef, field: string): string => driftKey(ref, field).join(' ');

export function refOf(thing: string, shadow: string): ShadowRef {
  const thingName = thing as ThingName;
  return shadow === '' ? { thingName } : { thingName, shadowName: shadow as ShadowName };
}

/** Rows read with one more than asked for, which says whether there is a next page. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  { limit }: PageRequest,
  itemOf: (row: Row) => T,
  cursorOf: (row: Row) => string,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(itemOf),
    ...(last !== undefined && rows.length > limit ? { next: cursorOf(last) } : {}),
  };
}

export type CursorValue = string | number;

export function cursorOf(values: readonly CursorValue[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/** Reads back what `cursorOf` printed. Cursors come from callers, so anything may stand there. */
export function parseCursor(cursor: string, shape: readonly ('string' | 'number')[]): Result<readonly CursorValue[]> {
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(values) && values.length === shape.length && values.every((v, i) => typeof v === shape[i])) {
      return ok(values as CursorValue[]);
    }
  } catch {
    // Falls through: whatever is wrong with it, it is not ours.
  }
  return fail(problem('invalid_request', 'the cursor is not one of this list', { at: cursor.slice(0, 64) }));
}
