import type { CommandId, EpochMs, FieldPointer } from '../brand.ts';
import { isOpenCommand, isOpenField } from '../command/clocks.ts';
import type { Command } from '../command/command.ts';
import type { Desk } from '../desk/desk.ts';
import { isJsonObject, type JsonValue } from '../json/json.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { leavesOf, overlaps, valueAt } from '../json/json-pointer.ts';
import { modelEqual } from '../model/model-equal.ts';
import type { Model } from '../model/model.ts';
import { absentView, markAt, sourceOf, type ShadowView } from '../view/view.ts';
import { causeOf, causeOfEnd } from './cause.ts';
import type { DriftEntry, Flapped, IgnoreRule } from './drift.ts';
import { ignoredBy } from './ignore.ts';

/** The drift of one shadow: what the report lists, and what is remembered of fields that agree. */
export interface DriftState {
  readonly entries: ReadonlyMap<FieldPointer, DriftEntry>;
  readonly agreements: ReadonlyMap<FieldPointer, Agreement>;
  /** The newest command per field that ended without success and was not acknowledged. */
  readonly ended: ReadonlyMap<FieldPointer, Command>;
}

/** On which version of its wish a field agreed last, and how often it left that state. */
export interface Agreement {
  readonly version: number;
  readonly flaps: number;
}

/** What was stored of one shadow. */
export interface StoredDrift {
  readonly entries: readonly DriftEntry[];
  /** Ended commands that an entry may point at. */
  readonly ended: readonly Command[];
  readonly flapped: readonly Flapped[];
  readonly view: ShadowView | undefined;
}

/**
 * The drift of a shadow after a restart. What agreed is seen in the stored view, and a field that was changed at the
 * device had agreed on the wish that still stands: without that, its cause would change by restarting.
 */
export function driftFrom({ entries, ended, flapped, view }: StoredDrift, model: Model): DriftState {
  const agreements = new Map<FieldPointer, Agreement>(
    flapped.map(({ field, version, flaps }) => [field, { version, flaps }]),
  );
  const agree = (field: FieldPointer, flaps: number): void => {
    agreements.set(field, { version: markAt(view?.marks.desired, field)?.[1] ?? 0, flaps });
  };
  for (const [field, desired] of leavesOf(view?.state.desired ?? {})) {
    const reported = valueAt(view?.state.reported, field);
    if (modelEqual({ desired, reported, annotations: model.annotations(field) })) {
      agree(field, agreements.get(field)?.flaps ?? 0);
    }
  }
  const held = new Map<FieldPointer, Command>();
  for (const { field, cause, desired, flaps, endedCommandId } of entries) {
    const stands = sameValue(desired, valueAt(view?.state.desired, field));
    if (cause === 'changed_on_device' && stands) agree(field, flaps);
    const command = ended.find(({ id }) => id === endedCommandId);
    if (command !== undefined) held.set(field, command);
  }
  return {
    entries: entries.length === 0 ? NO_DRIFT.entries : new Map(entries.map((entry) => [entry.field, entry])),
    agreements: agreements.size === 0 ? NO_DRIFT.agreements : agreements,
    ended: held.size === 0 ? NO_DRIFT.ended : held,
  };
}

export const NO_DRIFT: DriftState = { entries: new Map(), agreements: new Map(), ended: new Map() };

export interface DriftContext {
  readonly model: Model;
  readonly rules: readonly IgnoreRule[];
  readonly now: EpochMs;
}

export interface DriftStep {
  readonly state: DriftState;
  /** The new entry, or undefined where it went. */
  readonly changed: ReadonlyMap<FieldPointer, DriftEntry | undefined>;
  /** To be kept beside the entries: the count outlives them. */
  readonly flapped: readonly Flapped[];
}

/** More fields of one shadow than anybody looks at; of others it is forgotten with the desk. */
const FLAPPED_MAX = 64;
const NONE_FLAPPED: readonly Flapped[] = [];

/**
 * The drift after a change of the desk. `touched` are the pointers that may have changed; undefined looks at everything.
 * Looking at more fields than necessary changes nothing, so the incremental way and the full sweep give one answer.
 */
