import type { CommandId, EpochMs, FieldPointer, WriteId } from '../brand.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { EndResult, FieldOutcome, Successor } from './command.ts';

/** All that can happen to a command. Who decides that it happened is not the command's business. */
export type CommandEvent =
  /** A write carries it. */
  | { readonly type: 'carried'; readonly writeId: WriteId }
  | {
      readonly type: 'accepted';
      readonly version: number;
      readonly from: 'accepted' | 'get';
      readonly incarnation: number;
      readonly stamp: number;
      readonly facts: readonly FieldFacts[];
    }
  /** The service refused the write, or a guard did (`version_conflict`). */
  | { readonly type: 'rejected'; readonly code: string; readonly message: string; readonly by: string }
  /** What the judge read out of a view. Later findings replace earlier ones; closed fields stay as they are. */
  | { readonly type: 'judged'; readonly findings: Findings }
  /** Overwritten in the lane, before anything was sent. */
  | { readonly type: 'overwritten'; readonly fields: readonly { field: FieldPointer; by: Successor }[] }
  | { readonly type: 'clock'; readonly run: boolean }
  /** Our clock was corrected; a running apply clock does not count that time. */
  | { readonly type: 'jumped'; readonly byMs: number }
  /** A remark on an open command that changes nothing else, such as `unverified`; undefined takes it back. */
  | { readonly type: 'remark'; readonly reason: string | undefined }
  /** Only from a snapshot asked for after the deadline, and after that snapshot was judged. */
  | { readonly type: 'deadline'; readonly reason: string }
  /** `whenOffline: fail`, the device is offline and nothing shows that it saw the command. */
  | { readonly type: 'unreachable' }
  | { readonly type: 'cancel'; readonly by: string; readonly reason?: string }
  | {
      readonly type: 'extend';
      readonly by: string;
      readonly reason?: string;
      readonly expiresAt?: EpochMs;
      readonly applyMoreMs?: number;
    }
  | { readonly type: 'retried'; readonly by: string; readonly reason?: string }
  /** What `onEnd` came to, or that it still has to be done. */
  | { readonly type: 'ending'; readonly result: EndResult; readonly detail?: JsonObject };

/** What operators do to a command of any kind, as a desk hears of it. */
export type OperatorEvent =
  | (Asked & { readonly type: 'cancel' })
  | (Asked & { readonly type: 'retry' })
  | (Asked & { readonly type: 'extend'; readonly expiresAt?: EpochMs; readonly applyMoreMs?: number });

interface Asked {
  readonly id: CommandId;
  readonly by: string;
  readonly reason?: string;
}

export type CommandEventType = CommandEvent['type'];

/** What was true of a field when its write was accepted. */
export interface FieldFacts {
  readonly field: FieldPointer;
  /** The last desired value that was confirmed or foreign; absent: none. */
  readonly restoreTo?: JsonValue;
  /** Reported already was as desired. */
  readonly alreadyEqual: boolean;
  /** Nothing is left to be shown: instant success without an answer of the device. */
  readonly settled: boolean;
}

export interface Findings {
  readonly version: number;
  /** The device took the command's version into account. */
  readonly delivered: boolean;
  /** Open fields that were as desired when the write was accepted, and were reported otherwise since. */
  readonly moved?: readonly FieldPointer[];
  /** Only fields whose outcome differs from what the command holds. */
  readonly fields: readonly { readonly field: FieldPointer; readonly state: FieldOutcome }[];
}
