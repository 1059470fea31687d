import type { Command, CommandBase } from '../command/command.ts';
import type { EpochMs } from '../brand.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { DirectProblem, DirectProgress, DirectRequest, SequenceNumber } from './messages.ts';

/**
 * A command for an action. Its life is that of every command (DESIGN.md section 3); its evidence is the device's own word:
 * `sent` is the acknowledgement of the broker, `delivered` any response, the ends are what the device says.
 *
 * `ref` names the thing and, as its shadow, `DIRECT_PLACE`.
 */
export interface DirectCommand extends CommandBase {
  readonly kind: 'direct';
  readonly name: string;
  readonly args: JsonObject;
  /** Given by the ledger when the command was created. */
  readonly sequence?: SequenceNumber;
  /** Sent to a group: all of it is one transaction, named by `parentId`. */
  readonly group?: GroupShare;
  /** How often its request was handed to the broker. */
  readonly attempts: number;
  /** What the device said last of its work. */
  readonly progress?: DirectProgress;
  /** How many lines of the timeline its progress has taken, and when the last one. */
  readonly progressLines?: { readonly count: number; readonly at: EpochMs };
  readonly result?: JsonValue;
  /** Why the device did not do it, or `no_answer`. */
  readonly problem?: DirectProblem;
  /** How the device was then. */
  readonly state?: JsonObject;
  /** Somebody wants it stopped; asked of the device, which has the last word. */
  readonly cancel?: { readonly by: string; readonly at: EpochMs; readonly reason?: string };
  /**
   * Something of what is known of it came over a topic that all devices share: it may be the word of any of them.
   */
  readonly unguarded?: true;
  /** An answer after the end that could not change it. */
  readonly lateAnswer?: 'succeeded' | 'failed' | 'rejected';
}

export interface GroupShare {
  readonly name: string;
  /** When so many members have failed, the rest is cancelled. */
  readonly abortAfter?: number;
  /** Each member is asked on its own topic, with an id of its own: what all have in common cannot say who answers. */
  readonly apart?: true;
}

export type AnyCommand = Command | DirectCommand;

/** What stands as `id` in the messages of a command: its own, or that of the transaction it shares with its group. */
export function transactionOf({ id, group, parentId }: DirectCommand): string {
  return group === undefined || group.apart === true ? id : (parentId ?? id);
}

/** The request of its next attempt. */
export function requestOf(command: DirectCommand): DirectRequest {
  const { name, args, createdAt, policy, attempts, sequence, group, cancel } = command;
  return {
    id: transactionOf(command),
    name,
    args,
    issuedAt: createdAt,
    expiresAt: policy.expiresAt,
    attempt: attempts + 1,
    ...(sequence === undefined ? {} : { sequence }),
    ...(group === undefined ? {} : { group: group.name }),
    ...(cancel === undefined ? {} : { cancel: true }),
  };
}
