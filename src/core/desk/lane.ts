import { assert } from '../assert.ts';
import { epochMs, type CommandId } from '../brand.ts';
import { isOpenCommand } from '../command/clocks.ts';
import type { Command } from '../command/command.ts';
import { resolveWrite } from '../command/resolve.ts';
import { mergeWishes } from '../command/wishes.ts';
import type { Write, WritePurpose } from '../command/write.ts';
import { leavesOf, valueAt } from '../json/json-pointer.ts';
import type { JsonObject } from '../json/json.ts';
import { markAt, type ShadowView } from '../view/view.ts';
import { isAnswered, need } from './asking.ts';
import type { Guard, LaneTask } from './desk.ts';
import type { Draft } from './draft.ts';
import { checked, isQueued, mayBeMade } from './guards.ts';
import { dropped, landed } from './landing.ts';

/** At most this many commands share a request, so that one look at a long queue stays cheap. */
const MERGED_MAX = 64;

/** Moves the lane as far as it goes: at most one request of ours is in flight per shadow. */
export function advance(draft: Draft): void {
  if (!draft.desk.linked) return;
  for (;;) {
    const { lane } = draft.desk;
    if (lane === undefined ? !begin(draft) : !proceed(draft, lane)) return;
  }
}

/** A lost result that a snapshot can now tell: before deadlines are judged, for it may be evidence. */
export function settleLost(draft: Draft): void {
  const { lane, linked } = draft.desk;
  if (linked && lane?.stage === 'resolving' && isAnswered(draft, lane.serial)) resolve(draft, lane);
}

/** True: look again. */
function proceed(draft: Draft, lane: LaneTask): boolean {
  switch (lane.stage) {
    case 'reading':
      if (!isAnswered(draft, lane.serial) || mayBeMade(draft)) return false;
      return guarded(draft, lane);
    case 'writing':
      if (lane.until === undefined || draft.now < lane.until) return false;
      loseTrack(draft, lane.write);
      return false;
    case 'resolving':
      if (!isAnswered(draft, lane.serial)) return false;
      resolve(draft, lane);
      return true;
  }
}

/** The result is unknown: only a snapshot asked for from now on can tell. */
export function loseTrack(draft: Draft, write: Write): void {
  const { lane } = draft.desk;
  if (lane === undefined || lane.stage !== 'writing' || lane.write.id !== write.id) return;
  const { purpose, commandIds, attempt, guard } = lane;
  const rest = { purpose, commandIds, attempt, ...(guard === undefined ? {} : { guard }) };
  draft.desk.lane = { ...rest, stage: 'resolving', write, serial: need(draft) };
}

function begin(draft: Draft): boolean {
  const { pause, sight, fresh } = draft.desk;
  if (pause !== undefined && draft.now < pause.until) return false;
  const work = findWork(draft);
  if (work === undefined) return false;
  if (!fresh || sight.view === undefined) {
    // What stood in desired before decides what is restored, and what a lost answer meant.
    if (draft.desk.asking.needed <= draft.desk.asking.answered) need(draft);
    return false;
  }
  switch (work.type) {
    case 'wishes':
      if (refuseForbidden(draft, work.queued)) return true;
      return beginWishes(draft, work.queued, sight.view);
    case 'ending':
      return beginEnding(draft, work.command);
    case 'nudge':
      return beginNudge(draft, sight.view);
  }
}

/** Rights may have been taken away while it was queued, for days perhaps. True: something was refused, look again. */
function refuseForbidden(draft: Draft, queued: readonly Command[]): boolean {
  const { mayPublish } = draft.context;
  if (mayPublish === undefined) return false;
  let refused = false;
  for (const command of queued) {
    const right = mayPublish(command);
    if (right.ok) continue;
    const { code, message } = right.problem;
    draft.apply(command.id, { type: 'rejected', code, message, by: 'watcher' });
    refused = true;
  }
  return refused;
}

type Work =
  | { readonly type: 'wishes'; readonly queued: readonly Command[] }
  | { readonly type: 'ending'; readonly command: Command }
  | { readonly type: 'nudge' };

