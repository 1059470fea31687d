import type { CommandId, EpochMs, FieldPointer, WriteId } from '../brand.ts';
import type { Command, TimelineEntry } from '../command/command.ts';
import type { OperatorEvent } from '../command/events.ts';
import type { DeviceWord } from '../command/judge.ts';
import type { Write, WritePurpose } from '../command/write.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { Model } from '../model/model.ts';
import type { Presence } from '../presence/presence.ts';
import type { Result } from '../result.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';
import type { AcceptedUpdate, ReadShadow, Sight } from '../view/sight.ts';
import type { ShadowView } from '../view/view.ts';

/**
 * All that the cloud side knows of one shadow, as one value: what the watcher sees, the commands that are not done, the
 * lane with at most one request in flight. `next` (desk/next.ts) is the only way from one desk to the next.
 *
 * Invariants
 * 1. At most one update of ours is in flight per shadow (`lane`).
 * 2. Every write on the wire was handed out as a change before, with the state `open`.
 * 3. What a write did is learnt from its answer or from a snapshot asked for after its result was lost, never guessed.
 * 4. A deadline ends a command only after the answer to a `get` that was asked for after the deadline was judged.
 */
export interface Desk {
  readonly ref: ShadowRef;
  readonly sight: Sight;
  /** What the device says of itself in the view. */
  readonly word: DeviceWord | undefined;
  /** Open commands, and ended ones that can still change; oldest first. */
  readonly commands: ReadonlyMap<CommandId, Command>;
  /** Writes whose answer may still come. */
  readonly writes: ReadonlyMap<WriteId, Write>;
  readonly presence: Presence;
  /** Connected and subscribed: what happens to the shadow reaches us. */
  readonly linked: boolean;
  /** A snapshot was read since then, so that the view holds what happened while we were away. */
  readonly fresh: boolean;
  readonly lane: LaneTask | undefined;
  readonly pause: { readonly until: EpochMs; readonly failures: number; readonly code: string } | undefined;
  readonly asking: Asking;
  /** Overdue commands, with the number of the first `get` whose answer may end them. */
  readonly overdue: ReadonlyMap<CommandId, number>;
  /** Waiting, and not known to be stored: if that fails they never were, so that nothing of theirs is written yet. */
  readonly unsure: ReadonlySet<CommandId>;
  /** Commands that are written one by one, because a request that carried several was refused. */
  readonly alone: ReadonlySet<CommandId>;
  readonly nudge: { readonly at: EpochMs; readonly count: number } | undefined;
  /** The next look at a shadow with open commands even if no message came. */
  readonly resyncAt: EpochMs | undefined;
}

/** What was known when a `get` was asked. */
export interface Asked {
  readonly serial: number;
  /** The view's version and incarnation: an answer below that version is a new incarnation. */
  readonly version: number;
  readonly incarnation: number;
  /** Something of ours had landed in that incarnation, so that a 404 means it was deleted. */
  readonly landed: boolean;
}

/**
 * `get`s, numbered. `needed`: the number of the first one that answers the present question; satisfied once
 * `answered` has reached it. `late`: those that were given up; where answers take long, no other ones ever come.
 */
export interface Asking {
  readonly last: number;
  readonly answered: number;
  readonly needed: number;
  /** Nothing but the next look round waits for the answer to the present question. */
  readonly patient: boolean;
  /** `until`: when the answer counts as lost; absent until the request was sent. */
  readonly pending?: Asked & { readonly patient: boolean; readonly until?: EpochMs };
  readonly late: readonly Asked[];
  readonly failures: number;
  readonly retryAt?: EpochMs;
}

/**
 * The one request in flight, or what stands at the head of the lane.
 *
 * reading    a guarded task waits for the snapshot number `serial`
 * writing    handed to the outbox (`until` is set once it was published)
 * resolving  the result is unknown; the snapshot number `serial` will tell
 */
export type LaneTask = {
  readonly purpose: WritePurpose;
  readonly commandIds: readonly CommandId[];
  /** Guarded: what the touched desired leaves must be for the write to go. Undefined value: absent. */
  readonly guard?: Guard;
  readonly attempt: number;
} & (
  | { readonly stage: 'reading'; readonly serial: number }
  | { readonly stage: 'writing'; readonly write: Write; readonly until?: EpochMs }
  | { readonly stage: 'resolving'; readonly write: Write; readonly serial: number }
);

