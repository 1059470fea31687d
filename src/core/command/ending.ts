import { jsonEqual } from '../json/json-equal.ts';
import { valueAt } from '../json/json-pointer.ts';
import { markAt, sourceOf, type ShadowView } from '../view/view.ts';
import type { Command, CommandField } from './command.ts';

/**
 * What is to be done with desired after a command ended without success: its unconfirmed fields that are still ours,
 * that is, the latest accepted write to the field is this command's, equal values included. Empty: nothing of it stands.
 */
export function leftBehind(command: Command, view: ShadowView): readonly CommandField[] {
  if (command.version === undefined || command.incarnation !== view.incarnation) return [];
  return command.fields.filter((field) => field.state.outcome !== 'confirmed' && isStillOurs(field, command, view));
}

export function isStillOurs(field: CommandField, command: Command, view: ShadowView): boolean {
  const standing = valueAt(view.state.desired, field.field);
  if (standing === undefined || !jsonEqual(standing, field.desired)) return false;
  const mark = markAt(view.marks.desired, field.field);
  if (mark === undefined) return false;
  const source = sourceOf(mark);
  if (source.kind === 'command') return source.commandId === command.id;
  // A view that was rebuilt from a snapshot does not know who wrote; the stamp of our own write does.
  return source.kind === 'unknown' && mark[0] !== 0 && mark[0] === command.stamp;
}

/** Whether somebody else has written the field since: then later reports prove nothing for this command. */
export function isTakenOver(field: CommandField, command: Command, view: ShadowView): boolean {
  const mark = markAt(view.marks.desired, field.field);
  if (mark === undefined || mark[1] <= (command.version ?? Infinity)) return false;
  const source = sourceOf(mark);
  return source.kind === 'foreign' || (source.kind === 'command' && source.commandId !== command.id);
}
