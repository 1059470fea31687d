import type { FieldPointer } from '../brand.ts';
import { isJsonObject, member, objectFrom, type JsonObject, type JsonValue } from '../json/json.ts';
import { objectFromLeaves, valueAt } from '../json/json-pointer.ts';
import { modelEqual } from '../model/model-equal.ts';
import type { FieldValue, Model } from '../model/model.ts';
import { jsonBytes } from '../shadow/limits.ts';
import { mergeSection } from '../shadow/merge.ts';
import { fieldStateAsJson, retrying, tidyMessage, type FieldState } from './field-state.ts';
import type { Reading } from './judge-field.ts';
import { mergePatch } from './merge-patch.ts';

/** The member of `reported` that is ours (DESIGN.md section 4). */
const RECONCILER = 'reconciler';

/** The version that a document says was taken into account; 0 where it says nothing. */
export function claimOf(view: { readonly reported?: JsonObject | undefined } | undefined): number {
  const ours = view?.reported === undefined ? undefined : member(view.reported, RECONCILER);
  const version = isJsonObject(ours) ? member(ours, 'version') : undefined;
  return typeof version === 'number' ? version : 0;
}

export interface ReportInput {
  /** Desired as of `version`; needed for sizes and to know whether a small difference matters. */
  readonly desired: JsonObject | undefined;
  /** Reported as the service holds it, as far as we know. */
  readonly believed: JsonObject | undefined;
  readonly readings: ReadonlyMap<FieldPointer, Reading>;
  readonly states: ReadonlyMap<FieldPointer, FieldState>;
  /** The newest version whose desired state was taken into account. */
  readonly version: number;
  readonly model: Model;
  /** Somebody waits for `version`, even if nothing else changed. */
  readonly must: boolean;
  readonly bytesMax: number;
}

export interface Report {
  /** The patch to `reported`. */
  readonly patch: JsonObject;
  /** What was left out because the document would be too large. */
  readonly trimmed?: Trimmed;
}

export type Trimmed = 'messages' | 'details' | 'entries' | 'values';

/**
 * The smallest update that tells the truth, or undefined if there is nothing to say: what was read, never what was
 * wished, and what is to be said of fields that are not simply confirmed.
 */
export function buildReport(input: ReportInput): Report | undefined {
  const values = valueChanges(input);
  for (const trim of TRIMS) {
    const states = new Map(trim.states(input.states));
    const kept = trim.values ? fitting(values, states, input) : values;
    const patch = patchOf(kept, states, input);
    if (patch === undefined) return undefined;
    if (bytesAfter(patch, input) <= input.bytesMax || trim === TRIMS.at(-1)) {
      return trim.name === undefined ? { patch } : { patch, trimmed: trim.name };
    }
  }
  return undefined;
}

/** Our own member goes first, the device's values last. */
const TRIMS: readonly {
  readonly name?: Trimmed;
  readonly values?: true;
  readonly states: (states: ReadonlyMap<FieldPointer, FieldState>) => Iterable<readonly [FieldPointer, FieldState]>;
}[] = [
  { states: (states) => states },
  { name: 'messages', states: (states) => mapStates(states, shortMessage) },
  { name: 'details', states: (states) => mapStates(states, codeOnly) },
  { name: 'entries', states: leftOut },
  { name: 'values', values: true, states: leftOut },
];

const SHORT_MESSAGE_CHARACTERS = 40;

function shortMessage(state: FieldState): FieldState {
  if (state.message === undefined) return state;
  return { ...state, message: tidyMessage(state.message, SHORT_MESSAGE_CHARACTERS) };
}

function codeOnly({ outcome, code }: FieldState): FieldState {
  return code === undefined ? { outcome } : { outcome, code };
}

/** One entry that says how many others are missing. Readers find no command on this field. */
function leftOut(states: ReadonlyMap<FieldPointer, FieldState>): [FieldPointer, FieldState][] {
  if (states.size === 0) return [];
  return [[`/${RECONCILER}` as FieldPointer, retrying('payload_too_large', `${states.size} entries left out`)]];
}

function mapStates(
  states: ReadonlyMap<FieldPointer, FieldState>,
  change: (state: FieldState) => FieldState,
): [FieldPointer, FieldState][] {
  return [...states].map(([field, state]) => [field, change(state)]);
}

