import type { ClientToken, CommandId, EpochMs, FieldPointer, ThingName } from '../core/brand.ts';
import type { Scope } from '../core/access/decide.ts';
import type { Command, CommandStatus, TimelineEntry } from '../core/command/command.ts';
import type { AnyCommand, DirectCommand } from '../core/direct/direct-command.ts';
import type { Write } from '../core/command/write.ts';
import type { DriftCause, DriftEntry, Flapped, IgnoreRule } from '../core/drift/drift.ts';
import type { Presence } from '../core/presence/presence.ts';
import type { Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { ShadowView } from '../core/view/view.ts';

/**
 * The durable record of the cloud side. What the engine demands of an implementation:
 *
 * - `commit` is atomic (all of its changes or none), takes effect in the order of calls, and settles only when the
 *   changes would survive a power cut. One that fails takes with it what was asked for before its failure was told,
 *   so that no later change is stored before an earlier one (`ledger_stale` concerns one commit only). Calls made while one is under way share the next sync (group commit); an idle
 *   ledger starts at once. Changes inside one commit take effect in order.
 * - Timeline entries get sequence numbers 1, 2, 3, … without gaps, in commit order; a reader that sees number n sees
 *   every lower one. Pruning takes entries away but never reuses a number.
 * - Reads see every commit that has settled.
 * - Failing is a result: `ledger_full` (nothing was stored; the same commit works when space returns, without a
 *   restart), `ledger_corrupt` (refuses from then on), `ledger_unavailable` (try again), `ledger_stale` (a command with
 *   the same or a newer revision stands there already; nothing of that commit was stored, other commits of the same
 *   sync are).
 * - Values come back equal to what was stored, whatever keys and strings they hold (`__proto__`, `\u0000`).
 */
export interface Ledger {
  commit(changes: readonly LedgerChange[]): Promise<Result<CommitReceipt>>;

  command(id: CommandId): Promise<Result<AnyCommand | undefined>>;
  /** Newest first. */
  commands(filter: CommandFilter, page: PageRequest): Promise<Result<Page<AnyCommand>>>;
  /** Oldest first. */
  timeline(id: CommandId): Promise<Result<readonly TimelineEntry[]>>;
  /** Over all commands, in order of sequence, entries above `after`. */
  events(after: number, limit: number): Promise<Result<EventPage>>;
  idempotency(key: string): Promise<Result<IdempotencyRecord | undefined>>;
  write(token: ClientToken): Promise<Result<Write | undefined>>;

  /** All the engine needs to work on one shadow: one read per shadow when it is first touched. */
  shadow(ref: ShadowRef): Promise<Result<ShadowRecord>>;
  /** The same for the direct commands of one thing. */
  direct(thingName: ThingName): Promise<Result<DirectRecord>>;
  /** The shadows, and the things' places of direct commands, that have open commands, in a stable order; 100,000s of them, so paged. */
  openShadows(page: PageRequest): Promise<Result<Page<OpenShadow>>>;
  /**
   * Every shadow that has a view or a command, by thing name, then shadow name, the classic one first. The cursor is
   * `thing/shadow` of the row before, so `thing/~` leads to the next thing.
   */
  shadows(page: PageRequest, filter?: ShadowFilter): Promise<Result<Page<ShadowRef>>>;
  presence(thingName: ThingName): Promise<Result<Presence | undefined>>;
  presences(page: PageRequest): Promise<Result<Page<Presence>>>;

  drift(filter: DriftFilter, page: PageRequest): Promise<Result<Page<DriftEntry>>>;
  /** `olderThan`: instants, to count the listed entries first seen before each, in the same look. */
  driftCounts(filter: DriftFilter, olderThan?: readonly EpochMs[]): Promise<Result<DriftCounts>>;
  ignoreRules(): Promise<Result<readonly IgnoreRule[]>>;
  /** The fleet in numbers; with a scope only of the shadows that the caller may look at, and their things. */
  overview(scope?: Scope): Promise<Result<FleetOverview>>;

  /**
   * Takes away at most `limit` commands that ended before `endedBefore`, oldest first, with their timelines, writes and
   * idempotency records. A command whose drift entry is not acknowledged stays, and so does one whose `onEnd` is
   * `not_yet` done. Settles with how many went; call again until it is fewer than `limit`.
   */
  prune(endedBefore: EpochMs, limit: number): Promise<Result<number>>;
  health(): Promise<LedgerHealth>;
  /** Settles when everything under way is durable and the store is closed. May be called twice. */
  close(): Promise<void>;
}

export type LedgerChange =
  /**
   * Inserts or replaces by id; the stored revision must be lower than this one. What was asked for (id, ref, author,
   * reason, patch, and whom it comes from) is that of the first one: a ledger need not store it again.
   */
  | { readonly type: 'command'; readonly command: AnyCommand }
  /** The last number of a sequence that the thing has done. */
  | { readonly type: 'sequence'; readonly thingName: ThingName; readonly key: string; readonly number: number }
  | { readonly type: 'timeline'; readonly entry: NewTimelineEntry }
  /** Inserts or replaces by id; when it is no longer open, only its state and accepted version have changed. */
  | { readonly type: 'write'; readonly write: Write }
  | { readonly type: 'view'; readonly view: ShadowView }
  | { readonly type: 'presence'; readonly presence: Presence }
  /** Inserts or replaces by shadow and field. */
  | { readonly type: 'drift'; readonly entry: DriftEntry }
  | { readonly type: 'drift_gone'; readonly ref: ShadowRef; readonly field: FieldPointer }
  /** Inserts or replaces by shadow and field. */
  | { readonly type: 'flapped'; readonly ref: ShadowRef; readonly flapped: Flapped }
  | { readonly type: 'ignore_rule'; readonly rule: IgnoreRule }
  | { readonly type: 'ignore_rule_gone'; readonly id: string }
  | { readonly type: 'idempotency'; readonly record: IdempotencyRecord };

export type NewTimelineEntry = Omit<TimelineEntry, 'sequence'>;

export interface CommitReceipt {
  /** The number of the first timeline entry of this commit; the others follow on. 0 if there was none. */
  readonly firstSequence: number;
}

/** `cursor` is what the page before gave as `next`; absent for the first. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Absent on the last page. */
  readonly next?: string;
}

