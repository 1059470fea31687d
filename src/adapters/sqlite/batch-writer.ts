import type { Database, Statement } from 'better-sqlite3';
import { VERDICT_OF, type Command } from '../../core/command/command.ts';
import type { Write } from '../../core/command/write.ts';
import type { DriftEntry } from '../../core/drift/drift.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok } from '../../core/result.ts';
import type { LedgerChange, NewTimelineEntry } from '../../ports/ledger.ts';
import { failureOf } from './failure.ts';
import type { Changes, CommitResult } from './group-commit.ts';
import { columnText, shadowColumn, toBody } from './rows.ts';

/** Called at named places of a batch, for tests that end the process there. */
export type LedgerHook = (place: 'ledger.before_store' | 'ledger.before_sync' | 'ledger.after_sync') => void;

/** Thrown inside a batch to leave one commit; never leaves this file. */
class Stale extends Error {}

/**
 * Stores batches of commits, each batch one transaction.
 *
 * Nothing in a batch normally fails, so the first attempt goes without savepoints. When one commit has to be left out
 * (a stale revision, or a mistake of ours that breaks one commit and must not break its neighbours), the batch is
 * rolled back and stored again with a savepoint around each.
 */
export class BatchWriter {
  readonly #database: Database;
  readonly #path: string;
  readonly #hook: LedgerHook;
  readonly #sql: ReturnType<typeof prepare>;
  #sequence: number;

  constructor(database: Database, path: string, hook: LedgerHook = () => undefined) {
    this.#database = database;
    this.#path = path;
    this.#hook = hook;
    this.#sql = prepare(database);
    this.#sequence = newestSequence(database);
  }

  /** The newest number given to a timeline entry. */
  get sequence(): number {
    return this.#sequence;
  }