/** Fields whose reading is worth telling, `null` for those that have no value any more. */
function valueChanges({ believed, desired, readings, model }: ReportInput): FieldValue[] {
  const changes: FieldValue[] = [];
  for (const [field, reading] of readings) {
    if ('unreadable' in reading) continue;
    const known = valueAt(believed, field);
    const value = reading.value;
    if (value === null) {
      if (known !== undefined) changes.push({ field, value: null });
      continue;
    }
    if (known !== undefined && noise({ known, value, wish: valueAt(desired, field), field, model })) continue;
    const patch = mergePatch(known, value);
    if (patch !== undefined) changes.push({ field, value: patch });
  }
  return changes;
}

/** A difference within the model's tolerance that changes nothing about being converged (B17, C11). */
function noise({
  known,
  value,
  wish,
  field,
  model,
}: {
  known: JsonValue;
  value: JsonValue;
  wish: JsonValue | undefined;
  field: FieldPointer;
  model: Model;
}): boolean {
  const annotations = model.annotations(field);
  if (annotations.tolerance === undefined && annotations.step === undefined && annotations.unordered !== true) {
    return false;
  }
  if (!modelEqual({ desired: known, reported: value, annotations })) return false;
  if (wish === undefined) return true;
  const told = modelEqual({ desired: wish, reported: known, annotations });
  return told === modelEqual({ desired: wish, reported: value, annotations });
}

function patchOf(
  values: readonly FieldValue[],
  states: ReadonlyMap<FieldPointer, FieldState>,
  { believed, version, model, must }: ReportInput,
): JsonObject | undefined {
  const known = believed === undefined ? undefined : member(believed, RECONCILER);
  const before = isJsonObject(known) ? known : undefined;
  const fields = fieldsPatch(before, states);
  const ours: [string, JsonValue][] = [];
  if (before === undefined || member(before, 'version') !== version) ours.push(['version', version]);
  const newModel = before === undefined || member(before, 'model') !== model.id;
  if (newModel) ours.push(['model', model.id]);
  if (fields !== undefined) ours.push(['fields', fields]);
  const news = values.length > 0 || fields !== undefined || newModel;
  if (!news && !must) return undefined;
  // With nothing new to say a wake-up is still answered, if only by repeating the version.
  if (ours.length === 0 && must) ours.push(['version', version]);
  const leaves = values.map(({ field, value }): [FieldPointer, JsonValue] => [field, value]);
  if (ours.length > 0) leaves.push([OURS, objectFrom(ours)]);
  return objectFromLeaves(leaves);
}

const OURS = `/${RECONCILER}` as FieldPointer;

function fieldsPatch(
  before: JsonObject | undefined,
  states: ReadonlyMap<FieldPointer, FieldState>,
): JsonObject | undefined {
  const raw = before === undefined ? undefined : member(before, 'fields');
  if (raw === undefined && states.size === 0) return undefined;
  const known = isJsonObject(raw) ? raw : objectFrom([]);
  const wanted = objectFrom([...states].map(([field, state]) => [field, fieldStateAsJson(state)]));
  const patch = mergePatch(known, wanted);
  return isJsonObject(patch) && Object.keys(patch).length > 0 ? patch : undefined;
}

function bytesAfter(patch: JsonObject, { believed, desired }: ReportInput): number {
  const after = mergeSection(believed, patch);
  return (after === undefined ? 0 : jsonBytes(after)) + (desired === undefined ? 0 : jsonBytes(desired));
}

/** As many values as fit, smallest first; the rest is listed as too large, so that nobody takes silence for agreement. */
function fitting(
  values: readonly FieldValue[],
  states: Map<FieldPointer, FieldState>,
  input: ReportInput,
): readonly FieldValue[] {
  const kept: FieldValue[] = [];
  const bySize = [...values].sort((left, right) => jsonBytes(left.value) - jsonBytes(right.value));
  for (const change of bySize) {
    const patch = patchOf([...kept, change], states, input);
    if (patch !== undefined && bytesAfter(patch, input) <= input.bytesMax) kept.push(change);
    else states.set(change.field, { outcome: 'retrying', code: 'payload_too_large' });
  }
  return kept;
}
