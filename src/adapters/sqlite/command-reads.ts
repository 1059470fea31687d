import type { Database } from 'better-sqlite3';
import type { CommandId, EpochMs, ThingName } from '../../core/brand.ts';
import type { TimelineEntry } from '../../core/command/command.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import type { CommandFilter, EventPage, OpenShadow, Page, PageRequest } from '../../ports/ledger.ts';
import { clause, valuesOf, type Condition } from './conditions.ts';
import { scopeCondition } from './scope-condition.ts';
import { columnText, fromBody, pageOf, PLACED_THROUGH, refOf } from './rows.ts';
import { StatementCache } from './statement-cache.ts';
import { commandOf, type CommandRow } from './stored-command.ts';

interface TimelineRow {
  readonly sequence: number;
  readonly command: string;
  readonly body: string;
}

interface OpenShadowRow {
  readonly thing: string;
  readonly shadow: string;
  readonly open: number;
  readonly expires: number;
}

/** Commands and their timelines. Every list goes by a key, so what comes and goes between pages moves nothing. */
export class CommandReads {
  readonly #sql: StatementCache;

  constructor(database: Database) {
    this.#sql = new StatementCache(database);
  }

  command(id: CommandId): AnyCommand | undefined {
    const [row] = this.#sql.all<CommandRow>('SELECT id, body, state FROM command WHERE id = ?', [id]);
    return row === undefined ? undefined : commandOf(row);
  }

  /** Newest first: ids are UUIDv7 and grow with time. */
  commands(filter: CommandFilter, page: PageRequest): Page<AnyCommand> {
    const { thingName, parentId } = filter;
    const where = conditions(filter);
    const rows =
      thingName !== undefined && parentId === undefined
        ? this.#ofThing(thingName, where, page)
        : // The planner has no statistics of a young file; both indexes give the order and hold what is filtered by.
          this.#newestFirst(
            `command INDEXED BY command_${parentId === undefined ? 'list' : 'parent'}`,
            'id',
            where,
            page,
          );
    return pageOf(rows, page, commandOf, ({ id }) => id);
  }

  /** Those that stand in their places already, and the up to two thousand that do not. */
  #ofThing(thingName: ThingName, where: readonly Condition[], page: PageRequest): readonly CommandRow[] {
    const of: Condition = ['thing_name = ?', thingName];
    const joined = 'thing_command CROSS JOIN command USING (number)';
    const placed = this.#newestFirst(joined, 'command_id', [of, ...where], page);
    const newer: readonly Condition[] = [[`number > ${PLACED_THROUGH}`], ...where, ...beyond(page, 'id')];
    const unplaced = this.#sql.all<CommandRow>(`SELECT id, body, state FROM command ${clause(newer)}`, valuesOf(newer));
    if (unplaced.length === 0) return placed;
    return [...unplaced, ...placed].sort((one, other) => (one.id < other.id ? 1 : -1)).slice(0, page.limit + 1);
  }

  #newestFirst(from: string, id: string, where: readonly Condition[], page: PageRequest): readonly CommandRow[] {
    const all = [...where, ...beyond(page, id)];
    const sql = `SELECT id, body, state FROM ${from} ${clause(all)} ORDER BY ${id} DESC LIMIT ?`;
    return this.#sql.all<CommandRow>(sql, [...valuesOf(all), page.limit + 1]);
  }

  timeline(id: CommandId): readonly TimelineEntry[] {
    const sql = 'SELECT sequence, command, body FROM timeline WHERE command = ? ORDER BY sequence';
    return this.#sql.all<TimelineRow>(sql, [id]).map(entryOf);
  }

  events(after: number, limit: number, newest: number): EventPage {
    const sql = 'SELECT sequence, command, body FROM timeline WHERE sequence > ? ORDER BY sequence LIMIT ?';
    const pruned = this.#sql.pluck<number>("SELECT value FROM meta WHERE key = 'pruned_through'", []) ?? 0;
    return {
      entries: this.#sql.all<TimelineRow>(sql, [after, limit]).map(entryOf),
      oldest: pruned + 1,
      newest,
    };
  }

  /** The index has all of it: 100,000 open commands are read without opening one. */
  openShadows(page: PageRequest): Page<OpenShadow> {
    const [thing, shadow] = splitKey(page.cursor);
    const rows = this.#sql.all<OpenShadowRow>(
      `SELECT thing, shadow, count(*) AS open, min(expires_at) AS expires FROM command INDEXED BY command_open
       WHERE live = 2 AND (thing, shadow) > (?, ?) GROUP BY thing, shadow ORDER BY thing, shadow LIMIT ?`,
      [thing, shadow, page.limit + 1],
    );
    return pageOf(
      rows,
      page,
      (row) => ({ ref: refOf(row.thing, row.shadow), open: row.open, expiresAt: row.expires as EpochMs }),
      (row) => `${row.thing}/${row.shadow}`,
    );
  }
}

const beyond = ({ cursor }: PageRequest, id: string): readonly Condition[] =>
  cursor === undefined ? [] : [[`${id} < ?`, cursor]];

function conditions(filter: CommandFilter): Condition[] {
  const where: Condition[] = [];
  if (filter.thingName !== undefined) where.push(['thing = ?', filter.thingName]);
  if (filter.shadowName !== undefined) where.push(['shadow = ?', filter.shadowName ?? '']);
  if (filter.statuses !== undefined) {
    where.push([`status IN (${filter.statuses.map(() => '?').join(', ')})`, ...filter.statuses]);
  }
  if (filter.author !== undefined) where.push(['author = ?', columnText(filter.author)]);
  if (filter.createdFrom !== undefined) where.push(['created_at >= ?', filter.createdFrom]);
  if (filter.createdBefore !== undefined) where.push(['created_at < ?', filter.createdBefore]);
  if (filter.parentId !== undefined) where.push(['parent = ?', filter.parentId]);
  if (filter.scope !== undefined) where.push(scopeCondition(filter.scope));
  return where;
}

function entryOf({ sequence, command, body }: TimelineRow): TimelineEntry {
  return {
    sequence,
    commandId: command as CommandId,
    ...fromBody<Omit<TimelineEntry, 'sequence' | 'commandId'>>(body),
  };
}

/** A shadow's key with the slash also for the classic shadow; before the first page comes the empty one. */
export function splitKey(cursor: string | undefined): readonly [thing: string, shadow: string] {
  const slash = cursor?.indexOf('/') ?? -1;
  return cursor === undefined || slash < 0 ? [cursor ?? '', ''] : [cursor.slice(0, slash), cursor.slice(slash + 1)];
}
