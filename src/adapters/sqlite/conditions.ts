import type { CursorValue } from './rows.ts';

/** One condition of a WHERE, with the values of its question marks. */
export type Condition = readonly [sql: string, ...values: CursorValue[]];

/** The whole WHERE; nothing without a condition. */
export const clause = (where: readonly Condition[]): string =>
  where.length === 0 ? '' : `WHERE ${where.map(([sql]) => sql).join(' AND ')}`;

export const valuesOf = (where: readonly Condition[]): CursorValue[] => where.flatMap(([, ...values]) => values);
