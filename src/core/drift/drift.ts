import type { CommandId, EpochMs, FieldPointer } from '../brand.ts';
import type { JsonValue } from '../json/json.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';

/**
 * Why a field differs.
 *
 * never_delivered    the desired value came after the device was last heard, and it has not taken it into account
 * offline            the device is offline
 * refused            the device said no, for good
 * overridden         somebody at the device holds the field (lease)
 * changed_on_device  they agreed on this desired value before, then reported changed
 * foreign_desired    desired was changed by somebody whose writes are not ours
 * stuck              the device is online, took the version into account or keeps retrying, and still differs
 * model_mismatch     the device works with another model than ours
 * unknown            none of these can be shown
 */
export type DriftCause =
  | 'never_delivered'
  | 'offline'
  | 'refused'
  | 'overridden'
  | 'changed_on_device'
  | 'foreign_desired'
  | 'stuck'
  | 'model_mismatch'
  | 'unknown';

export const DRIFT_CAUSES: readonly DriftCause[] = [
  'never_delivered',
  'offline',
  'refused',
  'overridden',
  'changed_on_device',
  'foreign_desired',
  'stuck',
  'model_mismatch',
  'unknown',
];

/**
 * One field that differs, or that belongs to a command that ended without success and was not acknowledged yet.
 * Absent `desired` or `reported` means the field has no such value.
 */
export interface DriftEntry {
  readonly ref: ShadowRef;
  readonly field: FieldPointer;
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
  /** Whether they differ now. False only for entries held by an ended command. */
  readonly differs: boolean;
  readonly cause: DriftCause;
  /** The device's own code and words, where it gave any. */
  readonly detail?: { readonly code: string; readonly message?: string };
  readonly firstSeenAt: EpochMs;
  readonly lastAgreedAt?: EpochMs;
  /** How often the field agreed and then differed again. */
  readonly flaps: number;
  /** The command and author behind the desired value, where it was ours. */
  readonly commandId?: CommandId;
  readonly author?: string;
  /** The newest command on this field that ended without success; holds the entry until acknowledged. */
  readonly endedCommandId?: CommandId;
  /** The newest open command that asks for this field again; only where an ended one holds the entry. */
  readonly openCommandId?: CommandId;
  readonly acknowledged?: { readonly by: string; readonly at: EpochMs; readonly reason?: string };
  /** Present while an ignore rule covers it: counted, never silent. */
  readonly ignoredBy?: { readonly ruleId: string; readonly reason: string };
  readonly version: number;
  readonly incarnation: number;
  readonly seenAt: EpochMs;
}

/** A field that agreed, differed and agreed again: how often, and on which version of its wish it did so last. */
export interface Flapped {
  readonly field: FieldPointer;
  readonly flaps: number;
  readonly version: number;
}

/** Hides drift from the default report. `thing` and `field` may end in `*`. */
export interface IgnoreRule {
  readonly id: string;
  readonly thing: string;
  readonly shadowName?: string;
  readonly field: string;
  readonly reason: string;
  readonly by: string;
  readonly createdAt: EpochMs;
  readonly expiresAt?: EpochMs;
}
