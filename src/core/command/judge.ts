import { epochMs, type FieldPointer } from '../brand.ts';
import { isJsonObject, type JsonValue } from '../json/json.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { overlaps, valueAt } from '../json/json-pointer.ts';
import { modelEqual } from '../model/model-equal.ts';
import type { Model } from '../model/model.ts';
import { markAt, sourceOf, type ShadowView } from '../view/view.ts';
import { isOpenField } from './clocks.ts';
import type { Command, CommandField, FieldOutcome, Successor } from './command.ts';
import type { Findings } from './events.ts';

/**
 * What the device says of its own work (`reported.reconciler`). `version` is the newest document version it took into
 * account: 0 if it claims none, or if the claim was not below the version of the update that carried it.
 */
export interface DeviceWord {
  readonly version: number;
  readonly model?: string;
  readonly fields: ReadonlyMap<FieldPointer, WordOutcome>;
}

export interface WordOutcome {
  readonly outcome: 'applying' | 'retrying' | 'deferred' | 'overridden' | 'refused';
  readonly code?: string;
  readonly message?: string;
  readonly retryAt?: number;
  readonly until?: 'restart' | 'window' | number;
  readonly by?: string;
}

export interface Evidence {
  readonly view: ShadowView;
  /** Undefined: a plain device without our reconciler. */
  readonly word?: DeviceWord | undefined;
  readonly model: Model;
}

/**
 * Judges a command that was accepted against a view. Level-triggered: it may run at any time, from any view, as often
 * as one likes; messages only say "look again". Evidence is looked at before overwriting, so that a value that was
 * truly reported before it was overwritten counts.
 */
export function judge(command: Command, evidence: Evidence): Findings {
  const { view, word } = evidence;
  const version = command.version ?? Infinity;
  const sameLife = command.incarnation === view.incarnation;
  if (!sameLife) return gone(command, view);
  if (view.version < version) return { version: view.version, delivered: false, fields: [] };
  const delivered = word !== undefined && word.version >= version;
  const fields = command.fields.filter(isOpenField).flatMap((field) => {
    const state = judgeField(field, command, evidence);
    return state === undefined || sameOutcome(state, field.state) ? [] : [{ field: field.field, state }];
  });
  const moved = command.fields.filter((field) => hasMoved(field, command, evidence)).map(({ field }) => field);
  return {
    version: view.version,
    delivered: delivered || fields.some(({ state }) => showsDevice(state, word)),
    ...(moved.length === 0 ? {} : { moved }),
    fields,
  };
}

/**
 * Whether the device had to change something after all: it shows another value, or only a snapshot shows that it
 * reported this one since, and not what there was in between.
 */
function hasMoved(field: CommandField, command: Command, { view, model }: Evidence): boolean {
  if (field.alreadyEqual !== true || field.desired === null || !isOpenField(field)) return false;
  const reported = valueAt(view.state.reported, field.field);
  if (!modelEqual({ desired: field.desired, reported, annotations: model.annotations(field.field) })) return true;
  const [stamp, version] = markAt(view.marks.reported, field.field) ?? [0, 0];
  return version === 0 && stamp >= (command.stamp ?? 0);
}

/** Undefined: nothing to be said, the outcome stays. */
function judgeField(field: CommandField, command: Command, { view, word, model }: Evidence): FieldOutcome | undefined {
  const version = command.version ?? Infinity;
  const reported = valueAt(view.state.reported, field.field);
  const equal = modelEqual({ desired: field.desired, reported, annotations: model.annotations(field.field) });
  const heard = word !== undefined && word.version >= version;
  const said = heard ? outcomeFor(word, field.field) : undefined;
  const answersUs = !heard || word.version < (newerOwner(field, command, view) ?? Infinity);
  if (
    word === undefined
      ? equal && isFresh(field.field, command, view)
      : heard && equal && said === undefined && answersUs
  ) {
    return { outcome: 'confirmed' };
  }
  const by = overwriter(field, command, view);
  if (by !== undefined) return { outcome: 'superseded', by };
  if (said !== undefined) return fromWord(said);
  // What the device said before and no longer lists is over, one way or the other.
  return heard ? { outcome: 'pending' } : undefined;
}

/**
 * Case (b): a plain device. The value came in an update above the command's version; where only a `get` shows it, its
 * stamp is not older than that of the command's write. Both must have one: an empty array has none (R73, seed 43683).
 */
