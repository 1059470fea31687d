import type { FieldPointer } from '../brand.ts';
import { jsonEqual } from '../json/json-equal.ts';
import type { FieldApplied } from './answers.ts';
import { tidyCode, tidyMessage } from './field-state.ts';
import { enforced, failed, type Moment } from './judge-field.ts';
import type { ReconcileLimits } from './limits.ts';
import type { FieldMemory, Memory } from './memory.ts';
import type { PlannedChange } from './plan.ts';

/** What came of one planned change. `dropped`: not tried, because it is no longer wanted or the device stops. */
export type CallResult = FieldApplied | { readonly field: FieldPointer; readonly result: 'dropped' };

/** A change with its result. */
export interface Settled {
  readonly change: PlannedChange;
  readonly result: CallResult;
}

/**
 * The memory after adapters answered. An answer about a wish that has changed since is forgotten: the next reading shows
 * what it did.
 */
export function absorb(memory: Memory, settled: readonly Settled[], moment: Moment, limits: ReconcileLimits): Memory {
  const after = new Map(memory);
  for (const { change, result } of settled) {
    const before = memory.get(change.field);
    if (before === undefined || !jsonEqual(before.desired, change.value)) continue;
    after.set(change.field, absorbOne(before, change, result, moment, limits));
  }
  return after;
}

function absorbOne(
  memory: FieldMemory,
  { previous }: PlannedChange,
  result: CallResult,
  moment: Moment,
  limits: ReconcileLimits,
): FieldMemory {
  switch (result.result) {
    case 'dropped':
      return memory;
    case 'applied':
      return {
        ...enforced(memory, moment.now),
        retry: undefined,
        unverified: previous === null ? {} : { before: previous },
      };
    case 'refused':
      return {
        ...memory,
        retry: undefined,
        confirmedAt: undefined,
        refused: { code: tidyCode(result.code), message: tidyMessage(result.message) },
      };
    case 'failed':
      return failed(
        { ...memory, confirmedAt: undefined },
        tidyCode(result.code),
        tidyMessage(result.message),
        moment,
        limits,
      );
    case 'deferred':
      return {
        ...memory,
        retry: undefined,
        confirmedAt: undefined,
        deferred: {
          until: result.until,
          ...(result.message === undefined ? {} : { message: tidyMessage(result.message) }),
        },
      };
  }
}
