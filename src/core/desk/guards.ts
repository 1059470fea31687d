import type { CommandId, FieldPointer } from '../brand.ts';
import { isOpenField } from '../command/clocks.ts';
import type { Successor } from '../command/command.ts';
import { leftBehind } from '../command/ending.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { leavesOf, objectFromLeaves, overlaps, valueAt } from '../json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { markAt, sourceOf, type ShadowView } from '../view/view.ts';
import type { Guard, LaneTask } from './desk.ts';
import type { Draft } from './draft.ts';

/** What a guarded write may still say, once desired was compared with what was believed of it. */

/** Waits to be written. An overdue one waits for its end. */
export function isQueued(draft: Draft, id: CommandId): boolean {
  return draft.command(id)?.status === 'queued' && !draft.desk.overdue.has(id);
}

/**
 * A shadow that does not exist cannot be locked: what is heard of its next life is read before a guarded write goes out
 * as if there were none (found by seed 243).
 */
export function mayBeMade({ desk: { sight, asking } }: Draft): boolean {
  return sight.view?.version === 0 && (sight.held.length > 0 || asking.needed > asking.answered);
}

/** The patch to write, or undefined if there is nothing (more) to write. */
export function checked(draft: Draft, lane: LaneTask, guard: Guard, view: ShadowView): JsonObject | undefined {
  switch (guard.type) {
    case 'if_version':
      return checkVersion(draft, lane, guard.version, view);
    case 'as_before':
      return checkBefore(draft, lane, guard.before, view);
    case 'still_ours':
      return checkOurs(draft, lane, view);
  }
}

function checkVersion(
  draft: Draft,
  { commandIds: [id] }: LaneTask,
  version: number,
  view: ShadowView,
): JsonObject | undefined {
  const command = id === undefined || !isQueued(draft, id) ? undefined : draft.command(id);
  if (command === undefined) return undefined;
  const changed = command.fields.find(({ field }) => !unchangedSince(field, version, view));
  if (changed === undefined) return openPatch(draft, [command.id]);
  const message = `${changed.field} was changed after version ${version}`;
  draft.apply(command.id, { type: 'rejected', code: 'version_conflict', message, by: 'desk' });
  return undefined;
}

/** Shown by the marks; what they cannot show counts as changed. */
function unchangedSince(field: FieldPointer, version: number, view: ShadowView): boolean {
  if (view.version < version) return false;
  if (view.desiredVersion <= version) return true;
  const mark = markAt(view.marks.desired, field);
  return mark !== undefined && mark[1] <= version;
}

function checkBefore(
  draft: Draft,
  lane: LaneTask,
  before: Readonly<Record<FieldPointer, JsonValue>>,
  view: ShadowView,
): JsonObject | undefined {
  const ids = lane.commandIds.filter((id) => isQueued(draft, id));
  const changed = leavesOf(openPatch(draft, ids)).flatMap(([field, wish]) => {
    const was = Object.hasOwn(before, field) ? before[field] : undefined;
    const is = valueAt(view.state.desired, field);
    const same = was === undefined || is === undefined ? was === is : jsonEqual(was, is);
    // What is there already as it is wished was overwritten by nobody: an earlier attempt of ours may have put it there.
    return same || (is !== undefined && jsonEqual(is, wish)) ? [] : [field];
  });
  overwrite(draft, ids, changed, view);
  const left = ids.filter((id) => isQueued(draft, id));
  return left.length === 0 ? undefined : openPatch(draft, left);
}

function checkOurs(draft: Draft, { commandIds: [id], purpose }: LaneTask, view: ShadowView): JsonObject | undefined {
  const command = id === undefined ? undefined : draft.command(id);
  if (command === undefined) return undefined;
  const left = leftBehind(command, view);
  if (left.length === 0) {
    draft.apply(command.id, { type: 'ending', result: 'kept' });
    return undefined;
  }
  return objectFromLeaves(
    left.map(({ field, restoreTo }) => [field, purpose === 'restore' ? (restoreTo ?? null) : null] as const),
  );
}

/** Somebody else changed these fields before our write came to be. */
function overwrite(draft: Draft, ids: readonly CommandId[], fields: readonly FieldPointer[], view: ShadowView): void {
  for (const id of ids) {
    const own = draft.command(id)?.fields ?? [];
    const lost = fields.filter((field) => own.some((candidate) => overlaps({ left: candidate.field, right: field })));
    if (lost.length === 0) continue;
    draft.apply(id, { type: 'overwritten', fields: lost.map((field) => ({ field, by: successor(field, view) })) });
  }
}

function successor(field: FieldPointer, view: ShadowView): Successor {
  const mark = markAt(view.marks.desired, field);
  const source = mark === undefined ? undefined : sourceOf(mark);
  if (source?.kind === 'command') return { kind: 'command', commandId: source.commandId };
  if (source?.kind === 'foreign' && mark !== undefined) {
    return {
      kind: 'foreign',
      version: mark[1],
      ...(source.clientToken === undefined ? {} : { clientToken: source.clientToken }),
    };
  }
  return { kind: 'unknown', version: view.version };
}

/** The open fields of these commands as one patch, the younger ones' values on top. */
function openPatch(draft: Draft, ids: readonly CommandId[]): JsonObject {
  const leaves = ids.flatMap((id) => draft.command(id)?.fields.filter(isOpenField) ?? []);
  return objectFromLeaves(leaves.map(({ field, desired }) => [field, desired] as const));
}