export type Guard =
  | { readonly type: 'if_version'; readonly version: number }
  | { readonly type: 'as_before'; readonly before: Readonly<Record<FieldPointer, JsonValue>> }
  | { readonly type: 'still_ours' };

export type DeskEvent =
  | { readonly type: 'create'; readonly command: Command; readonly detail?: JsonObject }
  /** The commit that held the command failed; it never was. */
  | { readonly type: 'uncreate'; readonly id: CommandId }
  /** Its creation is durable. */
  | { readonly type: 'stored'; readonly id: CommandId }
  | { readonly type: 'accepted'; readonly update: AcceptedUpdate }
  | { readonly type: 'read'; readonly read: ReadShadow; readonly serial?: number }
  | { readonly type: 'absent'; readonly serial: number }
  | { readonly type: 'unread'; readonly serial: number; readonly code: string }
  | { readonly type: 'rejected'; readonly writeId: WriteId; readonly code: number; readonly message: string }
  | { readonly type: 'deleted'; readonly version: number }
  /** The transport took the write; its answer may come from now on. */
  | { readonly type: 'published'; readonly writeId: WriteId }
  /** `sent: 'no'`: surely not on the wire. `unknown`: perhaps. */
  | { readonly type: 'unpublished'; readonly writeId: WriteId; readonly sent: 'no' | 'unknown'; readonly code: string }
  /** The `get` with this number was sent; its answer may come from now on. */
  | { readonly type: 'asked'; readonly serial: number }
  | { readonly type: 'presence'; readonly presence: Presence }
  | { readonly type: 'link'; readonly up: boolean }
  | OperatorEvent
  /** Our clock was corrected by so much; the time in between was not lived through. */
  | { readonly type: 'jumped'; readonly byMs: number }
  | { readonly type: 'ask'; readonly patient?: boolean }
  | { readonly type: 'tick' };

/** What has to be stored. The same shapes as the ledger's changes. */
export type DeskChange =
  | { readonly type: 'command'; readonly command: Command }
  | { readonly type: 'timeline'; readonly entry: Omit<TimelineEntry, 'sequence'> }
  | { readonly type: 'write'; readonly write: Write }
  | { readonly type: 'view'; readonly view: ShadowView };

/** What has to be done. A `publish` waits until the changes of its step are durable, a `get` does not. */
export type DeskEffect =
  | { readonly type: 'publish'; readonly write: Write }
  | { readonly type: 'get'; readonly serial: number; readonly patient: boolean };

export interface DeskStep {
  readonly desk: Desk;
  readonly changes: readonly DeskChange[];
  readonly effects: readonly DeskEffect[];
  /** The changes must be durable before anybody hears of them; otherwise they may wait for the next commit. */
  readonly urgent: boolean;
  /** Pointers of desired and reported that this step touched; undefined: everything. For the drift index. */
  readonly touched: readonly FieldPointer[] | undefined;
}

/** What the desk needs of the world, as values and pure functions. */
export interface DeskContext {
  readonly now: EpochMs;
  readonly model: Model;
  readonly settings: DeskSettings;
  /** The rights behind a command, asked before each publish of it (attack C-28); absent: everybody has them. */
  readonly mayPublish?: ((command: Command) => Result<void>) | undefined;
  /** A new UUIDv7. */
  newWriteId(): WriteId;
  /** Uniform in [0, 1). */
  fraction(): number;
  /** Reads `reported.reconciler`; undefined for a plain device. `view` tells which update carried the claim. */
  readWord(reported: JsonObject | undefined, view: ShadowView | undefined): DeviceWord | undefined;
}

/** Lengths of time in ms. */
export interface DeskSettings {
  /** How long the answer to an update or a get may take before it counts as lost. */
  readonly answerMs: number;
  readonly nudgeAfterMs: number;
  readonly nudgeAfterMsMax: number;
  /** A shadow with open commands is read at least this often. */
  readonly resyncMs: number;
  readonly backoffMs: number;
  readonly backoffMsMax: number;
  readonly conflictRetriesMax: number;
}

export const DESK_SETTINGS: DeskSettings = {
  answerMs: 5_000,
  nudgeAfterMs: 5_000,
  nudgeAfterMsMax: 300_000,
  resyncMs: 60_000,
  backoffMs: 250,
  backoffMsMax: 60_000,
  conflictRetriesMax: 8,
};
