import type { Database, Statement } from 'better-sqlite3';
import type { CommandId } from '../../core/brand.ts';
import { VERDICT_OF } from '../../core/command/command.ts';
import type { Write } from '../../core/command/write.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import type { DriftEntry } from '../../core/drift/drift.ts';
import { problem } from '../../core/problem.ts';
import type { LedgerChange, NewTimelineEntry } from '../../ports/ledger.ts';
import type { Changes } from './group-commit.ts';
import { ManyRows, type Value } from './many-rows.ts';
import { columnText, driftKey, driftPlace, PLACED_THROUGH, shadowColumn, toBody } from './rows.ts';
import { firstOutcomeOf, firstStateOf, outcomeOf, stateOf } from './stored-command.ts';

/** What the author of a stale commit hears. */
export const STALE = problem('ledger_stale', 'a newer revision of the command is stored');

/** One commit has to be left out: a command with this id and the same or a newer revision stands there already. */
export class Stale extends Error {}

/** Told of every place whose drift entry is written or taken away (`driftPlace`), also if it is rolled back then. */
export type OnDrift = (place: string) => void;

/** What a rollback goes back to. */
export interface Mark {
  readonly sequence: number;
  readonly newestId: string;
}

/** Commands wait for their places until there are so many: one alone would change a page of its own. */
const UNPLACED_MAX = 2_000;
/** Each thing's take a page or two, and a page 20 us. */
const UNPLACED_THINGS_MAX = 500;

/** Several revisions of one command in one batch: the last one is stored if the first one may be. */
interface Revisions {
  readonly first: number;
  readonly command: AnyCommand;
}

/** Turns changes into rows. All of it happens inside a transaction of somebody else. */
export class ChangeWriter {
  readonly #sql: Readonly<Record<keyof typeof SQL, Statement>>;
  readonly #newCommands: ManyRows;
  readonly #newShadows: ManyRows;
  readonly #newLines: ManyRows;
  readonly #newWrites: ManyRows;
  readonly #onDrift: OnDrift;
  #sequence: number;
  /** No command has a higher id: ids rise with time, so a new one need not be looked for. */
  #newestId: string;
  /** About how many commands are not in `thing_command` yet, and of how many things: a rollback changes neither. */
  #unplaced: number;
  readonly #unplacedThings = new Set<string>();

  constructor(database: Database, onDrift: OnDrift = () => undefined) {
    this.#sql = prepared(database);
    this.#onDrift = onDrift;
    this.#sql.revision.pluck();
    this.#newCommands = new ManyRows(database, COMMAND, 13);
    this.#newShadows = new ManyRows(database, 'shadow (thing, shadow)', 2, 'ON CONFLICT DO NOTHING');
    this.#newLines = new ManyRows(database, 'timeline (sequence, command, body)', 3);
    this.#newWrites = new ManyRows(database, 'write (id, thing, shadow, open, command, body, outcome)', 7, WRITE_AGAIN);
    this.#sequence = newestSequence(database);
    this.#newestId = (database.prepare('SELECT max(id) FROM command').pluck().get() as string | null) ?? '';
    this.#unplaced = this.#sql.unplaced.pluck().get() as number;
  }

