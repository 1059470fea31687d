import { isOpenField } from '../command/clocks.ts';
import type { Command, CommandField } from '../command/command.ts';
import type { FieldFacts } from '../command/events.ts';
import type { Write } from '../command/write.ts';
import { jsonEqual } from '../json/json-equal.ts';
import type { JsonValue } from '../json/json.ts';
import { overlaps, valueAt } from '../json/json-pointer.ts';
import { modelEqual } from '../model/model-equal.ts';
import { markAt, sourceOf, type ShadowView } from '../view/view.ts';
import type { Draft } from './draft.ts';

interface Landed {
  readonly command: Command;
  readonly field: CommandField;
  readonly write: Write;
  readonly before: ShadowView | undefined;
}

/**
 * What was true of a field when the write was stored. `before` is the view right below the write; without it nobody here
 * saw what was reported then: a later view may show the device's answer already, which is no sign that nothing changed.
 */
export function factsOf(draft: Draft, { command, field, write, before: view }: Landed): FieldFacts {
  const { model } = draft.context;
  const before = view === undefined ? beforeOf(write, field) : valueAt(view.state.desired, field.field);
  const restoreTo = restoreTarget(draft, { command, field, before, view });
  const reported = valueAt(view?.state.reported, field.field);
  const annotations = model.annotations(field.field);
  const alreadyEqual =
    field.desired === null
      ? before === undefined
      : view !== undefined && modelEqual({ desired: field.desired, reported, annotations });
  const plain = view !== undefined && draft.desk.word === undefined;
  const quiet = before === undefined || modelEqual({ desired: before, reported, annotations });
  const settled =
    plain && alreadyEqual && quiet && draft.desk.presence.state !== 'offline' && !othersOpen(draft, command, field);
  return { field: field.field, ...(restoreTo === undefined ? {} : { restoreTo }), alreadyEqual, settled };
}

function beforeOf(write: Write, { field }: CommandField): JsonValue | undefined {
  return Object.hasOwn(write.before, field) ? write.before[field] : undefined;
}

/** The last desired value that was confirmed or foreign: an unconfirmed wish of ours hands on what it would restore. */
function restoreTarget(
  draft: Draft,
  {
    command,
    field,
    before,
    view,
  }: { command: Command; field: CommandField; before: JsonValue | undefined; view: ShadowView | undefined },
): JsonValue | undefined {
  if (before === undefined) return undefined;
  const mark = markAt((view ?? draft.desk.sight.view)?.marks.desired, field.field);
  const source = mark === undefined ? undefined : sourceOf(mark);
  if (source?.kind !== 'command' || source.commandId === command.id) return before;
  const owner = draft.command(source.commandId)?.fields.find((candidate) => candidate.field === field.field);
  if (owner === undefined || owner.state.outcome === 'confirmed' || !jsonEqual(owner.desired, before)) return before;
  return owner.restoreTo;
}

function othersOpen(draft: Draft, command: Command, { field }: CommandField): boolean {
  return draft
    .openCommands()
    .some(
      (other) =>
        other.id !== command.id &&
        other.version !== undefined &&
        other.fields.some((candidate) => isOpenField(candidate) && overlaps({ left: candidate.field, right: field })),
    );
}
