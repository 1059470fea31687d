import type { DirectProgress } from '../core/direct/messages.ts';
import type { ShadowCommandView } from '../http/views/command.ts';
import type { DirectCommandView, GroupSentView } from '../http/views/direct.ts';
import type { AggregateView, FanOutView } from '../http/views/many.ts';

/** What calls take, and what they give back that is not a view of the API itself. */

/** A thing name for the classic shadow, or both names. */
export type Shadow = string | { readonly thingName: string; readonly shadowName?: string };

/** Names, or a pattern (`room-*`) over the things that the server knows and you may look at. */
export type Things = readonly string[] | { readonly pattern: string };

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ActOptions extends CallOptions {
  readonly author?: string;
  readonly reason?: string;
}

/** What goes with every command, whatever its kind. */
export interface WishOptions extends ActOptions {
  /** Milliseconds the device has while it could act or answer. Default 60,000. */
  readonly applyWithinMs?: number;
  /** The end of it all: an RFC 3339 instant, or a length from now. Default 7 days; for an action 5 minutes. */
  readonly expiresAt?: string;
  readonly expiresInMs?: number;
  readonly whenOffline?: 'wait' | 'fail';
  readonly idempotencyKey?: string;
}

export interface SetDesiredOptions extends WishOptions {
  readonly onEnd?: 'restore' | 'withdraw' | 'keep';
  readonly ifVersion?: number;
}

export interface SendOptions extends WishOptions {
  /** A key: after all earlier commands of it, and never out of order. */
  readonly sequence?: string;
}

export interface SendGroupOptions extends WishOptions {
  /** Refused with `count_mismatch` if the group has another number of members. */
  readonly expectedCount?: number;
  /** When so many members have failed or timed out, the rest is cancelled. */
  readonly abortAfter?: number;
}

export interface SetManyOptions extends Omit<SetDesiredOptions, 'ifVersion'> {
  /** A named shadow of each thing; without it the classic one. */
  readonly shadowName?: string;
  /** Refused with `count_mismatch` if it is another number of things; needed with a pattern. */
  readonly expectedCount?: number;
}

export interface PlanOptions extends CallOptions {
  readonly shadowName?: string;
  readonly expectedCount?: number;
}

export interface CommandsFilter {
  readonly thing?: string;
  readonly name?: string;
  readonly status?: string;
  readonly verdict?: string;
  readonly author?: string;
  /** The children of one request for many things. */
  readonly parent?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface ThingsFilter {
  /** The beginning of the name. */
  readonly prefix?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface DriftFilter {
  readonly thing?: string;
  readonly thingPrefix?: string;
  /** A thing name in which `*` stands for any characters. */
  readonly things?: string;
  readonly name?: string;
  readonly model?: string;
  readonly field?: string;
  readonly cause?: string;
  readonly author?: string;
  readonly olderThanMs?: number;
  /** Only what this ignore rule leaves out of the report. */
  readonly rule?: string;
  readonly includeIgnored?: boolean;
  readonly includeAcknowledged?: boolean;
  readonly sort?: 'oldest' | 'newest' | 'thing' | 'flaps';
  /** `false` leaves the counts out, which cost more than the page. */
  readonly counts?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface NewIgnoreRule {
  /** A thing name, or its beginning and `*`. */
  readonly thing: string;
  readonly name?: string;
  /** A field, or its beginning and `*`. */
  readonly field: string;
  readonly reason: string;
  readonly expiresAt?: string;
}

export interface PendingCommand {
  accepted(): Promise<ShadowCommandView>;
  settled(options?: CallOptions): Promise<ShadowCommandView>;
  readonly idempotencyKey: string;
}

/** An action under way. Iterating it gives the device's progress as it comes, and ends with the command. */
export interface PendingAction extends AsyncIterable<DirectProgress> {
  accepted(): Promise<DirectCommandView>;
  settled(options?: CallOptions): Promise<DirectCommandView>;
  readonly idempotencyKey: string;
}

/** One action for all members of a group. */
export interface PendingGroup {
  accepted(): Promise<GroupSentView>;
  /** Settles when every member's command has ended. */
  settled(options?: CallOptions): Promise<AggregateView>;
  readonly idempotencyKey: string;
}

/** One wish for many things: all of its commands, or none. */
export interface PendingCommands {
  accepted(): Promise<FanOutView>;
  /** Settles when every command has ended; `verdict` says whether all, some or none succeeded. */
  settled(options?: CallOptions): Promise<AggregateView>;
  readonly idempotencyKey: string;
}