export function driftAfter(
  state: DriftState,
  desk: Desk,
  touched: readonly FieldPointer[] | undefined,
  context: DriftContext,
): DriftStep {
  // Almost every message changes neither: maps are copied only before their first change.
  let entries: Map<FieldPointer, DriftEntry> | undefined;
  let agreements: Map<FieldPointer, Agreement> | undefined;
  let flapped: Flapped[] | undefined;
  const changed = new Map<FieldPointer, DriftEntry | undefined>();
  for (const field of fieldsOf(state, desk, touched)) {
    const before = state.entries.get(field);
    const agreed = state.agreements.get(field);
    const differs = isDrift(desk, field, context.model);
    const after = entryFor(field, { before, agreed, differs, desk, ended: state.ended.get(field) }, context);
    const agreement = differs ? agreed : agreementOf(desk, field, { before, agreed }, context.model);
    if (agreement !== undefined && (agreement.version !== agreed?.version || agreement.flaps !== agreed.flaps)) {
      (agreements ??= new Map(state.agreements)).set(field, agreement);
      if (agreement.flaps > (agreed?.flaps ?? 0)) (flapped ??= []).push({ field, ...agreement });
    }
    if (sameEntry(before, after)) continue;
    changed.set(field, after);
    entries ??= new Map(state.entries);
    if (after === undefined) entries.delete(field);
    else entries.set(field, after);
  }
  if (entries === undefined && agreements === undefined) return { state, changed, flapped: NONE_FLAPPED };
  const known = agreements ?? state.agreements;
  return {
    state: { entries: entries ?? state.entries, agreements: known, ended: state.ended },
    changed,
    flapped: flapped === undefined || countFlapped(known) > FLAPPED_MAX ? NONE_FLAPPED : flapped,
  };
}

function countFlapped(agreements: DriftState['agreements']): number {
  let count = 0;
  for (const { flaps } of agreements.values()) if (flaps > 0) count += 1;
  return count;
}

function agreementOf(
  desk: Desk,
  field: FieldPointer,
  { before, agreed }: { before: DriftEntry | undefined; agreed: Agreement | undefined },
  model: Model,
): Agreement | undefined {
  if (!isAgreed(desk, field, model)) return agreed;
  const version = markAt(desk.sight.view?.marks.desired, field)?.[1] ?? 0;
  const flaps = before?.differs === true ? before.flaps + 1 : (agreed?.flaps ?? before?.flaps ?? 0);
  return { version, flaps };
}

/** A command that ended without success holds its fields in the report until somebody acknowledges them. */
export function withEnded(state: DriftState, command: Command): { state: DriftState; fields: FieldPointer[] } {
  const holds = command.status === 'failed' || command.status === 'timed_out' || command.status === 'expired';
  const ended = new Map(state.ended);
  const fields: FieldPointer[] = [];
  for (const { field, state: outcome } of command.fields) {
    const held = holds && outcome.outcome !== 'confirmed' && outcome.outcome !== 'superseded';
    if (held) ended.set(field, command);
    else if (ended.get(field)?.id === command.id) ended.delete(field);
    else continue;
    fields.push(field);
  }
  return { state: { ...state, ended }, fields };
}

/** Somebody has seen it: the field is no longer held, and hidden while it goes on to differ in the same way. */
export function acknowledged(
  state: DriftState,
  field: FieldPointer,
  by: { readonly by: string; readonly at: EpochMs; readonly reason?: string },
): DriftStep | undefined {
  const entry = state.entries.get(field);
  if (entry === undefined) return undefined;
  const entries = new Map(state.entries);
  const ended = new Map(state.ended);
  ended.delete(field);
  const { endedCommandId: _, ...rest } = entry;
  const after: DriftEntry | undefined = entry.differs ? { ...rest, acknowledged: by } : undefined;
  if (after === undefined) entries.delete(field);
  else entries.set(field, after);
  return { state: { ...state, entries, ended }, changed: new Map([[field, after]]), flapped: NONE_FLAPPED };
}

function fieldsOf(state: DriftState, desk: Desk, touched: readonly FieldPointer[] | undefined): Set<FieldPointer> {
  const desired = desk.sight.view?.state.desired;
  if (touched === undefined) {
    return new Set([
      ...leavesOf(desired ?? {}).map(([field]) => field),
      ...state.entries.keys(),
      ...state.ended.keys(),
    ]);
  }
  const fields = new Set<FieldPointer>();
  for (const pointer of touched) {
    const value = valueAt(desired, pointer);
    if (isJsonObject(value) && Object.keys(value).length > 0) {
      for (const [below] of leavesOf(value)) fields.add(`${pointer}${below}` as FieldPointer);
    } else {
      fields.add(standingLeaf(desired, pointer));
    }
    for (const known of [...state.entries.keys(), ...state.ended.keys()]) {
      if (overlaps({ left: known, right: pointer })) fields.add(known);
    }
  }
  return fields;
}

/** A change below a desired leaf (an array, a scalar, an object that was emptied) concerns that leaf. */
function standingLeaf(desired: JsonValue | undefined, pointer: FieldPointer): FieldPointer {
  for (let end = pointer.lastIndexOf('/'); end > 0; end = pointer.lastIndexOf('/', end - 1)) {
    const above = pointer.slice(0, end) as FieldPointer;
    const value = valueAt(desired, above);
    if (value !== undefined && (!isJsonObject(value) || Object.keys(value).length === 0)) return above;
  }
  return pointer;
}

