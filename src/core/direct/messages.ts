import type { EpochMs } from '../brand.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';

/**
 * The two messages of a direct command: an action of a device instead of a state, such as unlock, restart, send the log.
 * DESIGN.md section 8 is the contract, `schemas/direct-*.schema.json` its published form, `docs/device-protocol.md` its words.
 */

/**
 * Asks one device, or all of a group, to do something once.
 *
 * `id` is the transaction: the same in every retransmission, and the same on a group's topic and on a member's own, so that
 * a device that got both acts once.
 */
export interface DirectRequest {
  readonly id: string;
  readonly name: string;
  readonly args: JsonObject;
  /** Service time. */
  readonly issuedAt: EpochMs;
  /** Service time. A device does not begin what arrives later. */
  readonly expiresAt: EpochMs;
  /** 1, 2, 3, …: how often it was sent. Says nothing else; attempts may overtake each other. */
  readonly attempt: number;
  readonly sequence?: SequenceNumber;
  /** The group it was sent to. */
  readonly group?: string;
  /** The sender wants no more of this transaction: stop it, or never begin. The answer says what came of it. */
  readonly cancel?: true;
}

/** Where something stands in an order. The device acts on the number after the last one done, of each key. */
export interface SequenceNumber {
  readonly key: string;
  readonly number: number;
}

/**
 * accepted     seen and taken; the work comes
 * in_progress  working on it
 * succeeded    done; final
 * failed       tried, and did not work; final
 * rejected     not tried: unknown, late, out of order, not allowed; final
 */
export type ResponseStatus = 'accepted' | 'in_progress' | 'succeeded' | 'failed' | 'rejected';

export interface DirectResponse {
  readonly id: string;
  readonly status: ResponseStatus;
  readonly progress?: DirectProgress;
  readonly result?: JsonValue;
  readonly problem?: DirectProblem;
  /** How the device is now, as far as it matters to the command. */
  readonly state?: JsonObject;
  /** Of a request with a sequence: the last number done under its key. */
  readonly sequence?: SequenceNumber;
}

export interface DirectProgress {
  /** 0 to 100. */
  readonly percent?: number;
  readonly code?: string;
  readonly text?: string;
}

/** Why a device failed or rejected a command. Codes are snake_case and stable; devices may have their own. */
export interface DirectProblem {
  readonly code: string;
  readonly message: string;
}

/** Codes with a meaning for both sides. */
export const DIRECT_PROBLEMS = {
  /** No handler of that name. */
  unknown_command: 'unknown_command',
  /** The arguments do not fit the handler's schema. */
  invalid_args: 'invalid_args',
  /** It arrived after `expiresAt`. */
  expired: 'expired',
  /** Its number is not the next one of its key; `sequence` says which was the last one done. */
  out_of_order: 'out_of_order',
  /** The device went down while it was working on it, and cannot tell how far it came. */
  interrupted: 'interrupted',
  /** It was stopped, or never begun, because the sender cancelled it. */
  cancelled: 'cancelled',
  /** The result is larger than `RESULT_BYTES_MAX`. */
  result_too_large: 'result_too_large',
  /** The handler failed without a code of its own. */
  handler_failed: 'handler_failed',
  /** The device has too much to do, or to remember. */
  busy: 'busy',
} as const;

/** A log of 100 KB is what people ask for; with its envelope it stays below the 128 KB of an MQTT payload. */
export const RESULT_BYTES_MAX = 100 * 1024;
/** As much as a result: what is sent to a device is small in practice. */
export const ARGS_BYTES_MAX = 100 * 1024;

export function isFinalResponse({ status }: Pick<DirectResponse, 'status'>): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'rejected';
}
