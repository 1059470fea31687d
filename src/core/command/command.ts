import type { Grant } from '../access/access.ts';
import type { CommandId, EpochMs, FieldPointer, WriteId } from '../brand.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';

/** The data of one command: plain objects, stored in the ledger as they are. DESIGN.md section 3 is the contract. */

export type CommandStatus =
  | 'queued'
  | 'sent'
  | 'delivered'
  | 'succeeded'
  | 'failed'
  | 'superseded'
  | 'cancelled'
  | 'timed_out'
  | 'expired'
  | 'succeeded_late';

export type Verdict = 'pending' | 'succeeded' | 'failed' | 'withdrawn' | 'timed_out';

export const VERDICT_OF: Readonly<Record<CommandStatus, Verdict>> = {
  queued: 'pending',
  sent: 'pending',
  delivered: 'pending',
  succeeded: 'succeeded',
  failed: 'failed',
  superseded: 'withdrawn',
  cancelled: 'withdrawn',
  timed_out: 'timed_out',
  expired: 'timed_out',
  succeeded_late: 'succeeded',
};

/** Why a field is where it is. Open: pending, applying, retrying, deferred, overridden. Closed: confirmed, refused, superseded. */
export type FieldOutcome =
  | { readonly outcome: 'pending' }
  | { readonly outcome: 'applying' }
  | { readonly outcome: 'retrying'; readonly code: string; readonly message?: string; readonly retryAt?: EpochMs }
  | {
      readonly outcome: 'deferred';
      readonly until: 'restart' | 'window';
      readonly code?: string;
      readonly message?: string;
    }
  | { readonly outcome: 'overridden'; readonly by: string; readonly until?: EpochMs }
  | { readonly outcome: 'confirmed'; readonly reason?: 'removed' }
  | { readonly outcome: 'refused'; readonly code: string; readonly message: string }
  | { readonly outcome: 'superseded'; readonly by: Successor };

/** What took a field's place. `unknown`: seen changed at this version, author not known. */
export type Successor =
  | { readonly kind: 'command'; readonly commandId: CommandId }
  | { readonly kind: 'foreign'; readonly version: number; readonly clientToken?: string }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'unknown'; readonly version: number };

/**
 * One leaf of a command's patch.
 *
 * `restoreTo` is the last desired value that was confirmed or foreign when the command's write was accepted; absent
 * means there was none, so that restoring removes the field.
 */
export interface CommandField {
  readonly field: FieldPointer;
  readonly desired: JsonValue;
  readonly state: FieldOutcome;
  readonly restoreTo?: JsonValue;
  /** Reported already was as desired when the write was accepted. */
  readonly alreadyEqual?: true;
}

export type WhenOffline = 'wait' | 'fail';
export type OnEnd = 'restore' | 'withdraw' | 'keep';

/** What `onEnd` came to. `not_yet`: the guarded write still has to happen. */
export type EndResult = 'kept' | 'withdrawn' | 'restored' | 'not_yet';

export interface CommandPolicy {
  /** The budget that runs while the device could act. Default 60,000. */
  readonly applyWithinMs: number;
  /** Ends the command whatever happens. Default 7 days, or the smallest `validForMs` of its fields. */
  readonly expiresAt: EpochMs;
  readonly whenOffline: WhenOffline;
  readonly onEnd: OnEnd;
  /** Refuse if any of these desired fields changed since this version. */
  readonly ifVersion?: number;
}

/** The apply clock: what is left, and since when it runs (absent while it stands still). */
export interface ApplyClock {
  readonly leftMs: number;
  readonly runningSince?: EpochMs;
}

/** What every command has, however it is delivered. */
export interface CommandBase {
  readonly id: CommandId;
  readonly ref: ShadowRef;
  readonly author: string;
  /** The author's own words. */
  readonly reason?: string;
  readonly createdAt: EpochMs;
  readonly policy: Pick<CommandPolicy, 'applyWithinMs' | 'expiresAt' | 'whenOffline'>;
  readonly status: CommandStatus;
  /** Why the status is what it is: a stable snake_case code (`unverified`, `removed`, `offline`, `stuck`, …). */
  readonly statusReason?: string;
  readonly clock: ApplyClock;
  readonly sentAt?: EpochMs;
  readonly deliveredAt?: EpochMs;
  readonly endedAt?: EpochMs;
  readonly retryOf?: CommandId;
  /** What the commands of one request for many things have in common. */
  readonly parentId?: CommandId;
  /** Whose rights are looked up again when it is published at last. Absent: nobody's. */
  readonly grant?: Grant;
  /** Grows with every stored change; a stale writer is noticed by it. */
  readonly revision: number;
}

/** A command for desired state. The other kind is `DirectCommand` (core/direct). */
export interface Command extends CommandBase {
  readonly kind: 'shadow';
  /** The patch to desired as it was asked for; null leaves ask for removal. */
  readonly patch: JsonObject;
  readonly fields: readonly CommandField[];
  readonly policy: CommandPolicy;
  /** The document version of its write; present from `sent` on. */
  readonly version?: number;
  readonly versionFrom?: 'accepted' | 'get';
  readonly incarnation?: number;
  /** The service's stamp of the write, in whole seconds since the epoch (R11). */
  readonly stamp?: number;
  /** The newest write that carries the command. */
  readonly writeId?: WriteId;
  /** Succeeded although nothing had to change. */
  readonly noop?: boolean;
  readonly endResult?: EndResult;
  readonly rollbackOf?: CommandId;
}

/** One line of a command's history. `sequence` is the ledger's, gap-free over all commands, and orders the event stream. */
export interface TimelineEntry {
  readonly sequence: number;
  readonly commandId: CommandId;
  readonly at: EpochMs;
  /** Who: an author, `device`, `watcher`, `service`. */
  readonly by: string;
  /** What happened, as a stable snake_case code: `created`, `published`, `accepted`, `evidence`, `refused`, … */
  readonly event: string;
  readonly status: CommandStatus;
  readonly version?: number;
  /** What changed in the command, as a JSON Patch (RFC 6902). */
  readonly patch: readonly JsonObject[];
  readonly detail?: JsonObject;
}