  /** The newest number given to a timeline entry. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Undefined if there is no such command. */
  storedRevision(id: CommandId): number | undefined {
    if (id > this.#newestId) return undefined;
    return this.#sql.revision.get(id) as number | undefined;
  }

  mark(): Mark {
    return { sequence: this.#sequence, newestId: this.#newestId };
  }

  rollBackTo({ sequence, newestId }: Mark): void {
    this.#sequence = sequence;
    this.#newestId = newestId;
  }

  /** Gives for each commit the number of its first timeline entry, or 0. */
  write(batch: readonly Changes[]): readonly number[] {
    const commands = new Map<string, Revisions>();
    const writes = new Map<string, Write>();
    const lines: Value[] = [];
    const firsts = batch.map((changes) => {
      const before = this.#sequence;
      for (const change of changes) {
        if (change.type === 'command') gather(commands, change.command);
        else if (change.type === 'write') writes.set(change.write.id, change.write);
        else if (change.type === 'timeline') this.#line(lines, change.entry);
        else this.#writeOther(change);
      }
      return this.#sequence === before ? 0 : before + 1;
    });
    this.#writeCommands(commands.values());
    this.#newLines.insert(lines);
    this.#writeWrites(writes.values());
    if (this.#unplaced >= UNPLACED_MAX || this.#unplacedThings.size >= UNPLACED_THINGS_MAX) this.#place();
    return firsts;
  }

  #line(lines: Value[], { commandId, ...rest }: NewTimelineEntry): void {
    this.#sequence += 1;
    lines.push(this.#sequence, commandId, toBody(rest));
  }

  #writeCommands(all: Iterable<Revisions>): void {
    const [rows, shadows]: [Value[], Value[]] = [[], []];
    for (const { first, command } of all) {
      if (first > 1 && this.#update(command, first)) continue;
      const { id, ref, status, policy, createdAt, endedAt, revision } = command;
      if (id <= this.#newestId && this.#sql.find.get(id) !== undefined) throw new Stale(id);
      const [thing, shadow] = [ref.thingName, shadowColumn(ref)];
      rows.push(id, thing, shadow, status, liveness(command), columnText(command.author), createdAt);
      rows.push(
        policy.expiresAt,
        endedAt ?? null,
        revision,
        toBody(command),
        command.parentId ?? null,
        firstStateOf(command),
      );
      if (command.kind === 'shadow') shadows.push(thing, shadow);
      if (id > this.#newestId) this.#newestId = id;
      this.#unplaced += 1;
      this.#unplacedThings.add(thing);
    }
    this.#newCommands.insert(rows);
    this.#newShadows.insert(shadows);
  }

  #place(): void {
    this.#sql.place.run();
    this.#sql.placed.run();
    this.#unplaced = 0;
    this.#unplacedThings.clear();
  }

  /** Nearly every later revision finds its row and is newer than it; only then is there no need to look first. */
  #update(command: AnyCommand, first: number): boolean {
    const { id, status, policy, endedAt, revision } = command;
    const [live, state] = [liveness(command), stateOf(command)];
    const [{ advance, update }, { expiresAt }] = [this.#sql, policy];
    // Open before and after, and no other end: two indexes need not be touched.
    if (live === 2 && advance.run(status, revision, state, id, first, expiresAt).changes === 1) return true;
    return update.run(status, live, expiresAt, endedAt ?? null, revision, state, id, first).changes === 1;
  }

  #writeWrites(all: Iterable<Write>): void {
    const rows: Value[] = [];
    for (const write of all) {
      const open = write.state === 'open' ? 1 : 0;
      if (open === 0 && this.#sql.closeWrite.run(outcomeOf(write), write.id).changes === 1) continue;
      const { id, ref, commandIds } = write;
      rows.push(id, ref.thingName, shadowColumn(ref), open, commandIds[0] ?? '', toBody(write), firstOutcomeOf(write));
    }
    this.#newWrites.insert(rows);
  }

  #writeOther(change: Exclude<LedgerChange, { type: 'command' | 'timeline' | 'write' }>): void {
    const sql = this.#sql;
    switch (change.type) {
      case 'sequence':
        sql.sequence.run(change.thingName, change.key, change.number);
        return;
      case 'view':
        sql.view.run(change.view.ref.thingName, shadowColumn(change.view.ref), toBody(change.view));
        return;
      case 'presence':
        sql.presence.run(change.presence.thingName, toBody(change.presence));
        return;
      case 'drift':
        return this.#drift(change.entry);
      case 'drift_gone':
        this.#onDrift(driftPlace(change.ref, change.field));
        sql.driftGone.run(...driftKey(change.ref, change.field));
        return;
      case 'flapped': {
        const { field, flaps, version } = change.flapped;
        sql.flapped.run(...driftKey(change.ref, field), flaps, version);
        return;
      }
      case 'ignore_rule':
        sql.rule.run(columnText(change.rule.id), toBody(change.rule));
        return;
      case 'ignore_rule_gone':
        sql.ruleGone.run(columnText(change.id));
        return;
      case 'idempotency':
        sql.idempotency.run(columnText(change.record.key), change.record.commandId, toBody(change.record));
        return;
    }
  }

  #drift(entry: DriftEntry): void {
    this.#onDrift(driftPlace(entry.ref, entry.field));
    this.#sql.drift.run(
      ...driftKey(entry.ref, entry.field),
      entry.cause,
      entry.author === undefined ? null : columnText(entry.author),
      entry.firstSeenAt,
      entry.flaps,
      entry.ignoredBy === undefined ? 0 : 1,
      entry.acknowledged === undefined ? 0 : 1,
      entry.endedCommandId ?? null,
      toBody(entry),
    );
  }
}

function gather(commands: Map<string, Revisions>, command: AnyCommand): void {
  const known = commands.get(command.id);
  if (known !== undefined && known.command.revision >= command.revision) throw new Stale(command.id);
  commands.set(command.id, { first: known?.first ?? command.revision, command });
}

/** 2 open, 1 ended but evidence or a guarded write can still change it, 0 settled. */
function liveness(command: AnyCommand): 0 | 1 | 2 {
  const { status } = command;
  if (VERDICT_OF[status] === 'pending') return 2;
  const isOwed = command.kind === 'shadow' && command.endResult === 'not_yet';
  return status === 'timed_out' || status === 'expired' || isOwed ? 1 : 0;
}

/** Pruning can take the newest entries away, and a number is never given twice: it leaves the newest in `meta`. */
function newestSequence(database: Database): number {
  const sql = `SELECT max(coalesce((SELECT max(sequence) FROM timeline), 0),
                          coalesce((SELECT value FROM meta WHERE key = 'sequence'), 0))`;
  return database.prepare(sql).pluck().get() as number;
}

function prepared(database: Database): Record<keyof typeof SQL, Statement> {
  const statements = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(statements) as Record<keyof typeof SQL, Statement>;
}

const COMMAND = `command (id, thing, shadow, status, live, author, created_at,
                          expires_at, ended_at, revision, body, parent, state)`;

const WRITE_AGAIN = `ON CONFLICT (id) DO UPDATE SET open = excluded.open, body = excluded.body, outcome = excluded.outcome`;

const SQL = {
  find: 'SELECT 1 FROM command WHERE id = ?',
  revision: 'SELECT revision FROM command WHERE id = ?',
  // By number: of a row that is found by a key that might find several, SQLite first makes a list in a table of its own.
  update: `UPDATE command SET status = ?, live = ?, expires_at = ?, ended_at = ?, revision = ?, state = ?
           WHERE number = (SELECT number FROM command WHERE id = ?) AND revision < ?`,
  advance: `UPDATE command SET status = ?, revision = ?, state = ?
            WHERE number = (SELECT number FROM command WHERE id = ?) AND revision < ? AND expires_at = ?`,
  unplaced: `SELECT count(*) FROM command WHERE number > ${PLACED_THROUGH}`,
  place: `INSERT INTO thing_command SELECT thing, id, number FROM command WHERE number > ${PLACED_THROUGH}
          ORDER BY thing, id`,
  placed: "UPDATE meta SET value = (SELECT max(number) FROM command) WHERE key = 'placed_through'",
  sequence: `INSERT INTO direct_sequence (thing, key, number) VALUES (?, ?, ?)
             ON CONFLICT (thing, key) DO UPDATE SET number = excluded.number`,
  closeWrite: 'UPDATE write SET open = 0, outcome = ? WHERE id = ?',
  view: `INSERT INTO shadow (thing, shadow, view) VALUES (?, ?, ?)
         ON CONFLICT (thing, shadow) DO UPDATE SET view = excluded.view`,
  presence: 'INSERT INTO presence (thing, body) VALUES (?, ?) ON CONFLICT (thing) DO UPDATE SET body = excluded.body',
  // Not OR REPLACE: it would take the old row away without telling the triggers that count.
  drift: `INSERT INTO drift
            (thing, shadow, field, cause, author, first_seen_at, flaps, ignored, acknowledged, ended_command, body)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (thing, shadow, field) DO UPDATE SET cause = excluded.cause, author = excluded.author,
            first_seen_at = excluded.first_seen_at, flaps = excluded.flaps, ignored = excluded.ignored,
            acknowledged = excluded.acknowledged, ended_command = excluded.ended_command, body = excluded.body`,
  driftGone: 'DELETE FROM drift WHERE thing = ? AND shadow = ? AND field = ?',
  flapped: `INSERT INTO flapped (thing, shadow, field, flaps, version) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (thing, shadow, field) DO UPDATE SET flaps = excluded.flaps, version = excluded.version`,
  rule: 'INSERT INTO ignore_rule (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body',
  ruleGone: 'DELETE FROM ignore_rule WHERE id = ?',
  idempotency: `INSERT INTO idempotency (key, command, body) VALUES (?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET command = excluded.command, body = excluded.body`,
} as const;
