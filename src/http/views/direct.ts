import { VERDICT_OF } from '../../core/command/command.ts';
import type { DirectCommand } from '../../core/direct/direct-command.ts';
import type { DirectProblem, DirectProgress, SequenceNumber } from '../../core/direct/messages.ts';
import type { JsonObject, JsonValue } from '../../core/json/json.ts';
import type { AnyCommandView } from './any-command.ts';
import { compact, instant, shadowRefView } from './parts.ts';

/** A command for an action. Where others name their shadow it says `(direct)`. */
export interface DirectCommandView extends AnyCommandView {
  readonly kind: 'direct';
  readonly name: string;
  readonly args: JsonObject;
  readonly sequence?: SequenceNumber;
  readonly group?: string;
  /** How often its request was sent. */
  readonly attempts: number;
  readonly progress?: DirectProgress;
  /** What it was for; lists leave it out. */
  readonly result?: JsonValue;
  readonly problem?: DirectProblem;
  /** How the device was when it answered. */
  readonly state?: JsonObject;
  /** Who asked the device to stop. */
  readonly cancelAskedBy?: string;
  readonly lateAnswer?: 'succeeded' | 'failed' | 'rejected';
  /** Answers came over a topic that all devices share: any of them may have given them. */
  readonly unguarded?: true;
}

/** One request for all members of a group: a command each, which `/v1/parents/{parentId}` counts. */
export interface GroupSentView {
  readonly parentId: string;
  readonly group: string;
  readonly total: number;
}

export interface GroupView {
  readonly group: string;
  /** Thing names, in which `*` stands for any characters. */
  readonly things: readonly string[];
}

export function directCommandView(command: DirectCommand): DirectCommandView {
  const { policy, clock } = command;
  return compact({
    id: command.id,
    kind: command.kind,
    ...shadowRefView(command.ref),
    verdict: VERDICT_OF[command.status],
    status: command.status,
    statusReason: command.statusReason,
    author: command.author,
    reason: command.reason,
    name: command.name,
    args: command.args,
    sequence: command.sequence,
    group: command.group?.name,
    attempts: command.attempts,
    progress: command.progress,
    result: command.result,
    problem: command.problem,
    state: command.state,
    cancelAskedBy: command.cancel?.by,
    lateAnswer: command.lateAnswer,
    unguarded: command.unguarded,
    createdAt: instant(command.createdAt),
    sentAt: instant(command.sentAt),
    deliveredAt: instant(command.deliveredAt),
    endedAt: instant(command.endedAt),
    applyWithinMs: policy.applyWithinMs,
    applyLeftMs: clock.leftMs,
    applyRunsSince: instant(clock.runningSince),
    expiresAt: instant(policy.expiresAt),
    whenOffline: policy.whenOffline,
    retryOf: command.retryOf,
    parentId: command.parentId,
    revision: command.revision,
  });
}
