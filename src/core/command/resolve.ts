import type { FieldPointer } from '../brand.ts';
import { jsonEqual } from '../json/json-equal.ts';
import type { JsonValue } from '../json/json.ts';
import { leavesOf, valueAt } from '../json/json-pointer.ts';
import { markAt, type ShadowView } from '../view/view.ts';
import type { Write } from './write.ts';

/**
 * What a snapshot, asked for after a write's result was lost, says of the write.
 *
 * landed       it was stored; `version` is the lowest possible one
 * not_sent     nothing happened since: the same write may go again
 * guard        something else happened, our fields are as they were: again, but guarded
 * overwritten  these fields were changed otherwise; the rest (`again`) is as it was
 */
export type Resolution =
  | { readonly type: 'landed'; readonly version: number }
  | { readonly type: 'not_sent' }
  | { readonly type: 'guard' }
  | { readonly type: 'overwritten'; readonly fields: readonly FieldPointer[] };

export function resolveWrite(write: Write, view: ShadowView): Resolution {
  const sameLife = write.base.incarnation === view.incarnation;
  if (!sameLife) return { type: 'guard' };
  if (view.version === write.base.version) return { type: 'not_sent' };
  const leaves = leavesOf(write.patch);
  // An update is stored whole or not at all: a leaf that is still as before denies what another seems to show. That one
  // was put there by an earlier attempt with the same value.
  const denied = leaves.some(
    ([field, value]) =>
      asksSomething(field, value, write) && !stands(field, value, write, view) && asBefore(field, write, view),
  );
  if (!denied && leaves.some(([field, value]) => stands(field, value, write, view))) {
    return { type: 'landed', version: write.base.version + 1 };
  }
  const changed = leaves.filter(
    ([field, value]) => !asBefore(field, write, view) && !stands(field, value, write, view),
  );
  if (changed.length > 0) return { type: 'overwritten', fields: changed.map(([field]) => field) };
  // Removing what is not there asks nothing more.
  return leaves.every(([, value]) => value === null)
    ? { type: 'landed', version: write.base.version + 1 }
    : { type: 'guard' };
}

/** Our leaf is there, and was stamped since: a value that stood before with its old stamp proves nothing. */
function stands(field: FieldPointer, value: JsonValue, write: Write, view: ShadowView): boolean {
  const standing = valueAt(view.state.desired, field);
  if (value === null) return standing === undefined && Object.hasOwn(write.before, field);
  if (standing === undefined || !jsonEqual(standing, value)) return false;
  // An empty array or object carries no stamp (R73, R75): that it was not there before has to do.
  if (isEmpty(value)) return !asBefore(field, write, view);
  const mark = markAt(view.marks.desired, field);
  return mark !== undefined && mark[0] >= write.base.stamp && (mark[1] > write.base.version || mark[1] === 0);
}

/** Writing what stood there, or removing what did not, shows nothing either way. */
function asksSomething(field: FieldPointer, value: JsonValue, write: Write): boolean {
  const before = Object.hasOwn(write.before, field) ? write.before[field] : undefined;
  return before === undefined ? value !== null : !jsonEqual(before, value);
}

function asBefore(field: FieldPointer, write: Write, view: ShadowView): boolean {
  const standing = valueAt(view.state.desired, field);
  const before = Object.hasOwn(write.before, field) ? write.before[field] : undefined;
  if (standing === undefined || before === undefined) return standing === before;
  return jsonEqual(standing, before);
}

function isEmpty(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
