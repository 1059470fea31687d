import { jsonEqual } from '../json/json-equal.ts';
import { isJsonObject, member, setMember, type JsonObject, type JsonValue } from '../json/json.ts';
import type { ShadowState } from './document.ts';

/** A delta that was worked out before, with the state it belongs to. */
export interface KnownDelta {
  readonly state: ShadowState;
  readonly delta: JsonObject | undefined;
}

/**
 * The part of `desired` that `reported` does not match yet, or undefined if there is none.
 *
 * Shape    Nested like `desired`. Keys only in `reported` never appear, not even as an empty parent (R58). `{}` appears
 *          where reported holds no object (R59). Never holds null (R60).
 * Arrays   Atomic: one different element puts the whole desired array in the delta (R56).
 * Cost     With `known`, subtrees that are the same objects as in the known state are not walked again: after a
 *          copy-on-write merge the cost follows the patch, not the document.
 * Source   R53 to R60; equality R57.
 */
export function delta({ desired, reported }: ShadowState, known?: KnownDelta): JsonObject | undefined {
  if (desired === undefined) return undefined;
  if (reported === undefined) return desired;
  const before = known?.state;
  if (before?.desired === undefined || before.reported === undefined) return walk(desired, reported, undefined);
  if (before.desired === desired && before.reported === reported) return known?.delta;
  return walk(desired, reported, { desired: before.desired, reported: before.reported, delta: known?.delta });
}

interface Before {
  readonly desired: JsonObject;
  readonly reported: JsonObject;
  readonly delta: JsonObject | undefined;
}

function walk(desired: JsonObject, reported: JsonObject, before: Before | undefined): JsonObject | undefined {
  let difference: Record<string, JsonValue> | undefined;
  for (const key in desired) {
    const wish = desired[key] as JsonValue;
    const truth = Object.hasOwn(reported, key) ? (reported[key] as JsonValue) : undefined;
    if (wish === truth) continue;
    const part =
      typeof wish === 'object' && typeof truth === 'object'
        ? differentPart(wish as JsonObject, truth as JsonObject, key, before)
        : wish;
    if (part === undefined) continue;
    difference ??= {};
    setMember(difference, key, part);
  }
  return difference;
}

function differentPart(
  wish: JsonObject,
  truth: JsonObject,
  key: string,
  before: Before | undefined,
): JsonValue | undefined {
  const oldWish = before === undefined ? undefined : member(before.desired, key);
  const oldTruth = before === undefined ? undefined : member(before.reported, key);
  const oldPart = before?.delta === undefined ? undefined : member(before.delta, key);
  if (oldWish === wish && oldTruth === truth) return oldPart;
  if (!isJsonObject(wish) || !isJsonObject(truth)) return jsonEqual(wish, truth) ? undefined : wish;
  if (!isJsonObject(oldWish) || !isJsonObject(oldTruth)) return walk(wish, truth, undefined);
  // A missing old part means that nothing differed there.
  if (oldPart !== undefined && !isJsonObject(oldPart)) return walk(wish, truth, undefined);
  return walk(wish, truth, { desired: oldWish, reported: oldTruth, delta: oldPart });
}
