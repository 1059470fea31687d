import { epochMs, monotonicMs, type FieldPointer, type MonotonicMs } from '../core/brand.ts';
import { jsonEqual } from '../core/json/json-equal.ts';
import { valueAt } from '../core/json/json-pointer.ts';
import type { JsonObject } from '../core/json/json.ts';
import type { Model } from '../core/model/model.ts';
import { absorb, type Settled } from '../core/reconcile/absorb.ts';
import type { Busy, Moment, Reading } from '../core/reconcile/judge-field.ts';
import type { ReconcileLimits } from '../core/reconcile/limits.ts';
import type { Memory } from '../core/reconcile/memory.ts';
import { plan, type Plan, type PlannedCall, type PlannedChange } from '../core/reconcile/plan.ts';
import type { PassOutcome, ServiceTime } from '../core/reconcile/shadow-state.ts';
import type { DeviceView } from '../core/reconcile/view.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { AdapterHost } from './adapter-host.ts';
import type { Failpoint } from './failpoint.ts';
import { callGroup } from './group-call.ts';

/** What a pass works with. The memory is the caller's: late answers of slow adapters reach it between two steps. */
export interface PassContext {
  readonly hosts: ReadonlyMap<string, AdapterHost>;
  readonly owned: ReadonlyMap<FieldPointer, string>;
  readonly model: Model;
  readonly limits: ReconcileLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly memory: { get(): Memory; set(memory: Memory): void };
  readonly service: () => { readonly time: ServiceTime | undefined; readonly checkedAt: MonotonicMs };
  /** Desired as known now, which may be newer than what the pass began with. */
  readonly desiredNow: () => JsonObject | undefined;
  readonly stopping: () => boolean;
  /** Makes the intent durable before anything has an effect. */
  readonly intend: (fields: readonly FieldPointer[]) => Promise<void>;
  /** A call that outlasted its pass has ended and its results are in the memory. */
  readonly onLate: () => void;
  /** Named points at which tests end the process. */
  readonly failpoint: (name: Failpoint) => void;
}

/** A pass that still finds work after so many rounds is going in circles. */
const ROUNDS_MAX = 64;

export interface PassResult {
  readonly outcome: PassOutcome;
  readonly applied: number;
}

/**
 * One pass: read, plan, apply, read back, until there is nothing left to do or the pass becomes slow. What it returns is
 * what was read. Adapters that are still at work then go on beside it.
 */
export async function runPass(
  { view, must }: { view: DeviceView | undefined; must: boolean },
  context: PassContext,
): Promise<PassResult> {
  const readings = new Map<FieldPointer, Reading>();
  let applied = 0;
  // Somebody who waits for an answer is not kept waiting by a slow sensor; a mere look has the time.
  const patienceMs = must ? context.limits.slowMs : undefined;
  const all = [...context.hosts.values()];
  await readInto(readings, all, patienceMs);
  const slowAt = monotonicMs(context.clock.monotonic() + context.limits.slowMs);
  for (let round = 1; ; round += 1) {
    const planned = planNow(view, readings, context);
    const calls = wantedCalls(planned.calls, context);
    const over = round > ROUNDS_MAX || context.stopping() || context.clock.monotonic() >= slowAt;
    if (calls.length === 0 || over) return { outcome: outcomeOf({ view, must, readings, planned, calls }), applied };
    const fields = calls.flatMap(({ changes }) => changes.map(({ field }) => field));
    context.failpoint('device.beforeJournal');
    await context.intend(fields);
    context.failpoint('device.afterJournal.beforeApply');
    const ended = await Promise.all(calls.map((call) => settledInTime(call, slowAt, context)));
    context.failpoint('device.afterApply.beforeReadback');
    applied += fields.length;
    const changed = new Set(calls.flatMap(({ changes }) => changes.map(({ adapter }) => adapter)));
    await readInto(
      readings,
      all.filter(({ adapter }) => changed.has(adapter.name)),
      patienceMs,
    );
    context.failpoint('device.afterReadback.beforeReport');
    if (ended.includes(false)) {
      const last = planNow(view, readings, context);
      return { outcome: outcomeOf({ view, must, readings, planned: last, calls: last.calls }), applied };
    }
  }
}

