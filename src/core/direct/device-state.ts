import type { EpochMs, MonotonicMs } from '../brand.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { ServiceTime } from '../reconcile/shadow-state.ts';
import type { DirectProblem, DirectProgress, DirectRequest, DirectResponse } from './messages.ts';

/** What the device knows about the direct commands it has not answered yet, and about their order. Plain data. */
export interface DirectState {
  readonly link: 'down' | 'up';
  readonly service?: ServiceTime;
  /** Taken and without a final answer, by id. */
  readonly jobs: ReadonlyMap<string, Job>;
  /** The last number done under each key, the key used longest ago first. */
  readonly sequences: ReadonlyMap<string, number>;
  readonly stopping: boolean;
}

/**
 * held     waits: for service time, for its predecessor, for room
 * running  its record is durable, or about to be, and its handler works
 */
export interface Job {
  readonly phase: 'held' | 'running';
  readonly request: DirectRequest;
  /** It had begun before the device went down, and may begin again. */
  readonly again?: true;
  readonly cancelled?: true;
  readonly progress?: DirectProgress;
  /** A predecessor is missing: until then it may still come. */
  readonly gapUntil?: MonotonicMs;
  /** When the sender is to hear how it stands. */
  readonly tellAt?: MonotonicMs;
  readonly toldAt?: MonotonicMs;
}

/** An answer as it is kept for duplicates. */
export interface Reply {
  readonly name: string;
  readonly expiresAt: EpochMs;
  readonly response: DirectResponse;
}

/** What a command is to the deciding part: its handler stays with the shell. */
export interface CommandFacts {
  readonly idempotent: boolean;
  /** What is wrong with the arguments, if anything. */
  readonly violation: (args: JsonObject) => string | undefined;
  /** How the device is now, as far as it matters to the command. Never throws. */
  readonly stateNow: () => JsonObject | undefined;
}

export interface DirectLimits {
  /** How long a number may be missing before its successors are refused. */
  readonly gapMs: number;
  /** Handlers at work at the same time; more wait. */
  readonly runningMax: number;
  /** Commands that wait; more are refused. */
  readonly heldMax: number;
  /** A command that is answered sooner is not announced. */
  readonly acceptMs: number;
  /** Progress is told no faster. */
  readonly progressSpacingMs: number;
  /** Keys whose order is remembered. */
  readonly keysMax: number;
}

export const DEFAULT_DIRECT_LIMITS: DirectLimits = {
  gapMs: 2_000,
  runningMax: 16,
  heldMax: 64,
  acceptMs: 100,
  progressSpacingMs: 250,
  keysMax: 1_000,
};

export type DirectEvent =
  | { readonly type: 'up' }
  | { readonly type: 'down' }
  | { readonly type: 'service_time'; readonly service: ServiceTime }
  /** `stored`: the answer that is kept under its id. `full`: no further answer could be kept. */
  | {
      readonly type: 'request';
      readonly request: DirectRequest;
      readonly stored?: DirectResponse;
      readonly full: boolean;
    }
  | { readonly type: 'progress'; readonly id: string; readonly progress: DirectProgress }
  | { readonly type: 'ended'; readonly id: string; readonly outcome: CommandOutcome }
  /** Its record could not be made durable, so its handler was not called. */
  | { readonly type: 'not_begun'; readonly id: string }
  | { readonly type: 'tick' }
  | { readonly type: 'stop' };

/** What a handler made of it. `rejected`: it did nothing. */
export type CommandOutcome =
  | { readonly type: 'succeeded'; readonly result?: JsonValue }
  | { readonly type: 'failed' | 'rejected'; readonly problem: DirectProblem };

export type DirectEffect =
  /** Make the job durable, then call its handler. */
  | { readonly type: 'begin'; readonly job: Job }
  | { readonly type: 'abort'; readonly id: string }
  /** Make the job durable as it is now, then publish. */
  | { readonly type: 'tell'; readonly job: Job; readonly response: DirectResponse }
  /** Keep the answer and the order durably in place of the job, then publish it until it is out. */
  | {
      readonly type: 'conclude';
      readonly reply: Reply;
      readonly sequence?: { readonly key: string; readonly number: number };
    }
  /** Publish; nothing to keep. */
  | { readonly type: 'answer'; readonly response: DirectResponse }
  /** Publish the kept answers that are not known to be out. */
  | { readonly type: 'catch_up' }
  /** This order is forgotten. */
  | { readonly type: 'forget_sequence'; readonly key: string };

/** When `nextDirect` wants to be called with `tick`, or undefined. */
export function nextDirectDue({ jobs, service }: DirectState): MonotonicMs | undefined {
  let due: number | undefined;
  const sooner = (at: number | undefined): void => {
    if (at !== undefined && (due === undefined || at < due)) due = at;
  };
  for (const { phase, gapUntil, tellAt, request } of jobs.values()) {
    sooner(gapUntil);
    sooner(tellAt);
    if (phase === 'held' && service !== undefined) sooner(service.since + request.expiresAt - service.at + 1);
  }
  return due as MonotonicMs | undefined;
}
