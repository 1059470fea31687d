import { epochMs, monotonicMs, type EpochMs, type MonotonicMs } from '../brand.ts';
import { jsonEqual } from '../json/json-equal.ts';
import type { JsonValue } from '../json/json.ts';
import type { FieldAnnotations } from '../model/model.ts';
import { modelEqual } from '../model/model-equal.ts';
import { fullJitter } from './backoff.ts';
import { refused, retrying, tidyMessage, type FieldState } from './field-state.ts';
import type { ReconcileLimits } from './limits.ts';
import { freshMemory, type FieldMemory, type Lease } from './memory.ts';

/** What the hardware shows. `null` stands for "no value", since a shadow cannot hold null. */
export type Reading =
  | { readonly value: JsonValue; readonly by?: string }
  | { readonly unreadable: { readonly code: string; readonly message: string } };

/** What an adapter's unfinished call means for a field. */
export type Busy = 'applying' | 'overdue' | 'elsewhere';

/** Now, by every clock that matters to a decision. */
export interface Moment {
  readonly now: MonotonicMs;
  /** When the service last answered a get: a delayed retry counts only if the wish was checked after it was due. */
  readonly checkedAt: MonotonicMs;
  /** Service time, never the device's own clock; undefined before the first get of a connection. */
  readonly serviceNow?: EpochMs | undefined;
  /** Uniform in [0, 1), for jitter. */
  readonly fraction: number;
}

export interface FieldCase {
  readonly memory: FieldMemory;
  readonly reading: Reading;
  readonly annotations: FieldAnnotations;
  /** Why the model forbids the value, if it does. */
  readonly forbidden?: { readonly code: string; readonly message: string } | undefined;
  readonly busy?: Busy | undefined;
}

export type Judgement =
  | { readonly kind: 'converged' }
  /** To be applied, by `notAfter` at the latest. */
  | { readonly kind: 'apply'; readonly notAfter?: MonotonicMs }
  /** Desired is to follow the device. */
  | { readonly kind: 'adopt'; readonly value: JsonValue }
  /** Nothing to do now, and this is why. */
  | { readonly kind: 'listed'; readonly state: FieldState };

export interface Judged {
  readonly judgement: Judgement;
  readonly memory: FieldMemory;
}

/** A value that was changed back within this time after it was enforced is being fought over. */
const CONTEST_MS = 60_000;
/** So many fights in a row are fought at once; later ones wait. */
const CONTESTS_FREE = 3;

/**
 * What to do about one field of desired, from what the hardware shows now and what is remembered of the wish.
 * Level-triggered: it may run at any time and gives the same answer for the same facts.
 */
export function judgeField(field: FieldCase, moment: Moment, limits: ReconcileLimits): Judged {
  const { memory, reading, annotations, forbidden, busy } = field;
  const listed = (state: FieldState, kept: FieldMemory = memory): Judged => ({
    judgement: { kind: 'listed', state },
    memory: kept,
  });
  if (busy === 'applying') return listed({ outcome: 'applying' });
  if (busy === 'overdue') return listed(retrying('adapter_timeout', 'the adapter has not finished yet'));
  if ('unreadable' in reading) return listed(retrying(reading.unreadable.code, reading.unreadable.message));
  const reported = reading.value === null ? undefined : reading.value;
  if (modelEqual({ desired: memory.desired, reported, annotations })) return converged(memory, moment);
  if (annotations.owner === 'device') return listed(refused('device_owned', 'only the device sets this field'));
  if (forbidden !== undefined) return listed(refused(forbidden.code, forbidden.message));
  if (memory.unverified !== undefined) {
    const verified = verify(memory, reading.value, moment, limits);
    return judgeField({ ...field, memory: verified }, moment, limits);
  }
  if (memory.refused !== undefined) return listed({ outcome: 'refused', ...memory.refused });
  if (memory.crashes >= limits.crashesMax) {
    return listed(refused('quarantined', `the device restarted ${memory.crashes} times while applying this value`));
  }
  if (memory.deferred !== undefined) return listed({ outcome: 'deferred', ...memory.deferred });
  if (memory.lease !== undefined) {
    const lease = told(memory.lease, moment);
    if (lease.endsAt > moment.checkedAt) return listed(overridden(lease), { ...memory, lease });
    return judgeField({ ...field, memory: { ...memory, lease: undefined, confirmedAt: undefined } }, moment, limits);
  }
  if (memory.confirmedAt !== undefined) {
    const local = localChange(field, reading, moment, limits);
    if (local !== undefined) return local;
  }
  if (busy === 'elsewhere') return listed(retrying('adapter_busy', 'the adapter is still busy with another field'));
  const age = ageOf(memory, annotations, moment);
  if (age === 'stale') return listed(refused('stale', 'the wish is older than this field allows'));
  if (memory.retry !== undefined && memory.retry.dueAt > moment.checkedAt) {
    return listed(retrying(memory.retry.code, memory.retry.message, memory.retry.at));
  }
  return { judgement: { kind: 'apply', ...(age === undefined ? {} : { notAfter: age }) }, memory };
}

/** After a restart only what is left of a lease is known; service time tells again when that will be. */
function told(lease: Lease, { now, serviceNow }: Moment): Lease {
  if (serviceNow === undefined) return lease;
  const until = epochMs(serviceNow + lease.endsAt - now);
  return lease.until !== undefined && Math.abs(lease.until - until) < LEASE_SLACK_MS ? lease : { ...lease, until };
}

