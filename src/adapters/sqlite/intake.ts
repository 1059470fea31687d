import type { Database, Statement } from 'better-sqlite3';
import type { CommandId } from '../../core/brand.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok } from '../../core/result.ts';
import type { IdempotencyRecord } from '../../ports/ledger.ts';
import { STALE, type ChangeWriter } from './change-writer.ts';
import type { Changes, CommitResult } from './group-commit.ts';
import { fromBody, toBody } from './rows.ts';

/** What may be taken of a batch; nothing is stored or remembered yet. */
export interface Admission {
  readonly results: readonly CommitResult[];
  readonly commits: readonly Changes[];
  /** The commits as one JSON array. */
  readonly text: string;
}

/**
 * Small commits are stored as one row each time, which costs a page or two instead of a dozen, and filed into the tables
 * together a little later, when nobody waits. They are durable in between: a start files what it finds here.
 *
 * A commit that was taken has been acknowledged, so filing must not refuse it: what could be refused (a stale revision,
 * a value that is no JSON) is found out before. This object knows what stands in the row and not yet in the tables.
 */
export class Intake {
  readonly #changes: ChangeWriter;
  readonly #insert: Statement<[string]>;
  readonly #clear: Statement<[]>;
  readonly #left: Statement<[], string>;
  #commits: Changes[] = [];
  #lines = 0;
  #commands = new Map<CommandId, AnyCommand>();
  #idempotency = new Map<string, IdempotencyRecord>();

  constructor(database: Database, changes: ChangeWriter) {
    this.#changes = changes;
    this.#insert = database.prepare('INSERT INTO intake (changes) VALUES (?)');
    this.#clear = database.prepare('DELETE FROM intake');
    this.#left = database.prepare<[], string>('SELECT changes FROM intake ORDER BY number').pluck();
  }

  /** Takes up what the process before this one acknowledged and did not come to file. Throws what is wrong with it. */
  load(): void {
    this.#remember(this.#left.all().flatMap((text) => fromBody<Changes[]>(text)));
  }

  /** Commits that are not filed yet, oldest first. */
  get commits(): readonly Changes[] {
    return this.#commits;
  }

  /** Timeline entries among them: their numbers are given, but stand in no row yet. */
  get lines(): number {
    return this.#lines;
  }

  command(id: CommandId): AnyCommand | undefined {
    return this.#commands.get(id);
  }

  idempotency(key: string): IdempotencyRecord | undefined {
    return this.#idempotency.get(key);
  }

  admit(batch: readonly Changes[]): Admission {
    const [commits, texts, revisions]: [Changes[], string[], Map<CommandId, number>] = [[], [], new Map()];
    let sequence = this.#changes.sequence + this.#lines;
    const results = batch.map((changes): CommitResult => {
      const own = this.#revisionsAfter(changes, revisions);
      if (typeof own === 'string') return fail({ ...STALE, at: own });
      try {
        texts.push(toBody(changes));
      } catch (cause) {
        return fail(problem('internal', 'the ledger cannot store this', { cause }));
      }
      commits.push(changes);
      for (const [id, revision] of own) revisions.set(id, revision);
      const first = sequence + 1;
      sequence += linesIn(changes);
      return ok({ firstSequence: sequence < first ? 0 : first });
    });
    return { results, commits, text: `[${texts.join(',')}]` };
  }

  /** Inside a transaction of somebody else. */
  insert({ text }: Admission): void {
    this.#insert.run(text);
  }

  /** What was admitted is durable. */
  taken({ commits }: Admission): void {
    this.#remember(commits);
  }

  /** Inside the transaction that files everything. */
  clear(): void {
    this.#clear.run();
  }

  /** All of it stands in the tables. */
  filed(): void {
    this.#commits = [];
    this.#lines = 0;
    this.#commands = new Map();
    this.#idempotency = new Map();
  }

  #remember(commits: readonly Changes[]): void {
    for (const changes of commits) {
      this.#commits.push(changes);
      this.#lines += linesIn(changes);
      for (const change of changes) {
        if (change.type === 'command') this.#commands.set(change.command.id, change.command);
        else if (change.type === 'idempotency') this.#idempotency.set(change.record.key, change.record);
      }
    }
  }

  /** The revisions that the commands of a commit have after it, or the id of the one whose revision is not new. */
  #revisionsAfter(changes: Changes, earlier: ReadonlyMap<CommandId, number>): Map<CommandId, number> | CommandId {
    const own = new Map<CommandId, number>();
    for (const change of changes) {
      if (change.type !== 'command') continue;
      const { id, revision } = change.command;
      const known =
        own.get(id) ?? earlier.get(id) ?? this.#commands.get(id)?.revision ?? this.#changes.storedRevision(id);
      if (known !== undefined && known >= revision) return id;
      own.set(id, revision);
    }
    return own;
  }
}

function linesIn(changes: Changes): number {
  return changes.reduce((count, { type }) => (type === 'timeline' ? count + 1 : count), 0);
}