async function readInto(
  readings: Map<FieldPointer, Reading>,
  hosts: readonly AdapterHost[],
  patienceMs: number | undefined,
): Promise<void> {
  const reads = hosts.map((host) => host.read(patienceMs));
  for (const read of reads) for (const [field, reading] of await read) readings.set(field, reading);
}

function planNow(
  view: DeviceView | undefined,
  readings: ReadonlyMap<FieldPointer, Reading>,
  context: PassContext,
): Plan {
  const planned = plan(
    {
      desired: view?.desired,
      stamps: view?.stamps,
      owned: context.owned,
      readings,
      memory: context.memory.get(),
      busy: busyFields(context),
      model: context.model,
    },
    momentNow(context),
    context.limits,
  );
  context.memory.set(planned.memory);
  return planned;
}

function busyFields({ hosts }: PassContext): ReadonlyMap<FieldPointer, Busy> {
  let busy: Map<FieldPointer, Busy> | undefined;
  for (const host of hosts.values()) for (const [field, how] of host.busy()) (busy ??= new Map()).set(field, how);
  return busy ?? NOBODY_BUSY;
}

const NOBODY_BUSY: ReadonlyMap<FieldPointer, Busy> = new Map();

function momentNow({ clock, random, service }: PassContext): Moment {
  const now = clock.monotonic();
  const { time, checkedAt } = service();
  const serviceNow = time === undefined ? undefined : epochMs(time.at + now - time.since);
  return { now, checkedAt, serviceNow, fraction: random.fraction() };
}

/** I2: what is no longer desired is not applied, even if this pass began with it. */
function isWanted({ field, value, notAfter }: PlannedChange, context: PassContext): boolean {
  if (context.stopping() || (notAfter !== undefined && context.clock.monotonic() > notAfter)) return false;
  const wish = valueAt(context.desiredNow(), field);
  return wish !== undefined && jsonEqual(wish, value);
}

function wantedCalls(calls: readonly PlannedCall[], context: PassContext): PlannedCall[] {
  return calls
    .map((call) => ({ ...call, changes: call.changes.filter((change) => isWanted(change, context)) }))
    .filter(({ changes }) => changes.length > 0);
}

/** True when the call ended; false when the pass goes on without it. Its results reach the memory either way. */
function settledInTime(call: PlannedCall, slowAt: MonotonicMs, context: PassContext): Promise<boolean> {
  const { clock } = context;
  return new Promise((resolve) => {
    let late = false;
    const cancel = clock.at(slowAt, () => {
      late = true;
      resolve(false);
    });
    void settledCall(call, context).then((settled) => {
      cancel();
      context.memory.set(absorb(context.memory.get(), settled, momentNow(context), context.limits));
      resolve(true);
      if (late) context.onLate();
    });
  });
}

async function settledCall({ group, changes }: PlannedCall, context: PassContext): Promise<Settled[]> {
  // Making the intent durable took time: what changed meanwhile is not applied.
  const wanted = changes.filter((change) => isWanted(change, context));
  if (wanted.length < changes.length && group !== undefined) return [];
  if (group !== undefined) {
    const { hosts, model, log } = context;
    return callGroup(wanted, { hosts, model, log, wanted: (change) => isWanted(change, context) });
  }
  const host = context.hosts.get(wanted[0]?.adapter ?? '');
  if (host === undefined) return [];
  const results = await host.apply(wanted);
  return wanted.map((change, index) => ({
    change,
    result: results[index] ?? { field: change.field, result: 'dropped' },
  }));
}

function outcomeOf({
  view,
  must,
  readings,
  planned,
  calls,
}: {
  view: DeviceView | undefined;
  must: boolean;
  readings: ReadonlyMap<FieldPointer, Reading>;
  planned: Plan;
  calls: readonly PlannedCall[];
}): PassOutcome {
  const states = new Map(planned.states);
  for (const { changes } of calls) for (const { field } of changes) states.set(field, { outcome: 'applying' });
  return {
    version: view?.version ?? 0,
    must,
    readings: new Map(readings),
    states,
    unfinished: calls.length > 0,
    adopt: planned.adopt.map(({ field, value }) => ({ field, value, was: valueAt(view?.desired, field) ?? null })),
    wakeAt: planned.wakeAt,
  };
}
