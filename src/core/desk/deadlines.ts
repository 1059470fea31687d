import { epochMs, type CommandId, type EpochMs } from '../brand.ts';
import { applyDueAt, deadlineOf, isOpenCommand, isOpenField, shouldRun } from '../command/clocks.ts';
import type { Command } from '../command/command.ts';
import { isAnswered, need } from './asking.ts';
import type { Desk } from './desk.ts';
import type { Draft } from './draft.ts';

/** Starts and stops the apply clocks by what is true now. */
export function syncClocks(draft: Draft): void {
  const { presence, linked } = draft.desk;
  for (const command of draft.desk.commands.values()) {
    if (!isOpenCommand(command)) continue;
    const run = shouldRun(command, { presence: presence.state, following: linked });
    if (run !== (command.clock.runningSince !== undefined)) draft.apply(command.id, { type: 'clock', run });
  }
}

/** `whenOffline: fail`: nothing shows that the device saw it, and the device is known to be away. */
export function refuseOffline(draft: Draft): void {
  if (draft.desk.presence.state !== 'offline') return;
  for (const command of draft.desk.commands.values()) {
    if (isOpenCommand(command) && command.policy.whenOffline === 'fail')
      draft.apply(command.id, { type: 'unreachable' });
  }
}

/**
 * Ends what is overdue, but only once a snapshot asked for after the deadline was judged: evidence comes first. Until
 * such a snapshot can be had the command stays pending as `unverified`.
 */
export function checkDeadlines(draft: Draft): void {
  let overdue: Map<CommandId, number> | undefined;
  for (const command of draft.desk.commands.values()) {
    const known = draft.desk.overdue.get(command.id);
    const due = isOpenCommand(command) && draft.now >= deadlineOf(command);
    if (!due) {
      if (known !== undefined) (overdue ??= new Map(draft.desk.overdue)).delete(command.id);
      continue;
    }
    if (known === undefined) {
      (overdue ??= new Map(draft.desk.overdue)).set(command.id, need(draft));
      if (!draft.desk.linked) draft.apply(command.id, { type: 'remark', reason: 'unverified' });
    } else if (isAnswered(draft, known)) {
      (overdue ??= new Map(draft.desk.overdue)).delete(command.id);
      draft.apply(command.id, { type: 'deadline', reason: reasonFor(draft, command) });
    } else if (!draft.desk.linked || draft.desk.asking.failures > 0) {
      draft.apply(command.id, { type: 'remark', reason: 'unverified' });
    }
  }
  for (const id of draft.desk.overdue.keys()) {
    if (!draft.desk.commands.has(id)) (overdue ??= new Map(draft.desk.overdue)).delete(id);
  }
  if (overdue !== undefined) draft.desk.overdue = overdue;
}

/** Why it did not happen in time, as far as anybody can tell. */
function reasonFor({ desk: { presence } }: Draft, command: Command): string {
  const open = command.fields.filter(isOpenField);
  const outcome = open[0]?.state.outcome;
  if (presence.state === 'offline') return 'offline';
  if (command.status === 'queued') return 'not_sent';
  if (outcome === 'overridden' || outcome === 'deferred' || outcome === 'retrying') return outcome;
  return command.status === 'delivered' ? 'stuck' : 'no_answer';
}

/** When this desk must be looked at next if nothing happens; undefined: never. */
export function nextLookAt(desk: Desk, now: EpochMs): EpochMs | undefined {
  let least = Infinity;
  const consider = (at: number | undefined): void => {
    // What is due already was looked at in the step that ended just now; only a message can move it on.
    if (at !== undefined && at < least && at > now) least = at;
  };
  consider(desk.sight.holdUntil);
  const { asking, lane, linked } = desk;
  let open = false;
  let work = lane !== undefined;
  let awaiting = false;
  for (const command of desk.commands.values()) {
    if (!isOpenCommand(command)) {
      if (command.endResult === 'not_yet') work = true;
      continue;
    }
    open = true;
    if (command.status === 'queued') work = true;
    if (command.status === 'sent') awaiting = true;
    if (!desk.overdue.has(command.id)) consider(Math.min(command.policy.expiresAt, applyDueAt(command) ?? Infinity));
  }
  if (linked) {
    if (lane?.stage === 'writing') consider(lane.until);
    if (asking.pending !== undefined) consider(asking.pending.until);
    else if (asking.answered < asking.needed) consider(asking.retryAt);
    if (work) consider(desk.pause?.until);
    if (awaiting && desk.presence.state === 'online' && lane === undefined) consider(desk.nudge?.at);
    if (open) consider(desk.resyncAt);
  }
  return least === Infinity ? undefined : epochMs(least);
}
