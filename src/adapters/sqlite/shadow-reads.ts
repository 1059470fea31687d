import type { Database } from 'better-sqlite3';
import type { ClientToken, FieldPointer, ThingName } from '../../core/brand.ts';
import type { Command } from '../../core/command/command.ts';
import { writeIdOf, type Write } from '../../core/command/write.ts';
import type { AnyCommand, DirectCommand } from '../../core/direct/direct-command.ts';
import { directRef } from '../../core/direct/place.ts';
import type { DriftEntry, Flapped, IgnoreRule } from '../../core/drift/drift.ts';
import type { Presence } from '../../core/presence/presence.ts';
import type { ShadowRef } from '../../core/shadow/shadow-ref.ts';
import type {
  DirectRecord,
  IdempotencyRecord,
  Page,
  PageRequest,
  ShadowFilter,
  ShadowRecord,
} from '../../ports/ledger.ts';
import { splitKey } from './command-reads.ts';
import { scopeCondition } from './scope-condition.ts';
import { columnText, fromBody, pageOf, refOf, shadowColumn, textOf } from './rows.ts';
import { StatementCache } from './statement-cache.ts';
import { commandOf, writeOf, type CommandRow, type WriteRow } from './stored-command.ts';

interface BodyRow {
  readonly body: string;
}

interface RefRow {
  readonly thing: string;
  readonly shadow: string;
}

const OPEN = 'command_open WHERE live = 2';
const REVISABLE = 'command_revisable WHERE live = 1';

/** What belongs to one shadow, and the small tables read by key. */
export class ShadowReads {
  readonly #sql: StatementCache;

  constructor(database: Database) {
    this.#sql = new StatementCache(database);
  }

  shadow(ref: ShadowRef): ShadowRecord {
    const key = [ref.thingName, shadowColumn(ref)];
    const view = this.#sql.pluck<string | null>('SELECT view FROM shadow WHERE thing = ? AND shadow = ?', key) ?? null;
    return {
      ...(view === null ? {} : { view: fromBody(view) }),
      open: this.#commands(OPEN, key).filter(isShadow),
      ended: this.#commands(REVISABLE, key).filter(isShadow),
      writes: this.#sql
        .all<WriteRow>(
          'SELECT id, body, outcome FROM write INDEXED BY write_open WHERE open = 1 AND thing = ? AND shadow = ? ORDER BY id',
          key,
        )
        .map(writeOf),
      drift: this.#bodies<DriftEntry>('SELECT body FROM drift WHERE thing = ? AND shadow = ? ORDER BY field', key),
      flapped: this.#sql
        .all<Flapped>('SELECT field, flaps, version FROM flapped WHERE thing = ? AND shadow = ?', key)
        .map(({ field, ...rest }) => ({ field: textOf(field) as FieldPointer, ...rest })),
    };
  }

  direct(thingName: ThingName): DirectRecord {
    const key = [thingName, shadowColumn(directRef(thingName))];
    const sql = 'SELECT key, number FROM direct_sequence WHERE thing = ?';
    const sequences = this.#sql.all<{ key: string; number: number }>(sql, [thingName]);
    return {
      open: this.#commands(OPEN, key).filter(isDirect),
      ended: this.#commands(REVISABLE, key).filter(isDirect),
      sequences: new Map(sequences.map(({ key: name, number }) => [name, number])),
    };
  }

  shadows(page: PageRequest, { scope, thingPrefix }: ShadowFilter = {}): Page<ShadowRef> {
    const [allowed, ...patterns] = scope === undefined ? ['1'] : scopeCondition(scope);
    const from = thingPrefix === undefined ? '' : ' AND thing >= ? AND thing < ?';
    const range = thingPrefix === undefined ? [] : [thingPrefix, `${thingPrefix}\u{10FFFF}`];
    const sql = `SELECT thing, shadow FROM shadow WHERE (thing, shadow) > (?, ?)${from} AND ${allowed}
                 ORDER BY thing, shadow LIMIT ?`;
    const rows = this.#sql.all<RefRow>(sql, [...splitKey(page.cursor), ...range, ...patterns, page.limit + 1]);
    return pageOf(
      rows,
      page,
      ({ thing, shadow }) => refOf(thing, shadow),
      ({ thing, shadow }) => `${thing}/${shadow}`,
    );
  }

  presence(thingName: ThingName): Presence | undefined {
    return this.#body('SELECT body FROM presence WHERE thing = ?', thingName);
  }

  presences(page: PageRequest): Page<Presence> {
    const sql = 'SELECT body FROM presence WHERE thing > ? ORDER BY thing LIMIT ?';
    const rows = this.#bodies<Presence>(sql, [page.cursor ?? '', page.limit + 1]);
    return pageOf(
      rows,
      page,
      (presence) => presence,
      ({ thingName }) => thingName,
    );
  }

  write(token: ClientToken): Write | undefined {
    const id = writeIdOf(token);
    if (id === undefined) return undefined;
    const [row] = this.#sql.all<WriteRow>('SELECT id, body, outcome FROM write WHERE id = ?', [id]);
    return row === undefined ? undefined : writeOf(row);
  }

  idempotency(key: string): IdempotencyRecord | undefined {
    return this.#body('SELECT body FROM idempotency WHERE key = ?', columnText(key));
  }

  ignoreRules(): readonly IgnoreRule[] {
    return this.#bodies('SELECT body FROM ignore_rule ORDER BY id', []);
  }

  #commands(indexed: string, key: readonly string[]): AnyCommand[] {
    const sql = `SELECT id, body, state FROM command INDEXED BY ${indexed} AND thing = ? AND shadow = ? ORDER BY id`;
    return this.#sql.all<CommandRow>(sql, key).map(commandOf);
  }

  #bodies<T>(sql: string, values: readonly (string | number)[]): T[] {
    return this.#sql.all<BodyRow>(sql, values).map(({ body }) => fromBody<T>(body));
  }

  #body<T>(sql: string, key: string): T | undefined {
    const body = this.#sql.pluck<string>(sql, [key]);
    return body === undefined ? undefined : fromBody<T>(body);
  }
}

/** A place holds commands of one kind; the compiler cannot know. */
const isShadow = (command: AnyCommand): command is Command => command.kind === 'shadow';
const isDirect = (command: AnyCommand): command is DirectCommand => command.kind === 'direct';