/** Differs by the model, and no open command explains it. */
function isDrift(desk: Desk, field: FieldPointer, model: Model): boolean {
  const { view } = desk.sight;
  const desired = valueAt(view?.state.desired, field);
  if (desired === undefined || (isJsonObject(desired) && Object.keys(desired).length > 0)) return false;
  const reported = valueAt(view?.state.reported, field);
  if (isJsonObject(desired) && isJsonObject(reported)) return false;
  if (modelEqual({ desired, reported, annotations: model.annotations(field) })) return false;
  return openOn(desk, field) === undefined;
}

function isAgreed(desk: Desk, field: FieldPointer, model: Model): boolean {
  const { view } = desk.sight;
  const desired = valueAt(view?.state.desired, field);
  if (desired === undefined) return false;
  return modelEqual({ desired, reported: valueAt(view?.state.reported, field), annotations: model.annotations(field) });
}

/** The youngest open command that asks for the field: it explains why it differs. */
function openOn(desk: Desk, field: FieldPointer): Command | undefined {
  let found: Command | undefined;
  for (const command of desk.commands.values()) {
    if (!isOpenCommand(command)) continue;
    if (command.fields.some((own) => isOpenField(own) && overlaps({ left: own.field, right: field }))) found = command;
  }
  return found;
}

interface EntryFacts {
  readonly before: DriftEntry | undefined;
  readonly agreed: Agreement | undefined;
  readonly differs: boolean;
  readonly desk: Desk;
  readonly ended: Command | undefined;
}

function entryFor(field: FieldPointer, facts: EntryFacts, context: DriftContext): DriftEntry | undefined {
  const { before, agreed, differs, desk, ended } = facts;
  if (!differs && ended === undefined && (before?.endedCommandId === undefined || before.acknowledged !== undefined)) {
    return undefined;
  }
  const view = desk.sight.view ?? absentView(desk.ref, 1, context.now);
  const desired = valueAt(view.state.desired, field);
  const reported = valueAt(view.state.reported, field);
  const mark = markAt(view.marks.desired, field);
  const source = mark === undefined ? undefined : sourceOf(mark);
  const heldBy: CommandId | undefined = ended?.id ?? before?.endedCommandId;
  const cause = differs
    ? causeOf({
        field,
        view,
        word: desk.word,
        presence: desk.presence,
        model: context.model,
        agreedVersion: agreed?.version,
        ended,
      })
    : ended === undefined
      ? {
          cause: before?.cause ?? ('unknown' as const),
          ...(before?.detail === undefined ? {} : { detail: before.detail }),
        }
      : causeOfEnd(ended, field);
  const open = differs ? undefined : openOn(desk, field);
  // It agreed until just now, as far as anybody saw.
  const started = differs && before?.differs !== true;
  const lastAgreedAt = started && agreed !== undefined ? context.now : before?.lastAgreedAt;
  const covered = ignoredBy({ ref: desk.ref, field }, context);
  // Acknowledged once is acknowledged while the same difference lasts.
  const same = before !== undefined && before.differs && differs && sameValue(before.desired, desired);
  return {
    ref: desk.ref,
    field,
    ...(desired === undefined ? {} : { desired }),
    ...(reported === undefined ? {} : { reported }),
    differs,
    ...cause,
    firstSeenAt: before?.firstSeenAt ?? context.now,
    ...(lastAgreedAt === undefined ? {} : { lastAgreedAt }),
    flaps: agreed?.flaps ?? before?.flaps ?? 0,
    ...(source?.kind === 'command'
      ? { commandId: source.commandId, author: source.author }
      : ended === undefined
        ? {}
        : { commandId: ended.id, author: ended.author }),
    ...(heldBy === undefined ? {} : { endedCommandId: heldBy }),
    ...(open === undefined ? {} : { openCommandId: open.id }),
    ...(same && before.acknowledged !== undefined && ended === undefined ? { acknowledged: before.acknowledged } : {}),
    ...(covered === undefined ? {} : { ignoredBy: covered }),
    version: view.version,
    incarnation: view.incarnation,
    seenAt: view.seenAt,
  };
}

function sameValue(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return jsonEqual(left, right);
}

/** Version and time of the last look alone are no news. */
function sameEntry(left: DriftEntry | undefined, right: DriftEntry | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  const { version: _, seenAt: __, ...before } = left;
  const { version: ___, seenAt: ____, ...after } = right;
  return jsonEqual(before as unknown as JsonValue, after as unknown as JsonValue);
}
