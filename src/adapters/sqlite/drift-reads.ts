import type { Database } from 'better-sqlite3';
import type { EpochMs } from '../../core/brand.ts';
import type { DriftCause, DriftEntry } from '../../core/drift/drift.ts';
import { ok, type Result } from '../../core/result.ts';
import type { DriftCounts, DriftFilter, Page, PageRequest } from '../../ports/ledger.ts';
import { anyScope, scopeCondition } from './scope-condition.ts';
import { columnText, cursorOf, fromBody, pageOf, parseCursor, type CursorValue } from './rows.ts';
import { StatementCache } from './statement-cache.ts';

type Sort = NonNullable<DriftFilter['sort']>;

interface DriftRow {
  readonly thing: string;
  readonly shadow: string;
  readonly field: string;
  readonly first_seen_at: number;
  readonly flaps: number;
  readonly body: string;
}

/** The columns that order a list; the last three make every row's place unique. */
const ORDERS: Readonly<Record<Sort, { readonly by?: 'first_seen_at' | 'flaps'; readonly down: boolean }>> = {
  oldest: { by: 'first_seen_at', down: false },
  newest: { by: 'first_seen_at', down: true },
  thing: { down: false },
  flaps: { by: 'flaps', down: true },
};

const LISTED = 'SELECT thing, shadow, field, first_seen_at, flaps, body FROM drift';

export class DriftReads {
  readonly #sql: StatementCache;

  constructor(database: Database) {
    this.#sql = new StatementCache(database);
  }

  drift(filter: DriftFilter, page: PageRequest): Result<Page<DriftEntry>> {
    const { by, down } = ORDERS[filter.sort ?? 'oldest'];
    const columns = [...(by === undefined ? [] : [by]), 'thing', 'shadow', 'field'];
    const where = [...matching(filter), ...listed(filter)];
    if (page.cursor !== undefined) {
      const shape = columns.map((column) => (column === by ? 'number' : 'string'));
      const values = parseCursor(page.cursor, shape);
      if (!values.ok) return values;
      where.push([
        `(${columns.join(', ')}) ${down ? '<' : '>'} (${columns.map(() => '?').join(', ')})`,
        ...values.value,
      ]);
    }
    const order = columns.map((column) => `${column} ${down ? 'DESC' : 'ASC'}`).join(', ');
    const rows = this.#sql.all<DriftRow>(`${LISTED} ${clause(where)} ORDER BY ${order} LIMIT ?`, [
      ...valuesOf(where),
      page.limit + 1,
    ]);
    return ok(
      pageOf(
        rows,
        page,
        ({ body }) => fromBody<DriftEntry>(body),
        ({ thing, shadow, field, ...row }) => cursorOf([...(by === undefined ? [] : [row[by]]), thing, shadow, field]),
      ),
    );
  }

  driftCounts(filter: DriftFilter, olderThan?: readonly EpochMs[]): DriftCounts {
    const all = matching(filter);
    const shown = [...all, ...listed(filter)];
    const older = (olderThan ?? []).map((_, at) => `, sum(first_seen_at < ?) AS older${at}`).join('');
    type Row = { readonly cause: DriftCause; readonly fields: number } & { readonly [older: `older${number}`]: number };
    const causes = this.#sql.all<Row>(
      `SELECT cause, count(*) AS fields${older} FROM drift ${clause(shown)} GROUP BY cause ORDER BY cause`,
      [...(olderThan ?? []), ...valuesOf(shown)],
    );
    const shadows = `SELECT count(*) FROM (SELECT DISTINCT thing, shadow FROM drift ${clause(shown)})`;
    const hidden = (column: 'ignored' | 'acknowledged'): number =>
      this.#sql.pluck<number>(`SELECT count(*) FROM drift ${clause([...all, [`${column} = 1`]])}`, valuesOf(all)) ?? 0;
    return {
      fields: causes.reduce((sum, { fields }) => sum + fields, 0),
      shadows: this.#sql.pluck<number>(shadows, valuesOf(shown)) ?? 0,
      byCause: Object.fromEntries(causes.map(({ cause, fields }) => [cause, fields])),
      ...(olderThan === undefined
        ? {}
        : { olderThan: olderThan.map((_, at) => causes.reduce((sum, row) => sum + (row[`older${at}`] ?? 0), 0)) }),
      ignored: hidden('ignored'),
      acknowledged: hidden('acknowledged'),
    };
  }
}

type Condition = readonly [sql: string, ...values: CursorValue[]];

/** Sorts after every name that starts with the same letters: names are ASCII (R3). */
const LAST = '\u{10FFFF}';

function matching(filter: DriftFilter): Condition[] {
  const where: Condition[] = [];
  if (filter.thingName !== undefined) where.push(['thing = ?', filter.thingName]);
  if (filter.thingPrefix !== undefined) {
    where.push(['thing >= ? AND thing < ?', filter.thingPrefix, filter.thingPrefix + LAST]);
  }
  if (filter.thingPattern !== undefined) where.push(['thing GLOB ?', filter.thingPattern]);
  if (filter.within !== undefined) where.push(anyScope(filter.within));
  if (filter.scope !== undefined) where.push(scopeCondition(filter.scope));
  if (filter.shadowName !== undefined) where.push(['shadow = ?', filter.shadowName ?? '']);
  if (filter.field !== undefined) where.push(['field = ?', columnText(filter.field)]);
  if (filter.causes !== undefined) {
    where.push([`cause IN (${filter.causes.map(() => '?').join(', ')})`, ...filter.causes]);
  }
  if (filter.author !== undefined) where.push(['author = ?', columnText(filter.author)]);
  if (filter.firstSeenBefore !== undefined) where.push(['first_seen_at < ?', filter.firstSeenBefore]);
  return where;
}

function listed(filter: DriftFilter): Condition[] {
  return [
    ...(filter.includeIgnored === true ? [] : [['ignored = 0'] as const]),
    ...(filter.includeAcknowledged === true ? [] : [['acknowledged = 0'] as const]),
  ];
}

const clause = (where: readonly Condition[]): string =>
  where.length === 0 ? '' : `WHERE ${where.map(([sql]) => sql).join(' AND ')}`;

const valuesOf = (where: readonly Condition[]): CursorValue[] => where.flatMap(([, ...values]) => values);
