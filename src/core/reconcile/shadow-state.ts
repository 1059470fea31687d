import { monotonicMs, type ClientToken, type EpochMs, type FieldPointer, type MonotonicMs } from '../brand.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { FieldValue } from '../model/model.ts';
import type { FieldState } from './field-state.ts';
import type { Reading } from './judge-field.ts';
import type { AcceptedPatch, DeviceView } from './view.ts';

/**
 * Everything the device knows about its conversation over one shadow. Plain data; `next` makes the next one. What is
 * absent is undefined and never left out: objects of one shape are copied fast, and every message copies this one.
 */
export interface ShadowState {
  readonly link: 'down' | 'up';
  /** A get was answered in this connection. Nothing is applied or reported before. */
  readonly synced: boolean;
  /** Undefined while the shadow does not exist, or was never seen. */
  readonly view: DeviceView | undefined;
  /** Lives of the shadow that were seen; versions compare inside one only. */
  readonly incarnation: number;
  readonly ask: Ask | undefined;
  /** Gets without an answer in a row. */
  readonly asksFailed: number;
  /** Patches that came before their predecessors, by version. */
  readonly held: readonly AcceptedPatch[];
  /** A version that a delta told of and whose patch has not come. */
  readonly awaiting: number | undefined;
  /** The newest version whose wake-up call was heard. */
  readonly woken: number;
  readonly service: ServiceTime | undefined;
  readonly checkedAt: MonotonicMs;
  /** The incarnation in which the pass that runs was begun. */
  readonly running: number | undefined;
  /** A pass is wanted: to look, or to answer (it must end with a report). */
  readonly wanted: 'look' | 'answer' | undefined;
  /** What the last pass found, until it was reported. */
  readonly outcome: PassOutcome | undefined;
  readonly report: ReportInFlight | undefined;
  readonly reportsRefused: number;
  /** What the service takes, as far as we know in this connection. */
  readonly bytesMax: number;
  /** Version of our own last accepted report. */
  readonly lastOwnVersion: number | undefined;
  readonly adoptConflicts: number;
  readonly local: { readonly lastAt: MonotonicMs; readonly spacingMs: number };
  readonly timers: Timers;
  /** Tokens used so far. */
  readonly tokens: number;
  readonly stopping: boolean;
}

/** A get on its way. */
export interface Ask {
  readonly token: ClientToken;
  /** The view's version when it was sent: an answer below it begins a new incarnation. */
  readonly versionThen?: number;
  /** The newest version that was told of when it was sent; an answer below it means that the tale was old. */
  readonly told: number;
}

/** Service time of a get in this connection. */
export interface ServiceTime {
  readonly at: EpochMs;
  readonly since: MonotonicMs;
}

export interface PassOutcome {
  /** The version whose desired state was taken into account; 0 for a shadow that does not exist. */
  readonly version: number;
  readonly must: boolean;
  readonly readings: ReadonlyMap<FieldPointer, Reading>;
  readonly states: ReadonlyMap<FieldPointer, FieldState>;
  readonly adopt: readonly Adoption[];
  /** The pass became slow before everything was tried: another one is to go on. */
  readonly unfinished: boolean;
  readonly wakeAt?: MonotonicMs | undefined;
}

/** Desired is to become `value`, if it still is what it `was`. */
export interface Adoption extends FieldValue {
  readonly was: JsonValue;
}

export interface ReportInFlight {
  readonly token: ClientToken;
  readonly outcome: PassOutcome;
  readonly adopting: boolean;
}

export type TimerName = 'ask' | 'report' | 'resend' | 'gap' | 'resync' | 'retry' | 'poll' | 'local';
export type Timers = Readonly<Record<TimerName, MonotonicMs | undefined>>;

const NO_TIMERS: Timers = {
  ask: undefined,
  report: undefined,
  resend: undefined,
  gap: undefined,
  resync: undefined,
  retry: undefined,
  poll: undefined,
  local: undefined,
};

export type ShadowEffect =
  | { readonly type: 'get'; readonly token: ClientToken }
  | { readonly type: 'update'; readonly body: UpdateBody }
  | { readonly type: 'pass'; readonly view: DeviceView | undefined; readonly must: boolean }
  /** These desired fields were written anew, perhaps with equal values. */
  | { readonly type: 'rearm'; readonly desired: JsonObject }
  /** Somebody asks for another attempt now. */
  | { readonly type: 'nudge' }
  /** What outlives a restart has changed, but can be lost without harm. */
  | { readonly type: 'remember' }
  | { readonly type: 'note'; readonly note: Note };

export interface UpdateBody {
  readonly state: { readonly reported?: JsonObject; readonly desired?: JsonObject };
  readonly version?: number;
  readonly clientToken: ClientToken;
}

/** For the log; the shell adds which shadow. */
export interface Note {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

export function initialState({
  lastOwnVersion,
  incarnation,
  bytesMax,
  localSpacingMs,
}: {
  lastOwnVersion?: number | undefined;
  incarnation: number;
  bytesMax: number;
  localSpacingMs: number;
}): ShadowState {
  return {
    link: 'down',
    synced: false,
    view: undefined,
    incarnation,
    ask: undefined,
    asksFailed: 0,
    held: [],
    awaiting: undefined,
    woken: 0,
    service: undefined,
    checkedAt: monotonicMs(0),
    running: undefined,
    wanted: undefined,
    outcome: undefined,
    report: undefined,
    reportsRefused: 0,
    bytesMax,
    lastOwnVersion,
    adoptConflicts: 0,
    local: { lastAt: monotonicMs(-1e9), spacingMs: localSpacingMs },
    timers: NO_TIMERS,
    tokens: 0,
    stopping: false,
  };
}

/** When `next` wants to be called with `tick`, or undefined. */
export function nextDue({ timers }: ShadowState): MonotonicMs | undefined {
  const { ask, report, resend, gap, resync, retry, poll, local } = timers;
  return sooner(sooner(sooner(ask, report), sooner(resend, gap)), sooner(sooner(resync, retry), sooner(poll, local)));
}

function sooner(left: MonotonicMs | undefined, right: MonotonicMs | undefined): MonotonicMs | undefined {
  if (left === undefined) return right;
  return right === undefined || left < right ? left : right;
}
