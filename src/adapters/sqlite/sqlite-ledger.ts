import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Scope } from '../../core/access/decide.ts';
import type { ClientToken, CommandId, EpochMs, ThingName } from '../../core/brand.ts';
import type { TimelineEntry } from '../../core/command/command.ts';
import type { Write } from '../../core/command/write.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import type { DriftEntry, IgnoreRule } from '../../core/drift/drift.ts';
import type { Presence } from '../../core/presence/presence.ts';
import { problem, type Problem } from '../../core/problem.ts';
import { done, fail, ok, type Result } from '../../core/result.ts';
import type { ShadowRef } from '../../core/shadow/shadow-ref.ts';
import type {
  CommandFilter,
  CommitReceipt,
  DirectRecord,
  DriftCounts,
  DriftFilter,
  EventPage,
  FleetOverview,
  IdempotencyRecord,
  Ledger,
  LedgerChange,
  LedgerHealth,
  OpenShadow,
  Page,
  PageRequest,
  ShadowFilter,
  ShadowRecord,
} from '../../ports/ledger.ts';
import { SILENT, type Log } from '../../ports/log.ts';
import { BatchWriter, type LedgerHook } from './batch-writer.ts';
import { CommandReads } from './command-reads.ts';
import { DriftReads } from './drift-reads.ts';
import { failureOf, type Failure } from './failure.ts';
import { GroupCommit, type BatchReport } from './group-commit.ts';
import { checkBeside } from './integrity.ts';
import { KnownRows } from './known-rows.ts';
import { loadSqlite } from './native.ts';
import { corrupt, openDatabase, type OpenDatabase, type OpenDatabaseOptions } from './open-database.ts';
import { fleetOverview } from './overview.ts';
import { Pruner } from './prune.ts';
import { ShadowReads } from './shadow-reads.ts';

export interface SqliteLedgerOptions extends OpenDatabaseOptions {
  readonly log?: Log;
  /** For metrics: told of every batch that was tried. */
  readonly onBatch?: (batch: BatchReport) => void;
  readonly hook?: LedgerHook;
  /** How long a commit asks again while another process holds the file locked. Default 5,000. */
  readonly busyMs?: number;
}

const BUSY_MS = 5_000;
const BUSY_RETRY_MS = 20;
/** How long commits stay in the intake: long enough for a command's life on a near device to be filed in one go. */
const FILING_MS = 20;
const FILING_RETRY_MS = 200;
/** A few thousand usual entries of the drift report, so that a page that was looked at lately is not read again. */
const KNOWN_DRIFT_CHARACTERS_MAX = 1_000_000;

/** Sizes for metrics; a write-ahead log that keeps growing has a reader that never lets go (F3). */
export interface LedgerFiles {
  readonly ledgerBytes: number;
  readonly walBytes: number;
}

/** Opens the ledger, or says why not: locked, damaged, newer than this program, not writable, module not built. */
export async function openSqliteLedger(options: SqliteLedgerOptions): Promise<Result<SqliteLedger>> {
  const Sqlite = await loadSqlite();
  if (!Sqlite.ok) return Sqlite;
  const opened = openDatabase(Sqlite.value, options);
  if (!opened.ok) return opened;
  const ledger = new SqliteLedger(opened.value, options);
  const recovered = ledger.recover();
  if (!recovered.ok) {
    await ledger.close();
    return recovered;
  }
  if (opened.value.unchecked) ledger.checkBeside();
  return ok(ledger);
}

/** The ledger port on one SQLite file: write-ahead log, FULL sync, group commit, an intake for small commits. docs/adr/0004, 0006 and 0008 say why like this. */
export class SqliteLedger implements Ledger {
  readonly #opened: OpenDatabase;
  readonly #log: Log;
  readonly #busyMs: number;
  readonly #writer: BatchWriter;
  readonly #group: GroupCommit;
  readonly #commandReads: CommandReads;
  readonly #shadowReads: ShadowReads;
  readonly #driftReads: DriftReads;
  readonly #pruner: Pruner;
  /** Why nothing works any more, until a restart. */
  #refusing: Problem | undefined;
  #full = false;
  #filing: NodeJS.Timeout | undefined;
  #stopCheck: () => void = () => undefined;

