import type { FieldPointer } from '../brand.ts';
import type { Command } from '../command/command.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { leavesOf, overlaps, valueAt } from '../json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { Model } from '../model/model.ts';
import type { PresenceState } from '../presence/presence.ts';
import { problem, type Problem } from '../problem.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';
import type { ShadowState } from '../shadow/document.ts';
import { AWS_RULES, jsonBytes } from '../shadow/limits.ts';
import { mergeSection } from '../shadow/merge.ts';

/** What is known of a shadow when a wish is planned. */
export interface PlanBasis {
  readonly ref: ShadowRef;
  readonly state: ShadowState;
  /** Absent: there is no such shadow yet. */
  readonly version?: number;
  readonly presence: PresenceState;
  readonly open: readonly Command[];
  readonly model: Model;
}

/** What a command would do to one shadow. */
export interface ThingPlan {
  readonly ref: ShadowRef;
  readonly version?: number;
  readonly presence: PresenceState;
  readonly fields: readonly PlannedField[];
  /** Open commands whose fields it would supersede. */
  readonly conflicts: readonly { readonly command: Command; readonly fields: readonly FieldPointer[] }[];
  /** Why it would be refused; empty if it would not. */
  readonly problems: readonly Problem[];
  /** UTF-8 bytes of desired and reported together after the write. */
  readonly bytes: number;
  readonly bytesMax: number;
}

export interface PlannedField {
  readonly field: FieldPointer;
  readonly change: 'add' | 'change' | 'remove' | 'none';
  readonly from?: JsonValue;
  readonly to?: JsonValue;
  readonly reported?: JsonValue;
}

/**
 * A wish, worked out but not written.
 *
 * Shape    One entry per leaf of the patch, in its order.
 * Errors   None: what would be refused stands in `problems`.
 * Source   R25 for the size; the merge is the service's own (R29 to R43).
 */
export function planOf(basis: PlanBasis, patch: JsonObject): ThingPlan {
  const { ref, state, version, presence, open, model } = basis;
  const leaves = leavesOf(patch);
  const desired = mergeSection(state.desired, patch);
  const bytes =
    (desired === undefined ? 0 : jsonBytes(desired)) + (state.reported === undefined ? 0 : jsonBytes(state.reported));
  const bytesMax = AWS_RULES.documentBytesMax;
  const tooLarge = problem('payload_too_large', `the shadow would have ${bytes} bytes; the service takes ${bytesMax}`);
  return {
    ref,
    ...(version === undefined ? {} : { version }),
    presence,
    fields: leaves.map(([field, value]) => planned(field, value, state)),
    conflicts: open.flatMap((command) => {
      const fields = command.fields
        .map(({ field }) => field)
        .filter((theirs) => leaves.some(([ours]) => overlaps({ left: ours, right: theirs })));
      return fields.length === 0 ? [] : [{ command, fields }];
    }),
    problems: [...model.violations(patch), ...(bytes > bytesMax ? [tooLarge] : [])],
    bytes,
    bytesMax,
  };
}

function planned(field: FieldPointer, value: JsonValue, { desired, reported }: ShadowState): PlannedField {
  const from = valueAt(desired, field);
  const shown = valueAt(reported, field);
  const more = {
    ...(from === undefined ? {} : { from }),
    ...(value === null ? {} : { to: value }),
    ...(shown === undefined ? {} : { reported: shown }),
  };
  if (value === null) return { field, change: from === undefined ? 'none' : 'remove', ...more };
  if (from === undefined) return { field, change: 'add', ...more };
  return { field, change: jsonEqual(from, value) ? 'none' : 'change', ...more };
}
