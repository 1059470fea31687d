import type { Database } from 'better-sqlite3';
import type { EpochMs } from '../../core/brand.ts';
import type { DriftCause, DriftEntry } from '../../core/drift/drift.ts';
import { ok, type Result } from '../../core/result.ts';
import type { DriftCounts, DriftFilter, Page, PageRequest } from '../../ports/ledger.ts';
import { clause, valuesOf, type Condition } from './conditions.ts';
import { anyScope, scopeCondition } from './scope-condition.ts';
import type { KnownRows } from './known-rows.ts';
import { columnText, cursorOf, driftKey, DRIFT_PLACE, pageOf, parseCursor, type CursorValue } from './rows.ts';
import { StatementCache } from './statement-cache.ts';

type Sort = NonNullable<DriftFilter['sort']>;

/** The columns that order a list; the last three make every row's place unique. */
const ORDERS: Readonly<Record<Sort, { readonly by?: 'first_seen_at' | 'flaps'; readonly down: boolean }>> = {
  oldest: { by: 'first_seen_at', down: false },
  newest: { by: 'first_seen_at', down: true },
  thing: { down: false },
  flaps: { by: 'flaps', down: true },
};

/** The values of the columns that order a list by, as they are stored. */
function placeOf(entry: DriftEntry, by: 'first_seen_at' | 'flaps' | undefined): readonly CursorValue[] {
  const key = driftKey(entry.ref, entry.field);
  if (by === undefined) return key;
  return [by === 'flaps' ? entry.flaps : entry.firstSeenAt, ...key];
}

export class DriftReads {
  readonly #sql: StatementCache;
  readonly #known: KnownRows<DriftEntry>;

  /** Whoever writes drift lets `known` forget its place. */
  constructor(database: Database, known: KnownRows<DriftEntry>) {
    this.#sql = new StatementCache(database);
    this.#known = known;
  }

  drift(filter: DriftFilter, page: PageRequest): Result<Page<DriftEntry>> {
    const { by, down } = ORDERS[filter.sort ?? 'oldest'];
    const columns = [...(by === undefined ? [] : [by]), 'thing', 'shadow', 'field'];
    const where = [...matching(filter), ...listed(filter)];
    if (page.cursor !== undefined) {
      const shape = columns.map((column) => (column === by ? 'number' : 'string'));
      const after = parseCursor(page.cursor, shape);
      if (!after.ok) return after;
      where.push([
        `(${columns.join(', ')}) ${down ? '<' : '>'} (${columns.map(() => '?').join(', ')})`,
        ...after.value,
      ]);
    }
    const order = columns.map((column) => `${column} ${down ? 'DESC' : 'ASC'}`).join(', ');
    const rest = `FROM drift ${clause(where)} ORDER BY ${order} LIMIT ?`;
    const values = [...valuesOf(where), page.limit + 1];
    const column = (sql: string): readonly string[] => this.#sql.column<string>(`SELECT ${sql} ${rest}`, values);
    return ok(
      pageOf(
        // The places stand in the index; a body takes another step into the table.
        this.#known.read(column(DRIFT_PLACE), () => column('body')),
        page,
        (entry) => entry,
        (entry) => cursorOf(placeOf(entry, by)),
      ),
    );
  }

  /** What is asked for without a filter is kept counted; everything else is counted along an index that has it all. */
  driftCounts(filter: DriftFilter, olderThan?: readonly EpochMs[]): DriftCounts {
    const where = matching(filter);
    const rows = where.length === 0 ? this.#kept(olderThan ?? []) : this.#counted(where, olderThan ?? []);
    const shown = rows.filter(
      ({ ignored, acknowledged }) =>
        (ignored === 0 || filter.includeIgnored === true) &&
        (acknowledged === 0 || filter.includeAcknowledged === true),
    );
    const byCause: Partial<Record<DriftCause, number>> = {};
    for (const { cause, fields } of shown) byCause[cause] = (byCause[cause] ?? 0) + fields;
    return {
      fields: total(shown),
      shadows: this.#shadows([...where, ...listed(filter)]),
      byCause,
      ...(olderThan === undefined
        ? {}
        : { olderThan: olderThan.map((_, at) => shown.reduce((sum, row) => sum + (row[`older${at}`] ?? 0), 0)) }),
      ignored: total(rows.filter(({ ignored }) => ignored === 1)),
      acknowledged: total(rows.filter(({ acknowledged }) => acknowledged === 1)),
    };
  }