/** Service time is known to the second; smaller steps are not worth a report. */
const LEASE_SLACK_MS = 5_000;

function overridden({ by, until }: Lease): FieldState {
  return { outcome: 'overridden', by, ...(until === undefined ? {} : { until }) };
}

function converged(memory: FieldMemory, { now }: Moment): Judged {
  const { confirmedAt, crashes } = memory;
  const free = isFree(memory);
  if (free && confirmedAt !== undefined && crashes === 0) return { judgement: CONVERGED, memory };
  const { desired, stampS, contests } = memory;
  const settled = {
    ...freshMemory({ desired, stampS }),
    contests,
    confirmedAt: (free ? confirmedAt : undefined) ?? now,
  };
  return { judgement: CONVERGED, memory: settled };
}

const CONVERGED: Judgement = { kind: 'converged' };

/** Nothing stands between the wish and the hardware. */
function isFree({ unverified, retry, refused: final, deferred, lease }: FieldMemory): boolean {
  return (
    unverified === undefined &&
    retry === undefined &&
    final === undefined &&
    deferred === undefined &&
    lease === undefined
  );
}

/** The adapter said `applied` and the hardware shows something else (C10, B16). */
function verify(memory: FieldMemory, value: JsonValue, moment: Moment, limits: ReconcileLimits): FieldMemory {
  const before = memory.unverified?.before ?? null;
  const unverified = { ...memory, unverified: undefined, confirmedAt: undefined };
  if (!jsonEqual(before, value)) {
    return { ...unverified, refused: { code: 'clamped', message: tidyMessage(`the device shows ${shown(value)}`) } };
  }
  return failed(
    unverified,
    'not_applied',
    `reported as done, but the device still shows ${shown(value)}`,
    moment,
    limits,
  );
}

/** Counts an attempt that did not work: try again later, or give up for this value. */
export function failed(
  memory: FieldMemory,
  code: string,
  message: string,
  { now, serviceNow, fraction }: Moment,
  limits: ReconcileLimits,
): FieldMemory {
  const attempts = memory.attempts + 1;
  if (attempts >= limits.attemptsMax) {
    const gaveUp = tidyMessage(`gave up after ${attempts} attempts: ${message}`);
    return { ...memory, retry: undefined, attempts, refused: { code, message: gaveUp } };
  }
  const delayMs = fullJitter({ attempt: attempts, baseMs: limits.retryBaseMs, capMs: limits.retryCapMs, fraction });
  const retry = {
    code,
    message: tidyMessage(message),
    dueAt: monotonicMs(now + delayMs),
    ...(serviceNow === undefined ? {} : { at: epochMs(serviceNow + delayMs) }),
  };
  return { ...memory, attempts, retry };
}

/** A fulfilled wish that no longer holds: somebody changed it at the device (rank 1, C12). */
function localChange(
  { memory, annotations }: FieldCase,
  reading: { readonly value: JsonValue; readonly by?: string },
  moment: Moment,
  limits: ReconcileLimits,
): Judged | undefined {
  const { now, serviceNow, fraction } = moment;
  const policy = annotations.onLocalChange ?? 'enforce';
  if (policy === 'adopt' && reading.value !== null) {
    return { judgement: { kind: 'adopt', value: reading.value }, memory };
  }
  if (policy === 'lease') {
    const lengthMs = annotations.leaseMs ?? limits.leaseMs;
    const lease = told({ by: reading.by ?? 'local', endsAt: monotonicMs(now + lengthMs) }, moment);
    return { judgement: { kind: 'listed', state: overridden(lease) }, memory: { ...memory, lease } };
  }
  if (memory.retry !== undefined) return undefined;
  const contests = now - (memory.confirmedAt ?? now) < CONTEST_MS ? memory.contests + 1 : 0;
  if (contests <= CONTESTS_FREE) return undefined;
  const attempt = contests - CONTESTS_FREE;
  const delayMs = fullJitter({ attempt, baseMs: limits.retryBaseMs, capMs: limits.retryCapMs, fraction });
  const retry = {
    code: 'contested',
    message: 'the value is changed back again and again',
    dueAt: monotonicMs(now + delayMs),
    ...(serviceNow === undefined ? {} : { at: epochMs(serviceNow + delayMs) }),
  };
  const state = retrying(retry.code, retry.message, retry.at);
  return { judgement: { kind: 'listed', state }, memory: { ...memory, retry } };
}

/** The count that decides when a fight is slowed down; called when an enforcement really starts. */
export function enforced(memory: FieldMemory, now: MonotonicMs): FieldMemory {
  if (memory.confirmedAt === undefined) return memory;
  const contests = now - memory.confirmedAt < CONTEST_MS ? memory.contests + 1 : 0;
  return { ...memory, contests };
}

/** `stale`, the instant at which the wish becomes so, or undefined where age does not matter. */
function ageOf(
  { stampS }: FieldMemory,
  { validForMs }: FieldAnnotations,
  { now, serviceNow }: Moment,
): 'stale' | MonotonicMs | undefined {
  if (validForMs === undefined) return undefined;
  // A wish of unknown age is not fresh: a late unlock must do nothing.
  if (stampS === undefined || serviceNow === undefined) return 'stale';
  const leftMs = stampS * 1_000 + validForMs - serviceNow;
  return leftMs < 0 ? 'stale' : monotonicMs(now + leftMs);
}

function shown(value: JsonValue): string {
  return value === null ? 'no value' : JSON.stringify(value).slice(0, 80);
}