/** New wishes first: they may overwrite what would have to be restored. */
function findWork(draft: Draft): Work | undefined {
  const { unsure } = draft.desk;
  const queued: Command[] = [];
  let waits = false;
  let ending: Command | undefined;
  for (const command of draft.desk.commands.values()) {
    if (command.status === 'queued' && queued.length < MERGED_MAX) {
      // Nobody overtakes one that is not known to be stored. Overdue ones wait for their end, not for their turn.
      waits ||= unsure.has(command.id);
      if (!waits && !draft.desk.overdue.has(command.id)) queued.push(command);
    } else if (
      ending === undefined &&
      !isOpenCommand(command) &&
      command.endResult === 'not_yet' &&
      command.version !== undefined
    )
      ending = command;
  }
  if (queued.length > 0) return { type: 'wishes', queued };
  if (ending !== undefined) return { type: 'ending', command: ending };
  return isNudgeDue(draft) ? { type: 'nudge' } : undefined;
}

function beginWishes(draft: Draft, queued: readonly Command[], view: ShadowView): boolean {
  const [first] = queued;
  if (first === undefined) return false;
  const together = draft.desk.alone.has(first.id) ? [first] : untilAlone(draft, queued);
  const wishes = mergeWishes(together, draft.added);
  if (first.policy.ifVersion !== undefined) {
    const guard: Guard = { type: 'if_version', version: first.policy.ifVersion };
    // The view is as good as a read: the update carries its version, and a stale one ends in a 409.
    draft.desk.lane = {
      purpose: 'commands',
      commandIds: [first.id],
      guard,
      attempt: 1,
      stage: 'reading',
      serial: draft.desk.asking.answered,
    };
    return true;
  }
  for (const { id } of wishes.commands) {
    const lost = wishes.overwritten.filter(({ commandId }) => commandId === id);
    if (lost.length === 0) continue;
    const fields = lost.map(({ field, by }) => ({ field, by: { kind: 'command', commandId: by } as const }));
    draft.apply(id, { type: 'overwritten', fields });
  }
  const commandIds = wishes.commands.map(({ id }) => id).filter((id) => isQueued(draft, id));
  write(draft, { purpose: 'commands', commandIds, patch: wishes.patch, attempt: 1, view });
  return false;
}

function untilAlone(draft: Draft, queued: readonly Command[]): readonly Command[] {
  const stop = queued.findIndex(({ id }) => draft.desk.alone.has(id));
  return stop < 0 ? queued : queued.slice(0, stop);
}

function beginEnding(draft: Draft, command: Command): boolean {
  const purpose = command.policy.onEnd === 'withdraw' ? 'withdraw' : 'restore';
  draft.desk.lane = {
    purpose,
    commandIds: [command.id],
    guard: { type: 'still_ours' },
    attempt: 1,
    stage: 'reading',
    serial: draft.desk.asking.answered,
  };
  return true;
}

export function isNudgeDue(draft: Draft): boolean {
  const { nudge, presence } = draft.desk;
  if (nudge === undefined || draft.now < nudge.at) return false;
  return presence.state === 'online' || nudge.count < 0 ? awaitsDevice(draft) : false;
}

/** Something was sent and the device shows no sign of having seen it. */
function awaitsDevice(draft: Draft): boolean {
  for (const { status } of draft.desk.commands.values()) if (status === 'sent') return true;
  return false;
}

/** `{"state":{}}`: the delta comes again, nothing is stamped anew (R36, R61). */
function beginNudge(draft: Draft, view: ShadowView): boolean {
  const { nudgeAfterMs, nudgeAfterMsMax } = draft.context.settings;
  const count = Math.max(0, draft.desk.nudge?.count ?? 0) + 1;
  const wait =
    Math.min(nudgeAfterMsMax, nudgeAfterMs * 2 ** Math.min(count, 20)) * (0.75 + draft.context.fraction() / 4);
  draft.desk.nudge = { at: epochMs(draft.now + Math.ceil(wait)), count };
  const commandIds = [...draft.desk.commands.values()].filter(({ status }) => status === 'sent').map(({ id }) => id);
  write(draft, { purpose: 'nudge', commandIds, patch: {}, attempt: 1, view });
  return false;
}