export interface EventPage {
  readonly entries: readonly TimelineEntry[];
  /** Everything from this number on is still there; who read less than all below it has missed something and must list anew. */
  readonly oldest: number;
  /** The newest sequence given out; 0 in an empty ledger. */
  readonly newest: number;
}

export interface ShadowRecord {
  readonly view?: ShadowView;
  /** Open commands, oldest first. */
  readonly open: readonly Command[];
  /** Ended ones that evidence or a guarded write can still change: `timed_out`, `expired`, or `endResult: not_yet`. */
  readonly ended: readonly Command[];
  /** Writes whose result is not known. */
  readonly writes: readonly Write[];
  readonly drift: readonly DriftEntry[];
  /** By field. */
  readonly flapped: readonly Flapped[];
}

export interface DirectRecord {
  /** Oldest first. */
  readonly open: readonly DirectCommand[];
  /** Ended ones that a late answer can still change: `timed_out`, `expired`. */
  readonly ended: readonly DirectCommand[];
  readonly sequences: ReadonlyMap<string, number>;
}

export interface OpenShadow {
  readonly ref: ShadowRef;
  readonly open: number;
  /** The earliest `expiresAt` of its open commands. */
  readonly expiresAt: EpochMs;
}

export interface ShadowFilter {
  /** Only shadows that the caller may look at. */
  readonly scope?: Scope;
  readonly thingPrefix?: string;
}

/** Members combine with "and", the values of one member with "or". `shadowName: null` means classic only. */
export interface CommandFilter {
  readonly thingName?: ThingName;
  readonly shadowName?: string | null;
  readonly statuses?: readonly CommandStatus[];
  readonly author?: string;
  readonly createdFrom?: EpochMs;
  readonly createdBefore?: EpochMs;
  /** The children of one request for many things. */
  readonly parentId?: CommandId;
  /** Only commands of shadows that the caller may look at. */
  readonly scope?: Scope;
}

export interface DriftFilter {
  readonly thingName?: ThingName;
  readonly thingPrefix?: string;
  /** A thing name in which `*` stands for any characters. */
  readonly thingPattern?: string;
  readonly shadowName?: string | null;
  /** Only shadows in one of these: how a model is asked for. */
  readonly within?: readonly Scope[];
  /** Only shadows that the caller may look at; counts, too. */
  readonly scope?: Scope;
  readonly field?: FieldPointer;
  readonly causes?: readonly DriftCause[];
  readonly author?: string;
  /** Only entries first seen before this instant. */
  readonly firstSeenBefore?: EpochMs;
  /** Only entries that this ignore rule covers; they are listed with `includeIgnored`. */
  readonly ruleId?: string;
  /** Default false: entries that an ignore rule covers are counted, not listed. */
  readonly includeIgnored?: boolean;
  /** Default false. */
  readonly includeAcknowledged?: boolean;
  /** Default `oldest` (first seen); `newest`, `thing` (name, then field), `flaps` (most first). */
  readonly sort?: 'oldest' | 'newest' | 'thing' | 'flaps';
}

export interface DriftCounts {
  /** Entries that the filter lists. */
  readonly fields: number;
  readonly shadows: number;
  readonly byCause: Readonly<Partial<Record<DriftCause, number>>>;
  /** One count per instant that was asked for, in that order; absent if none was. */
  readonly olderThan?: readonly number[];
  /** Covered by ignore rules, whatever `includeIgnored` says. */
  readonly ignored: number;
  readonly acknowledged: number;
}

/** Entries that are ignored or acknowledged count as in sync here; `driftCounts` counts them apart. */
export interface FleetOverview {
  readonly things: { readonly online: number; readonly offline: number; readonly unknown: number };
  readonly shadows: {
    readonly total: number;
    /** With an open command. */
    readonly pending: number;
    /** With a listed drift entry. */
    readonly drifted: number;
    /** With a listed drift entry that the device refused. */
    readonly refused: number;
    /** Neither pending nor drifted. */
    readonly inSync: number;
  };
}

/** What an idempotency key stood for. The fingerprint says whether a repeated request is the same one. */
export interface IdempotencyRecord {
  readonly key: string;
  readonly fingerprint: string;
  readonly commandId: CommandId;
  readonly createdAt: EpochMs;
}

export interface LedgerHealth {
  readonly state: 'ok' | 'full' | 'corrupt' | 'unavailable';
  readonly detail?: string;
  /** Commits that wait for their sync. */
  readonly waiting: number;
}
