import type { CommandId, EpochMs, ThingName } from '../brand.ts';
import type { TimelineEntry } from '../command/command.ts';
import type { OperatorEvent } from '../command/events.ts';
import type { Presence } from '../presence/presence.ts';
import type { Result } from '../result.ts';
import type { DirectCommand } from './direct-command.ts';
import type { DirectRequest, DirectResponse } from './messages.ts';

/**
 * All that the cloud side knows of one thing's direct commands, as one value. `nextDirect` (direct/next.ts) is the only way
 * from one to the next.
 *
 * Invariants
 * 1. A request is on the wire only after its command was stored, and never after its `expiresAt`.
 * 2. Of each key of a sequence at most one command is with the device: the next one goes when it has ended.
 * 3. A deadline ends a command only while answers reach us.
 * 4. Only an answer of this thing to one of its own transactions changes a command.
 */
export interface DirectDesk {
  readonly thingName: ThingName;
  /** Open commands, and ended ones that a late answer can still change; oldest first. */
  readonly commands: ReadonlyMap<CommandId, DirectCommand>;
  /** Where the sending of each open command is; what is not here has not begun in this process. */
  readonly sendings: ReadonlyMap<CommandId, Sending>;
  /** By key, the last number that the device has done, as far as it said. */
  readonly sequences: ReadonlyMap<string, number>;
  readonly presence: Presence;
  /** Connected and subscribed: answers reach us. */
  readonly linked: boolean;
  /** Since then; an answer that waited for us gets the time to arrive. */
  readonly linkedAt?: EpochMs;
  /** Ids of the newest commands that ended here: another answer to one of them is a duplicate, not a forgery. */
  readonly recent: readonly string[];
}

/**
 * `publishing`: handed to the outbox, no acknowledgement yet; of a group, its one request. `waiting`: for an answer, until
 * it is sent again at `retryAt`; absent: not again by itself.
 */
export type Sending =
  | { readonly stage: 'publishing'; readonly count: number }
  | { readonly stage: 'waiting'; readonly count: number; readonly retryAt?: EpochMs };

export type DirectEvent =
  /** `inGroup`: its request goes out with that of a group. */
  | { readonly type: 'create'; readonly command: DirectCommand; readonly inGroup: boolean }
  /** The commit that held the command failed; it never was. */
  | { readonly type: 'uncreate'; readonly id: CommandId }
  | { readonly type: 'published'; readonly id: CommandId }
  /** `refused`: the broker will never take it. */
  | { readonly type: 'unpublished'; readonly id: CommandId; readonly code: string; readonly refused: boolean }
  /** `unguarded`: it came over a topic that all devices share. */
  | { readonly type: 'answered'; readonly response: DirectResponse; readonly unguarded?: boolean }
  | { readonly type: 'presence'; readonly presence: Presence }
  | { readonly type: 'link'; readonly up: boolean }
  | OperatorEvent
  | { readonly type: 'jumped'; readonly byMs: number }
  | { readonly type: 'tick' };

export type DirectChange =
  | { readonly type: 'command'; readonly command: DirectCommand }
  | { readonly type: 'timeline'; readonly entry: Omit<TimelineEntry, 'sequence'> }
  | { readonly type: 'sequence'; readonly thingName: ThingName; readonly key: string; readonly number: number };

/** `first`: waits until the changes of its step are durable. `notice`: for a command that has ended, sent once. */
export interface DirectEffect {
  readonly type: 'publish';
  readonly id: CommandId;
  readonly request: DirectRequest;
  readonly purpose: 'first' | 'again' | 'notice';
}

/** What an answer was to us, for the counters. */
export type AnswerOutcome = 'used' | 'duplicate' | 'late' | 'unknown';

export interface DirectStep {
  readonly desk: DirectDesk;
  readonly changes: readonly DirectChange[];
  readonly effects: readonly DirectEffect[];
  readonly urgent: boolean;
  readonly answer?: AnswerOutcome;
}

export interface DirectContext {
  readonly now: EpochMs;
  readonly settings: DirectSettings;
  /** The rights behind a command, asked before it is published for the first time (attack C-28). */
  readonly mayPublish?: (command: DirectCommand) => Result<void>;
  /** Uniform in [0, 1). */
  fraction(): number;
}

/** Lengths of time in ms. */
export interface DirectSettings {
  /** An answer may take so long before the request is sent again; on top of it comes full jitter. */
  readonly answerMs: number;
  /** The same for the members of a group, who all answer at once. */
  readonly groupAnswerMs: number;
  readonly backoffMs: number;
  readonly backoffMsMax: number;
  /** So often is a request sent without an answer; then it waits for the device to return, or for its deadline. */
  readonly attemptsMax: number;
  /** After a time without connection, so long are late answers awaited before a deadline counts. */
  readonly verifyMs: number;
}

export const DIRECT_SETTINGS: DirectSettings = {
  answerMs: 1_000,
  groupAnswerMs: 5_000,
  backoffMs: 1_000,
  backoffMsMax: 30_000,
  attemptsMax: 12,
  verifyMs: 2_000,
};
