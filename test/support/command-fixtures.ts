import { epochMs, type CommandId, type EpochMs, type FieldPointer, type WriteId } from '../../src/core/brand.ts';
import type { Command, CommandField, CommandStatus, FieldOutcome } from '../../src/core/command/command.ts';
import type { DeviceWord, WordOutcome } from '../../src/core/command/judge.ts';
import { NO_MODEL, type FieldAnnotations, type Model } from '../../src/core/model/model.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import { leavesOf } from '../../src/core/json/json-pointer.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { seeAccepted, NOTHING_SEEN, type AcceptedUpdate, type Sight } from '../../src/core/view/sight.ts';
import { absentView, foreignSource } from '../../src/core/view/view.ts';

export const T0 = epochMs(1_800_000_000_000);
export const at = (ms: number): EpochMs => epochMs(T0 + ms);
export const HEATER: ShadowRef = { thingName: 'heater' as ShadowRef['thingName'] };

export const commandId = (number: number): CommandId =>
  `018f0000-0000-7000-8000-${String(number).padStart(12, '0')}` as CommandId;
export const writeId = (number: number): WriteId =>
  `018f0000-0000-7000-9000-${String(number).padStart(12, '0')}` as WriteId;

/** A command as it was when it got the status, with everything else at its default. */
export function aCommand(patch: JsonObject = { targetC: 22 }, changes: Partial<Command> = {}): Command {
  const fields: CommandField[] = leavesOf(patch).map(([field, desired]) => ({
    field,
    desired,
    state: { outcome: 'pending' },
  }));
  return {
    id: commandId(1),
    kind: 'shadow',
    ref: HEATER,
    author: 'anna',
    createdAt: T0,
    patch,
    fields,
    policy: { applyWithinMs: 60_000, expiresAt: at(3_600_000), whenOffline: 'wait', onEnd: 'restore' },
    status: 'queued',
    clock: { leftMs: 60_000 },
    revision: 1,
    ...changes,
  };
}

const CLOSED_AS: Partial<Record<CommandStatus, FieldOutcome>> = {
  succeeded: { outcome: 'confirmed' },
  succeeded_late: { outcome: 'confirmed' },
  failed: { outcome: 'refused', code: 'no', message: '' },
  superseded: { outcome: 'superseded', by: { kind: 'deleted' } },
};

export function commandIn(status: CommandStatus, changes: Partial<Command> = {}): Command {
  const written = status !== 'queued';
  const ended = !['queued', 'sent', 'delivered'].includes(status);
  const state = CLOSED_AS[status];
  return aCommand(undefined, {
    status,
    ...(written ? { version: 5, versionFrom: 'accepted', incarnation: 1, stamp: 1_800_000_000, sentAt: T0 } : {}),
    ...(status === 'delivered' ? { deliveredAt: T0 } : {}),
    ...(ended ? { endedAt: T0 } : {}),
    ...(state === undefined ? {} : { fields: [{ field: '/targetC' as FieldPointer, desired: 22, state }] }),
    ...changes,
  });
}

/** What the service would say of an update: metadata and version made up for the test. */
export function accepted(
  version: number,
  state: AcceptedUpdate['state'],
  more: Partial<AcceptedUpdate> = {},
): AcceptedUpdate {
  const timestamp = more.timestamp ?? 1_800_000_000 + version;
  return { version, timestamp, metadata: {}, state, ...more };
}

/** The view after these updates, one version after the other. */
export function sightAfter(updates: readonly AcceptedUpdate[], source?: (field: FieldPointer) => string): Sight {
  let sight: Sight = { ...NOTHING_SEEN, view: absentView(HEATER, 1, T0) };
  for (const update of updates) {
    const from = source ?? ((): string => foreignSource(update.clientToken));
    sight = seeAccepted(sight, { update, source: from }, { ref: HEATER, now: T0 }).sight;
  }
  return sight;
}

export function word(version: number, fields: Readonly<Record<string, WordOutcome>> = {}): DeviceWord {
  return { version, fields: new Map(Object.entries(fields) as [FieldPointer, WordOutcome][]) };
}

/** A model that annotates these fields and knows all. */
export function modelWith(annotations: Readonly<Record<string, FieldAnnotations>>): Model {
  return { ...NO_MODEL, id: 'test@1', annotations: (field) => annotations[field] ?? {} };
}

export const field = (pointer: string): FieldPointer => pointer as FieldPointer;
export type { JsonValue };
