import { epochMs, type CommandId, type EpochMs, type FieldPointer } from '../brand.ts';
import { deadlineOf, isOpenCommand, isOpenField } from '../command/clocks.ts';
import type { Command, CommandField } from '../command/command.ts';
import { member, type JsonObject, type JsonValue } from '../json/json.ts';
import { leavesOf, valueAt } from '../json/json-pointer.ts';
import { modelEqual } from '../model/model-equal.ts';
import type { Model } from '../model/model.ts';
import type { Desk } from '../desk/desk.ts';
import { markAt, sourceOf } from '../view/view.ts';
import { explainCommand } from './explain-command.ts';

/** One field for a screen that must not bounce (DESIGN.md section 6). */
export interface ShadowField {
  readonly field: FieldPointer;
  readonly shown?: JsonValue;
  readonly desired?: JsonValue;
  readonly confirmed?: JsonValue;
  readonly converged: boolean;
  readonly pendingSince?: EpochMs;
  readonly settleBy?: EpochMs;
  readonly reason?: string;
  readonly commandId?: CommandId;
  readonly author?: string;
}

const RECONCILER = 'reconciler';

/** Every leaf of desired and reported, each once, desired ones first. The device's own member is no field. */
export function shadowFields(desk: Desk, { model, now }: { model: Model; now: EpochMs }): ShadowField[] {
  const { view } = desk.sight;
  const desired = new Map(leavesOf(view?.state.desired ?? {}));
  const queued = [...desk.commands.values()]
    .filter(({ status }) => status === 'queued')
    .flatMap(({ fields }) => fields);
  const reported = leavesOf(withoutReconciler(view?.state.reported));
  const fields = new Set<FieldPointer>([
    ...desired.keys(),
    ...queued.map(({ field }) => field),
    ...reported.map(([field]) => field),
  ]);
  return [...fields].map((field) => shadowField(desk, field, { model, now }));
}

function shadowField(desk: Desk, field: FieldPointer, { model, now }: { model: Model; now: EpochMs }): ShadowField {
  const { view } = desk.sight;
  const desired = valueAt(view?.state.desired, field);
  const confirmed = valueAt(view?.state.reported, field);
  const converged =
    desired === undefined || modelEqual({ desired, reported: confirmed, annotations: model.annotations(field) });
  const pending = openOn(desk, field);
  const settleBy = pending === undefined ? undefined : deadlineOf(pending.command);
  const waits = pending !== undefined && settleBy !== undefined && now < settleBy;
  const wish = pending?.field.desired;
  const shown = waits && wish !== null ? wish : confirmed;
  const owner = pending?.command ?? ownerOf(desk, field);
  return {
    field,
    ...(shown === undefined ? {} : { shown }),
    ...(desired === undefined ? {} : { desired }),
    ...(confirmed === undefined ? {} : { confirmed }),
    converged: converged && pending === undefined,
    ...(pending === undefined ? {} : { pendingSince: pending.command.createdAt }),
    ...(settleBy === undefined ? {} : { settleBy }),
    ...(pending === undefined
      ? converged
        ? {}
        : { reason: 'differs' }
      : { reason: explainCommand(pending.command, desk).code }),
    ...(owner === undefined ? {} : { commandId: owner.id, author: owner.author }),
  };
}

/** The youngest open command that still wants this field. */
function openOn(desk: Desk, field: FieldPointer): { command: Command; field: CommandField } | undefined {
  let found: { command: Command; field: CommandField } | undefined;
  for (const command of desk.commands.values()) {
    if (!isOpenCommand(command)) continue;
    const own = command.fields.find((candidate) => candidate.field === field && isOpenField(candidate));
    if (own !== undefined) found = { command, field: own };
  }
  return found;
}

function ownerOf(desk: Desk, field: FieldPointer): Command | undefined {
  const mark = markAt(desk.sight.view?.marks.desired, field);
  const source = mark === undefined ? undefined : sourceOf(mark);
  return source?.kind === 'command' ? desk.commands.get(source.commandId) : undefined;
}

export function withoutReconciler(reported: JsonObject | undefined): JsonObject {
  if (reported === undefined) return {};
  if (member(reported, RECONCILER) === undefined) return reported;
  return Object.fromEntries(Object.entries(reported).filter(([key]) => key !== RECONCILER));
}

export const asOf = (desk: Desk, now: EpochMs): EpochMs => desk.sight.view?.seenAt ?? epochMs(now);
