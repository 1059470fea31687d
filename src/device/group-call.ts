import type { FieldPointer } from '../core/brand.ts';
import type { CallResult, Settled } from '../core/reconcile/absorb.ts';
import { modelEqual } from '../core/model/model-equal.ts';
import type { Model } from '../core/model/model.ts';
import type { Reading } from '../core/reconcile/judge-field.ts';
import type { PlannedChange } from '../core/reconcile/plan.ts';
import type { Log } from '../ports/log.ts';
import type { AdapterHost } from './adapter-host.ts';

export interface CallContext {
  readonly hosts: ReadonlyMap<string, AdapterHost>;
  readonly model: Model;
  readonly log: Log;
  /** Still desired, not stale, and the device does not stop. */
  readonly wanted: (change: PlannedChange) => boolean;
}

/**
 * Applies a group's changes one after the other, each read back before the next. When one fails, those before it (and
 * whatever it did itself) are put back in reverse order, and every member says so.
 */
export async function callGroup(changes: readonly PlannedChange[], context: CallContext): Promise<Settled[]> {
  const done: PlannedChange[] = [];
  for (const change of changes) {
    const result = await applyOne(change, context);
    if (result.result === 'applied') {
      done.push(change);
      continue;
    }
    if (result.result === 'deferred') {
      // Accepted for later: the members before it stay, they are what it will meet.
      done.push(change);
      return [...settle(done.slice(0, -1), applied), { change, result }, ...rest(changes, change)];
    }
    await putBack(touched(done, change, result), context);
    return changes.map((member) => ({
      change: member,
      result: member === change ? result : undone(member, change, result),
    }));
  }
  return settle(done, applied);
}

const applied = ({ field }: PlannedChange): CallResult => ({ field, result: 'applied' });

function settle(changes: readonly PlannedChange[], result: (change: PlannedChange) => CallResult): Settled[] {
  return changes.map((change) => ({ change, result: result(change) }));
}

/** Members that were not reached stay open; the next pass goes on with them. */
function rest(changes: readonly PlannedChange[], last: PlannedChange): Settled[] {
  return settle(changes.slice(changes.indexOf(last) + 1), ({ field }) => ({ field, result: 'dropped' }));
}

/** One change, verified: a member that claims success without effect would hold up its group as well. */
async function applyOne(change: PlannedChange, context: CallContext): Promise<CallResult> {
  const { field } = change;
  const host = context.hosts.get(change.adapter);
  if (host === undefined || !context.wanted(change)) return { field, result: 'dropped' };
  const [result] = await host.apply([change]);
  if (result === undefined || result.result !== 'applied') return result ?? { field, result: 'dropped' };
  const shown = valueOf(await host.read(), field);
  if (shown === undefined) return { field, result: 'failed', code: 'not_readable', message: 'cannot be read back' };
  const annotations = context.model.annotations(field);
  if (modelEqual({ desired: change.value, reported: shown.value ?? undefined, annotations })) return result;
  const message = `the device shows ${JSON.stringify(shown.value).slice(0, 80)}`;
  return { field, result: 'refused', code: 'clamped', message };
}

function valueOf(readings: readonly [FieldPointer, Reading][], field: FieldPointer) {
  const reading = readings.find(([pointer]) => pointer === field)?.[1];
  return reading !== undefined && 'value' in reading ? reading : undefined;
}

/** What has to be put back, newest first. A clamped member did something too. */
function touched(done: readonly PlannedChange[], failed: PlannedChange, result: CallResult): PlannedChange[] {
  const own = 'code' in result && result.code === 'clamped' ? [failed] : [];
  return [...done, ...own].reverse();
}

async function putBack(changes: readonly PlannedChange[], { hosts, log }: CallContext): Promise<void> {
  for (const { field, previous, adapter } of changes) {
    const host = hosts.get(adapter);
    if (host === undefined || previous === null) {
      log.warn({ adapter, field }, 'a group member had no earlier value to put back');
      continue;
    }
    const [result] = await host.undo([{ field, value: previous }]);
    if (result?.result !== 'applied') log.error({ adapter, field }, 'a group member could not be put back');
  }
}

function undone({ field }: PlannedChange, { field: culprit }: PlannedChange, result: CallResult): CallResult {
  if (result.result === 'dropped') return { field, result: 'dropped' };
  const final = result.result === 'refused';
  return {
    field,
    result: final ? 'refused' : 'failed',
    code: 'group_undone',
    message: `put back because ${culprit} ${final ? 'was refused' : 'failed'}`,
  };
}