function isFresh(field: FieldPointer, command: Command, view: ShadowView): boolean {
  const mark = markAt(view.marks.reported, field);
  if (mark === undefined) return false;
  const [stamp, version] = mark;
  if (version > 0) return version > (command.version ?? Infinity);
  const asked = command.stamp ?? 0;
  return asked > 0 && stamp >= asked;
}

/** The version at which somebody else made desired differ from what the command asks; undefined while it stands. */
function newerOwner(field: CommandField, command: Command, view: ShadowView): number | undefined {
  const standing = valueAt(view.state.desired, field.field);
  if (standing !== undefined && jsonEqual(standing, field.desired)) return undefined;
  const mark = markAt(view.marks.desired, field.field);
  return mark !== undefined && mark[1] > (command.version ?? Infinity) ? mark[1] : view.desiredVersion;
}

/**
 * Whether the device has taken into account what came after this wish: what it reports from then on answers somebody
 * else, even where a later snapshot no longer shows that there was anybody (found by seed 197).
 */
export function isPast(field: CommandField, command: Command, { view, word }: Omit<Evidence, 'model'>): boolean {
  const owner = newerOwner(field, command, view);
  return owner !== undefined && word !== undefined && word.version >= owner;
}

function overwriter(field: CommandField, command: Command, view: ShadowView): Successor | undefined {
  const standing = valueAt(view.state.desired, field.field);
  if (standing !== undefined && jsonEqual(standing, field.desired)) return undefined;
  // An object asked for as {} stands as long as there is an object, whatever was put into it (R38).
  if (isEmptyObject(field.desired) && isJsonObject(standing)) return undefined;
  const mark = markAt(view.marks.desired, field.field);
  // A mark below our own version is of what stood there before: it names nobody who came after us.
  if (mark === undefined || mark[1] < (command.version ?? 0)) return { kind: 'unknown', version: view.desiredVersion };
  const source = sourceOf(mark);
  if (source.kind === 'command' && source.commandId !== command.id) {
    return { kind: 'command', commandId: source.commandId };
  }
  if (source.kind === 'foreign') {
    return {
      kind: 'foreign',
      version: mark[1],
      ...(source.clientToken === undefined ? {} : { clientToken: source.clientToken }),
    };
  }
  return { kind: 'unknown', version: view.desiredVersion };
}

/** Of an earlier life of the shadow: it was deleted, and versions say nothing any more. */
function gone(command: Command, view: ShadowView): Findings {
  const fields = command.fields
    .filter(isOpenField)
    .map(({ field }) => ({ field, state: { outcome: 'superseded', by: { kind: 'deleted' } } as const }));
  return { version: view.version, delivered: false, fields };
}

/** What the device says of a field, or of one above or below it. */
export function outcomeFor(word: DeviceWord, field: FieldPointer): WordOutcome | undefined {
  const exact = word.fields.get(field);
  if (exact !== undefined || word.fields.size === 0) return exact;
  for (const [listed, outcome] of word.fields) if (overlaps({ left: listed, right: field })) return outcome;
  return undefined;
}

/** The outcome of a field as the device tells it. */
export function fromWord(said: WordOutcome): FieldOutcome {
  const message = said.message === undefined ? {} : { message: said.message };
  switch (said.outcome) {
    case 'applying':
      return { outcome: 'applying' };
    case 'retrying':
      return {
        outcome: 'retrying',
        code: said.code ?? 'unknown',
        ...message,
        ...(said.retryAt === undefined ? {} : { retryAt: epochMs(said.retryAt) }),
      };
    case 'deferred':
      return {
        outcome: 'deferred',
        until: said.until === 'window' ? 'window' : 'restart',
        ...(said.code === undefined ? {} : { code: said.code }),
        ...message,
      };
    case 'overridden':
      return {
        outcome: 'overridden',
        by: said.by ?? 'local',
        ...(typeof said.until === 'number' ? { until: epochMs(said.until) } : {}),
      };
    case 'refused':
      return { outcome: 'refused', code: said.code ?? 'unknown', message: said.message ?? '' };
  }
}

/** A plain device shows that it saw the wish by doing it; a reconciler by saying so. */
function showsDevice(state: FieldOutcome, word: DeviceWord | undefined): boolean {
  if (state.outcome === 'superseded' || state.outcome === 'pending') return false;
  return word !== undefined || state.outcome === 'confirmed';
}

function sameOutcome(left: FieldOutcome, right: FieldOutcome): boolean {
  return left.outcome === right.outcome && jsonEqual(left as unknown as JsonValue, right as unknown as JsonValue);
}

function isEmptyObject(value: JsonValue): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}
