import type { JsonArray, JsonValue } from '../json/json.ts';
import { jsonEqual } from '../json/json-equal.ts';
import type { FieldAnnotations } from './model.ts';

/**
 * Whether a reported value counts as the desired one, by what the model says of the field. Declared once, used by the
 * device, the watcher and every screen.
 *
 * Numbers  Equal within the largest of `tolerance` and half a `step`; the bound itself is equal.
 * Arrays   In order, or as multisets where `unordered`.
 * Missing  A missing reported value equals nothing.
 */
export function modelEqual({
  desired,
  reported,
  annotations,
}: {
  desired: JsonValue;
  reported: JsonValue | undefined;
  annotations: FieldAnnotations;
}): boolean {
  if (reported === undefined) return false;
  if (typeof desired === 'number' && typeof reported === 'number') {
    if (desired === reported) return true;
    const { tolerance, step } = annotations;
    if (tolerance === undefined && step === undefined) return false;
    return distance({ desired, reported }) <= slack(desired, annotations);
  }
  if (annotations.unordered === true && Array.isArray(desired) && Array.isArray(reported)) {
    return sameMultiset(desired as JsonArray, reported as JsonArray);
  }
  return jsonEqual(desired, reported);
}

/** Rounded to 12 significant digits: 21.3 against 21.299999999999997 is binary noise, not a difference of the device. */
function distance({ desired, reported }: { desired: number; reported: number }): number {
  return Number(Math.abs(desired - reported).toPrecision(12));
}

function slack(desired: number, { tolerance, step }: FieldAnnotations): number {
  const halfStep = step === undefined ? 0 : step / 2;
  if (tolerance === undefined) return halfStep;
  const allowed = 'absolute' in tolerance ? tolerance.absolute : Math.abs(desired) * tolerance.relative;
  return Math.max(allowed, halfStep);
}

function sameMultiset(left: JsonArray, right: JsonArray): boolean {
  if (left.length !== right.length) return false;
  const rest = [...right];
  return left.every((item) => {
    const index = rest.findIndex((other) => jsonEqual(item, other));
    if (index < 0) return false;
    rest.splice(index, 1);
    return true;
  });
}
