import type { FieldPointer } from '../core/brand.ts';
import type { FieldValue } from '../core/model/model.ts';
import type { FieldApplied, FieldReading } from '../core/reconcile/answers.ts';
import type { Cancel } from './clock.ts';

/**
 * Device-side code that owns some fields: reads them from the hardware and applies values to it.
 *
 * Implementations promise:
 * - `fields` never changes, and no two adapters of a device own overlapping fields.
 * - `read` returns what the hardware does now, never the last wish; a field it cannot read is `unreadable` with a code.
 * - `apply` may be called again with the same value without harm, says per field what happened, and stops when `signal`
 *   aborts. Its arguments are frozen.
 * - Whatever it throws, however long it takes: only its own fields suffer (the reconciler isolates it).
 */
export interface StateAdapter {
  /** Short and unique on the device; shows up in logs and refusals. */
  readonly name: string;
  readonly fields: readonly FieldPointer[];
  read(signal: AbortSignal): Promise<readonly FieldReading[]>;
  apply(changes: readonly FieldValue[], signal: AbortSignal): Promise<readonly FieldApplied[]>;
  /** Calls `onChange` when the hardware changed by itself or by hand; a wake-up call without values. */
  watch?(onChange: () => void): Cancel;
  /** Puts back earlier values after another member of the group failed. */
  undo?(previous: readonly FieldValue[], signal: AbortSignal): Promise<readonly FieldApplied[]>;
}

export type { FieldApplied, FieldReading };