  store(batch: readonly Changes[]): readonly CommitResult[] {
    try {
      return this.#transaction(() => batch.map((changes) => this.#apply(changes)));
    } catch (error) {
      if (failureOf(error, this.#path) !== undefined) throw error;
      return this.#transaction(() => batch.map((changes) => this.#applyAlone(changes)));
    }
  }

  #transaction(work: () => readonly CommitResult[]): readonly CommitResult[] {
    const sequence = this.#sequence;
    try {
      this.#sql.begin.run();
      this.#hook('ledger.before_store');
      const results = work();
      this.#hook('ledger.before_sync');
      this.#sql.commit.run();
      this.#hook('ledger.after_sync');
      return results;
    } catch (error) {
      this.#sequence = sequence;
      // Some failures roll back by themselves.
      if (this.#database.inTransaction) this.#sql.rollback.run();
      throw error;
    }
  }

  #applyAlone(changes: Changes): CommitResult {
    const sequence = this.#sequence;
    this.#sql.savepoint.run();
    try {
      const result = this.#apply(changes);
      this.#sql.release.run();
      return result;
    } catch (error) {
      if (failureOf(error, this.#path) !== undefined) throw error;
      this.#sequence = sequence;
      this.#sql.rollbackTo.run();
      this.#sql.release.run();
      return error instanceof Stale
        ? fail(problem('ledger_stale', 'a newer revision of the command is stored', { at: error.message }))
        : fail(problem('internal', 'the ledger cannot store this', { cause: error }));
    }
  }

  #apply(changes: Changes): CommitResult {
    const before = this.#sequence;
    for (const change of changes) this.#applyChange(change);
    return ok({ firstSequence: this.#sequence === before ? 0 : before + 1 });
  }

  #applyChange(change: LedgerChange): void {
    const sql = this.#sql;
    switch (change.type) {
      case 'command':
        return this.#command(change.command);
      case 'timeline':
        return this.#timeline(change.entry);
      case 'write':
        return this.#write(change.write);
      case 'view':
        sql.view.run(change.view.ref.thingName, shadowColumn(change.view.ref), toBody(change.view));
        return;
      case 'presence':
        sql.presence.run(change.presence.thingName, toBody(change.presence));
        return;
      case 'drift':
        return this.#drift(change.entry);
      case 'drift_gone':
        sql.driftGone.run(change.ref.thingName, shadowColumn(change.ref), columnText(change.field));
        return;
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

  /** Nearly every later revision finds its row and is newer than it; only then is there no need to look first. */
  #command(command: Command): void {
    const { id, ref, status, policy, endedAt, revision } = command;
    const [live, body] = [liveness(command), toBody(command)];
    const ended = endedAt ?? null;
    if (revision > 1) {
      // Open before and after, and no other end: two indexes need not be touched.
      const steady =
        live === 2 && this.#sql.advance.run(status, revision, body, id, revision, policy.expiresAt).changes;
      if (steady === 1) return;
      const { changes } = this.#sql.update.run(status, live, policy.expiresAt, ended, revision, body, id, revision);
      if (changes > 0) return;
    }
    if (this.#sql.find.get(id) !== undefined) throw new Stale(id);
    const [thing, shadow, author] = [ref.thingName, shadowColumn(ref), columnText(command.author)];
    const { createdAt } = command;
    const found = [createdAt, policy.expiresAt, ended, revision, body, command.parentId ?? null] as const;
    this.#sql.insert.run(id, thing, shadow, status, live, author, ...found);
    this.#sql.shadow.run(thing, shadow);
  }

  #timeline({ commandId, ...rest }: NewTimelineEntry): void {
    this.#sequence += 1;
    this.#sql.timeline.run(this.#sequence, commandId, toBody(rest));
  }

  #write(write: Write): void {
    const open = write.state === 'open' ? 1 : 0;
    const [thing, shadow] = [write.ref.thingName, shadowColumn(write.ref)];
    this.#sql.write.run(write.id, thing, shadow, open, write.commandIds[0] ?? '', toBody(write));
  }

  #drift(entry: DriftEntry): void {
    this.#sql.drift.run(
      entry.ref.thingName,
      shadowColumn(entry.ref),
      columnText(entry.field),
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

/** 2 open, 1 ended but evidence or a guarded write can still change it, 0 settled. */
function liveness({ status, endResult }: Command): 0 | 1 | 2 {
  if (VERDICT_OF[status] === 'pending') return 2;
  return status === 'timed_out' || status === 'expired' || endResult === 'not_yet' ? 1 : 0;
}

/** Pruning can take the newest entries away, and a number is never given twice: it leaves the newest in `meta`. */
function newestSequence(database: Database): number {
  const sql = `SELECT max(coalesce((SELECT max(sequence) FROM timeline), 0),
                          coalesce((SELECT value FROM meta WHERE key = 'sequence'), 0))`;
  return database.prepare(sql).pluck().get() as number;
}

function prepare(database: Database): Record<StatementName, Statement> {
  return Object.fromEntries(Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)])) as Record<
    StatementName,
    Statement
  >;
}

type StatementName = keyof typeof SQL;

const SQL = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  savepoint: 'SAVEPOINT one',
  release: 'RELEASE one',
  rollbackTo: 'ROLLBACK TO one',
  find: 'SELECT 1 FROM command WHERE id = ?',
  insert: `INSERT INTO command (id, thing, shadow, status, live, author, created_at, expires_at, ended_at, revision, body, parent)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  update: `UPDATE command SET status = ?, live = ?, expires_at = ?, ended_at = ?, revision = ?, body = ?
           WHERE id = ? AND revision < ?`,
  advance: 'UPDATE command SET status = ?, revision = ?, body = ? WHERE id = ? AND revision < ? AND expires_at = ?',
  shadow: 'INSERT INTO shadow (thing, shadow) VALUES (?, ?) ON CONFLICT DO NOTHING',
  timeline: 'INSERT INTO timeline (sequence, command, body) VALUES (?, ?, ?)',
  write: `INSERT INTO write (id, thing, shadow, open, command, body) VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET open = excluded.open, body = excluded.body`,
  view: `INSERT INTO shadow (thing, shadow, view) VALUES (?, ?, ?)
         ON CONFLICT (thing, shadow) DO UPDATE SET view = excluded.view`,
  presence: 'INSERT INTO presence (thing, body) VALUES (?, ?) ON CONFLICT (thing) DO UPDATE SET body = excluded.body',
  drift: `INSERT OR REPLACE INTO drift
            (thing, shadow, field, cause, author, first_seen_at, flaps, ignored, acknowledged, ended_command, body)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  driftGone: 'DELETE FROM drift WHERE thing = ? AND shadow = ? AND field = ?',
  rule: 'INSERT INTO ignore_rule (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body',
  ruleGone: 'DELETE FROM ignore_rule WHERE id = ?',
  idempotency: `INSERT INTO idempotency (key, command, body) VALUES (?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET command = excluded.command, body = excluded.body`,
} as const;