  constructor(opened: OpenDatabase, options: SqliteLedgerOptions) {
    const { log = SILENT, onBatch = () => undefined, hook, busyMs = BUSY_MS } = options;
    this.#busyMs = busyMs;
    const { database, path } = opened;
    this.#opened = opened;
    this.#log = log;
    const known = new KnownRows<DriftEntry>(KNOWN_DRIFT_CHARACTERS_MAX);
    this.#writer = new BatchWriter(database, path, hook, (place) => known.forget(place));
    this.#commandReads = new CommandReads(database);
    this.#shadowReads = new ShadowReads(database);
    this.#driftReads = new DriftReads(database, known);
    this.#pruner = new Pruner(database);
    this.#group = new GroupCommit({
      store: (batch) => {
        const results = this.#writer.store(batch);
        this.#fileWithin(FILING_MS);
        return results;
      },
      failureOf: (error) => failureOf(error, path),
      onOutcome: (failure) => this.#outcome(failure),
      onBatch,
      busyMs,
    });
  }

  async commit(changes: readonly LedgerChange[]): Promise<Result<CommitReceipt>> {
    return this.#group.commit(changes);
  }

  async command(id: CommandId): Promise<Result<AnyCommand | undefined>> {
    return this.#readBeside(() => this.#writer.unfiledCommand(id) ?? this.#commandReads.command(id));
  }

  async commands(filter: CommandFilter, page: PageRequest): Promise<Result<Page<AnyCommand>>> {
    return this.#read(() => this.#commandReads.commands(filter, page));
  }

  async timeline(id: CommandId): Promise<Result<readonly TimelineEntry[]>> {
    return this.#read(() => this.#commandReads.timeline(id));
  }

  async events(after: number, limit: number): Promise<Result<EventPage>> {
    return this.#read(() => this.#commandReads.events(after, limit, this.#writer.sequence));
  }

  async idempotency(key: string): Promise<Result<IdempotencyRecord | undefined>> {
    return this.#readBeside(() => this.#writer.unfiledIdempotency(key) ?? this.#shadowReads.idempotency(key));
  }

  async write(token: ClientToken): Promise<Result<Write | undefined>> {
    return this.#read(() => this.#shadowReads.write(token));
  }

  async shadow(ref: ShadowRef): Promise<Result<ShadowRecord>> {
    return this.#read(() => this.#shadowReads.shadow(ref));
  }

  async direct(thingName: ThingName): Promise<Result<DirectRecord>> {
    return this.#read(() => this.#shadowReads.direct(thingName));
  }

  async openShadows(page: PageRequest): Promise<Result<Page<OpenShadow>>> {
    return this.#read(() => this.#commandReads.openShadows(page));
  }

  async shadows(page: PageRequest, filter?: ShadowFilter): Promise<Result<Page<ShadowRef>>> {
    return this.#read(() => this.#shadowReads.shadows(page, filter));
  }

  async presence(thingName: ThingName): Promise<Result<Presence | undefined>> {
    return this.#read(() => this.#shadowReads.presence(thingName));
  }

  async presences(page: PageRequest): Promise<Result<Page<Presence>>> {
    return this.#read(() => this.#shadowReads.presences(page));
  }

  async drift(filter: DriftFilter, page: PageRequest): Promise<Result<Page<DriftEntry>>> {
    const found = await this.#read(() => this.#driftReads.drift(filter, page));
    return found.ok ? found.value : found;
  }

  async driftCounts(filter: DriftFilter, olderThan?: readonly EpochMs[]): Promise<Result<DriftCounts>> {
    return this.#read(() => this.#driftReads.driftCounts(filter, olderThan));
  }

  async ignoreRules(): Promise<Result<readonly IgnoreRule[]>> {
    return this.#read(() => this.#shadowReads.ignoreRules());
  }

  async overview(scope?: Scope): Promise<Result<FleetOverview>> {
    return this.#read(() => fleetOverview(this.#opened.database, scope));
  }

  async prune(endedBefore: EpochMs, limit: number): Promise<Result<number>> {
    return this.#read(() => this.#pruner.prune(endedBefore, limit, this.#writer.sequence));
  }

  async health(): Promise<LedgerHealth> {
    const waiting = this.#group.waiting;
    if (this.#refusing !== undefined) {
      const state = this.#refusing.code === 'ledger_corrupt' ? 'corrupt' : 'unavailable';
      return { state, detail: this.#refusing.message, waiting };
    }
    return this.#full ? { state: 'full', detail: 'the disk of the ledger is full', waiting } : { state: 'ok', waiting };
  }

  async close(): Promise<void> {
    this.#stopCheck();
    this.#group.close(CLOSED);
    if (this.#refusing === undefined) this.#file();
    clearTimeout(this.#filing);
    this.#refusing ??= CLOSED;
    const { database, lock } = this.#opened;
    try {
      database.close();
    } catch (error) {
      this.#log.error({ err: error }, 'the ledger did not close cleanly');
    }
    lock.close();
  }

  files(): LedgerFiles {
    const size = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    return { ledgerBytes: size(this.#opened.path), walBytes: size(`${this.#opened.path}-wal`) };
  }

  /** Files what the process before this one left in the intake. What only lacks room or a lock is filed later. */
  recover(): Result<void> {
    const loaded = this.#readBeside(() => this.#writer.load());
    if (!loaded.ok) return loaded;
    const failure = this.#file();
    if (failure?.fatal === true) return fail(failure.problem);
    this.#fileWithin(FILING_RETRY_MS);
    return done;
  }

  /** Reads the whole file through while the ledger works; damage ends its work. */
  checkBeside(): void {
    const { path } = this.#opened;
    this.#stopCheck = checkBeside(path, (result) => {
      if (!result.ok) this.#log.warn({ err: result.problem.cause }, 'the ledger check did not finish');
      else if (result.value === undefined) this.#log.info({ path }, 'the ledger file is sound');
      else this.#refuse(corrupt(path, result.value));
    });
  }

  /** A question that the tables answer alone: what is still in the intake is filed first. */
  async #read<T>(read: () => T): Promise<Result<T>> {
    if (this.#writer.unfiled > 0) {
      const filed = await this.#filed();
      if (!filed.ok) return filed;
    }
    return this.#readBeside(read);
  }

  /** A question that minds the intake itself. */
  #readBeside<T>(read: () => T): Result<T> {
    if (this.#refusing !== undefined) return fail(this.#refusing);
    try {
      return ok(read());
    } catch (error) {
      const failure = failureOf(error, this.#opened.path) ?? unreadable(error, this.#opened.path);
      if (failure === undefined) throw error;
      this.#outcome(failure);
      return fail(failure.problem);
    }
  }

  /** Waits, without holding the event loop, while another process holds the file locked (D21). */
  async #filed(): Promise<Result<void>> {
    const started = performance.now();
    for (;;) {
      if (this.#refusing !== undefined) return fail(this.#refusing);
      const failure = this.#file();
      if (failure === undefined) return done;
      if (!failure.busy || performance.now() - started >= this.#busyMs) return fail(failure.problem);
      await delay(BUSY_RETRY_MS);
    }
  }

  #fileWithin(ms: number): void {
    if (this.#writer.unfiled === 0 || this.#filing !== undefined) return;
    this.#filing = setTimeout(() => {
      this.#filing = undefined;
      if (this.#refusing === undefined && this.#file() !== undefined) this.#fileWithin(FILING_RETRY_MS);
    }, ms);
  }

  /** Gives the failure that keeps it from being filed; it is durable all the same. */
  #file(): Failure | undefined {
    try {
      for (const result of this.#writer.file()) {
        if (!result.ok)
          this.#log.error({ err: result.problem.cause, code: result.problem.code }, 'a commit could not be filed');
      }
      return undefined;
    } catch (error) {
      const failure = failureOf(error, this.#opened.path);
      if (failure === undefined) throw error;
      if (!failure.busy) this.#outcome(failure);
      return failure;
    }
  }

  #outcome(failure: Failure | undefined): void {
    const full = failure?.problem.code === 'ledger_full';
    if (failure !== undefined && (!full || !this.#full)) {
      this.#log.error({ code: failure.problem.code, err: failure.problem.cause }, 'the ledger failed');
    }
    if (failure === undefined && this.#full) this.#log.info({}, 'the ledger has space again');
    if (failure === undefined || full) this.#full = full;
    if (failure?.fatal === true) this.#refuse(failure.problem);
  }

  #refuse(why: Problem): void {
    if (this.#refusing !== undefined) return;
    this.#refusing = why;
    this.#log.error({ code: why.code, at: why.at }, 'the ledger refuses from now on');
    this.#group.refuse(why);
  }
}

const CLOSED = problem('ledger_unavailable', 'the ledger is closed');

/** A body that is no JSON any more was not written by us: the page under it is damaged. */
function unreadable(error: unknown, path: string): Failure | undefined {
  if (!(error instanceof SyntaxError)) return undefined;
  return { problem: corrupt(path, 'a record is unreadable', error), fatal: true, busy: false };
}