  #counted(where: readonly Condition[], olderThan: readonly EpochMs[]): readonly CountRow[] {
    const older = olderThan.map((_, at) => `, sum(first_seen_at < ?) AS older${at}`).join('');
    return this.#sql.all<CountRow>(
      `SELECT cause, ignored, acknowledged, count(*) AS fields${older} FROM drift ${clause(where)} GROUP BY 1, 2, 3`,
      [...olderThan, ...valuesOf(where)],
    );
  }

  /** Whole hours from the tally, the hour in which an instant lies from the rows themselves. */
  #kept(olderThan: readonly EpochMs[]): readonly CountRow[] {
    const older = olderThan.map((_, at) => `, sum(fields) FILTER (WHERE hour < ?) AS older${at}`).join('');
    const rows = this.#sql.all<CountRow>(
      `SELECT cause, ignored, acknowledged, sum(fields) AS fields${older} FROM drift_tally GROUP BY 1, 2, 3`,
      olderThan.map((instant) => Math.floor(instant / HOUR_MS)),
    );
    for (const [at, instant] of olderThan.entries()) {
      const from = Math.floor(instant / HOUR_MS) * HOUR_MS;
      const edge = this.#sql.all<CountRow>(
        `SELECT cause, ignored, acknowledged, count(*) AS fields FROM drift INDEXED BY drift_age
         WHERE first_seen_at >= ? AND first_seen_at < ? GROUP BY 1, 2, 3`,
        [from, instant],
      );
      for (const row of rows) {
        const same = edge.find(
          ({ cause, ignored, acknowledged }) =>
            cause === row.cause && ignored === row.ignored && acknowledged === row.acknowledged,
        );
        row[`older${at}`] = (row[`older${at}`] ?? 0) + (same?.fields ?? 0);
      }
    }
    return rows;
  }

  #shadows(where: readonly Condition[]): number {
    const plain = clause(where) === LISTED_ONLY;
    const sql = plain
      ? 'SELECT count(*) FROM drift_shadow'
      : `SELECT count(*) FROM (SELECT DISTINCT thing, shadow FROM drift ${clause(where)})`;
    return this.#sql.pluck<number>(sql, valuesOf(where)) ?? 0;
  }
}

type CountRow = {
  readonly cause: DriftCause;
  readonly ignored: number;
  readonly acknowledged: number;
  readonly fields: number;
} & { [older: `older${number}`]: number | null };

const HOUR_MS = 3_600_000;
const LISTED_ONLY = 'WHERE ignored = 0 AND acknowledged = 0';

const total = (rows: readonly CountRow[]): number => rows.reduce((sum, { fields }) => sum + fields, 0);

/** Sorts after every name that starts with the same letters: names are ASCII (R3). */
const LAST = '\u{10FFFF}';

/** Which rule it was stands in the body alone; the bodies of what no rule covers are not looked into. */
const BY_RULE = "(ignored = 1 AND body ->> '$.ignoredBy.ruleId' = ?)";

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
  if (filter.ruleId !== undefined) where.push([BY_RULE, filter.ruleId]);
  return where;
}

function listed(filter: DriftFilter): Condition[] {
  return [
    ...(filter.includeIgnored === true ? [] : [['ignored = 0'] as const]),
    ...(filter.includeAcknowledged === true ? [] : [['acknowledged = 0'] as const]),
  ];
}