/** A guarded task whose snapshot is there: check that desired is as believed, then write with that version. */
function guarded(draft: Draft, lane: LaneTask): boolean {
  const { view } = draft.desk.sight;
  const { guard } = lane;
  if (view === undefined || guard === undefined) {
    draft.clearLane();
    return true;
  }
  if (draft.desk.pause !== undefined && draft.now < draft.desk.pause.until) return false;
  if (lane.purpose === 'commands') {
    const carried = lane.commandIds.flatMap((id) => (isQueued(draft, id) ? (draft.command(id) ?? []) : []));
    if (refuseForbidden(draft, carried)) {
      // Those that are left start anew, without what is forbidden.
      draft.clearLane();
      return true;
    }
  }
  const patch = checked(draft, lane, guard, view);
  if (patch === undefined) {
    draft.clearLane();
    return true;
  }
  const commandIds =
    lane.purpose === 'commands' ? lane.commandIds.filter((id) => isQueued(draft, id)) : lane.commandIds;
  write(draft, { purpose: lane.purpose, commandIds, patch, attempt: lane.attempt, view, guard });
  return false;
}

function resolve(draft: Draft, lane: Extract<LaneTask, { stage: 'resolving' }>): void {
  const { view } = draft.desk.sight;
  const { write: lost } = lane;
  assert(view !== undefined, 'an answered get leaves a view');
  draft.clearLane();
  if (lost.purpose === 'nudge') {
    dropped(draft, lost);
    return;
  }
  const resolution = resolveWrite(lost, view);
  switch (resolution.type) {
    case 'landed': {
      const stamp = newestStamp(lost, view);
      landed(draft, lost, { version: resolution.version, from: 'get', stamp });
      draft.lookAgain = true;
      return;
    }
    case 'not_sent':
      dropped(draft, lost);
      keepGuard(draft, lane, draft.desk.asking.answered);
      return;
    case 'guard':
    case 'overwritten': {
      dropped(draft, lost);
      if (lost.purpose !== 'commands') return;
      if (lost.base.incarnation !== view.incarnation) return; // A new life: what was queued is written anew.
      const ids = lost.commandIds.filter((id) => isQueued(draft, id));
      if (ids.length === 0) return;
      draft.desk.lane = {
        purpose: 'commands',
        commandIds: ids,
        guard: guardOf(draft, ids, lost),
        attempt: 1,
        stage: 'reading',
        serial: draft.desk.asking.answered,
      };
      return;
    }
  }
}

/**
 * Tried once more, a task that was guarded by what stood there before stays so, whatever became of the attempt (found by
 * seed 29885); everything else is found again in the queue. `serial`: the read that the next attempt rests on; a new one
 * by default.
 */
export function keepGuard(draft: Draft, { purpose, commandIds, guard, attempt }: LaneTask, serial?: number): void {
  if (guard?.type !== 'as_before') return;
  draft.desk.lane = { purpose, commandIds, guard, attempt, stage: 'reading', serial: serial ?? need(draft) };
}

/** What was conditional stays so: one changed field and none of it is written (found by seed 27154). */
function guardOf(draft: Draft, [first]: readonly CommandId[], { before }: Write): Guard {
  const version = first === undefined ? undefined : draft.command(first)?.policy.ifVersion;
  return version === undefined ? { type: 'as_before', before } : { type: 'if_version', version };
}

function newestStamp({ patch }: Write, view: ShadowView): number {
  return leavesOf(patch).reduce((newest, [field]) => Math.max(newest, markAt(view.marks.desired, field)?.[0] ?? 0), 0);
}

interface NewWrite {
  readonly purpose: WritePurpose;
  readonly commandIds: readonly CommandId[];
  readonly patch: JsonObject;
  readonly attempt: number;
  readonly view: ShadowView;
  readonly guard?: Guard;
}

/** Every attempt is a write of its own, with its own token, stored before it is published. */
function write(draft: Draft, { purpose, commandIds, patch, attempt, view, guard }: NewWrite): void {
  const before = leavesOf(patch).flatMap(([field]) => {
    const value = valueAt(view.state.desired, field);
    return value === undefined ? [] : [[field, value] as const];
  });
  const made: Write = {
    id: draft.context.newWriteId(),
    ref: draft.desk.ref,
    purpose,
    commandIds,
    patch,
    base: { version: view.version, incarnation: view.incarnation, stamp: view.stamp },
    before: Object.fromEntries(before),
    ...(guard === undefined || view.version === 0 ? {} : { ifVersion: view.version }),
    attempt,
    createdAt: draft.now,
    state: 'open',
  };
  draft.setWrite(made);
  if (purpose === 'commands') for (const id of commandIds) draft.apply(id, { type: 'carried', writeId: made.id });
  draft.desk.lane = {
    purpose,
    commandIds,
    ...(guard === undefined ? {} : { guard }),
    attempt,
    stage: 'writing',
    write: made,
  };
  draft.publish(made);
}
