import type { FieldPointer } from '../brand.ts';
import type { Command } from '../command/command.ts';
import { outcomeFor, type DeviceWord } from '../command/judge.ts';
import { objectFromLeaves, valueAt } from '../json/json-pointer.ts';
import type { Model } from '../model/model.ts';
import type { Presence } from '../presence/presence.ts';
import { markAt, sourceOf, type ShadowView } from '../view/view.ts';
import type { DriftCause, DriftEntry } from './drift.ts';

/** What decides the cause: the present state, and on which version of the wish the field last agreed. */
export interface CauseFacts {
  readonly field: FieldPointer;
  readonly view: ShadowView;
  readonly word: DeviceWord | undefined;
  readonly presence: Presence;
  readonly model: Model;
  readonly agreedVersion: number | undefined;
  /** The newest command on the field that ended without success. */
  readonly ended: Command | undefined;
}

export interface Cause {
  readonly cause: DriftCause;
  readonly detail?: NonNullable<DriftEntry['detail']>;
}

/**
 * The device's own word first, then what versions prove, then what presence suggests. Where none of them says more, a
 * value that the model does not allow is named as such.
 */
export function causeOf(facts: CauseFacts): Cause {
  const found = causeByWordOrVersion(facts);
  return found.detail === undefined ? { ...found, ...invalidReport(facts) } : found;
}

function causeByWordOrVersion(facts: CauseFacts): Cause {
  const { field, view, word, presence, model } = facts;
  const desired = markAt(view.marks.desired, field);
  const desiredVersion = desired?.[1] ?? 0;
  const heard = word !== undefined && word.version >= desiredVersion;
  const said = heard ? outcomeFor(word, field) : undefined;
  if (said !== undefined) {
    const detail =
      said.code === undefined
        ? {}
        : { detail: { code: said.code, ...(said.message === undefined ? {} : { message: said.message }) } };
    if (said.outcome === 'refused') return { cause: 'refused', ...detail };
    if (said.outcome === 'overridden') {
      return { cause: 'overridden', detail: { code: 'overridden', message: `held by ${said.by ?? 'local'}` } };
    }
    return { cause: 'stuck', ...(said.code === undefined ? { detail: { code: said.outcome } } : detail) };
  }
  const refused = facts.ended === undefined ? undefined : refusalOf(facts.ended, field);
  if (refused !== undefined) return refused;
  if (word?.model !== undefined && model.id !== 'none' && word.model !== model.id) {
    return {
      cause: 'model_mismatch',
      detail: { code: 'model_mismatch', message: `the device uses ${word.model}, we use ${model.id}` },
    };
  }
  if (heard || facts.agreedVersion === desiredVersion) return { cause: 'changed_on_device' };
  if (presence.state === 'offline') return { cause: 'offline' };
  if (desired !== undefined && sourceOf(desired).kind === 'foreign') return { cause: 'foreign_desired' };
  const reported = markAt(view.marks.reported, field);
  if (word !== undefined || reported === undefined || (reported[1] > 0 && reported[1] < desiredVersion)) {
    return { cause: 'never_delivered' };
  }
  return { cause: presence.state === 'online' ? 'stuck' : 'unknown' };
}

function invalidReport({ field, view, model }: CauseFacts): Pick<Cause, 'detail'> {
  const value = valueAt(view.state.reported, field);
  if (value === undefined || !model.knows(field)) return {};
  const [violation] = model.violations(objectFromLeaves([[field, value]]));
  if (violation === undefined) return {};
  const message = violation.field === field ? violation.message : 'an object, where the model has a single value';
  return { detail: { code: 'invalid_report', message } };
}

/** What an ended command says of a field that no longer differs. */
export function causeOfEnd(command: Command, field: FieldPointer): Cause {
  const refused = refusalOf(command, field);
  if (refused !== undefined) return refused;
  const reason = command.statusReason;
  const detail = reason === undefined ? {} : { detail: { code: reason } };
  if (reason === 'offline') return { cause: 'offline', ...detail };
  if (reason === 'overridden') return { cause: 'overridden', ...detail };
  if (command.status === 'timed_out') return { cause: 'stuck', ...detail };
  if (command.status === 'expired') return { cause: 'never_delivered', ...detail };
  return { cause: 'unknown', ...detail };
}

function refusalOf(command: Command, field: FieldPointer): Cause | undefined {
  const state = command.fields.find((candidate) => candidate.field === field)?.state;
  if (state?.outcome !== 'refused') return undefined;
  return {
    cause: 'refused',
    detail: { code: state.code, ...(state.message === '' ? {} : { message: state.message }) },
  };
}
