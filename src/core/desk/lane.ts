import { assert } from '../assert.ts';
import { epochMs, type CommandId, type FieldPointer } from '../brand.ts';
import { isOpenCommand, isOpenField } from '../command/clocks.ts';
import type { Command, Successor } from '../command/command.ts';
import { leftBehind } from '../command/ending.ts';
import { resolveWrite } from '../command/resolve.ts';
import { mergeWishes } from '../command/wishes.ts';
import type { Write, WritePurpose } from '../command/write.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { leavesOf, objectFromLeaves, overlaps, valueAt } from '../json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { markAt, sourceOf, type ShadowView } from '../view/view.ts';
import { isAnswered, later, need } from './asking.ts';
import type { Guard, LaneTask } from './desk.ts';
import type { Draft } from './draft.ts';
import { dropped, landed, releaseEnded } from './landing.ts';

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
      if (!isAnswered(draft, lane.serial)) return false;
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
  const queued: Command[] = [];
  let ending: Command | undefined;
  for (const command of draft.desk.commands.values()) {
    if (command.status === 'queued' && queued.length < MERGED_MAX) {
      // Overdue ones wait for their end, not for their turn.
      if (!draft.desk.overdue.has(command.id)) queued.push(command);
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
  const wishes = mergeWishes(draft.desk.alone.has(first.id) ? [first] : untilAlone(draft, queued));
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

/** Waits to be written. An overdue one waits for its end. */
function isQueued(draft: Draft, id: CommandId): boolean {
  return draft.command(id)?.status === 'queued' && !draft.desk.overdue.has(id);
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

/** The patch to write, or undefined if there is nothing (more) to write. */
function checked(draft: Draft, lane: LaneTask, guard: Guard, view: ShadowView): JsonObject | undefined {
  switch (guard.type) {
    case 'if_version':
      return checkVersion(draft, lane, guard.version, view);
    case 'as_before':
      return checkBefore(draft, lane, guard.before, view);
    case 'still_ours':
      return checkOurs(draft, lane, view);
  }
}

function checkVersion(
  draft: Draft,
  { commandIds: [id] }: LaneTask,
  version: number,
  view: ShadowView,
): JsonObject | undefined {
  const command = id === undefined || !isQueued(draft, id) ? undefined : draft.command(id);
  if (command === undefined) return undefined;
  const changed = command.fields.find(({ field }) => !unchangedSince(field, version, view));
  if (changed === undefined) return openPatch(draft, [command.id]);
  const message = `${changed.field} was changed after version ${version}`;
  draft.apply(command.id, { type: 'rejected', code: 'version_conflict', message, by: 'desk' });
  return undefined;
}

/** Shown by the marks; what they cannot show counts as changed. */
function unchangedSince(field: FieldPointer, version: number, view: ShadowView): boolean {
  if (view.version < version) return false;
  if (view.desiredVersion <= version) return true;
  const mark = markAt(view.marks.desired, field);
  return mark !== undefined && mark[1] <= version;
}

function checkBefore(
  draft: Draft,
  lane: LaneTask,
  before: Readonly<Record<FieldPointer, JsonValue>>,
  view: ShadowView,
): JsonObject | undefined {
  const ids = lane.commandIds.filter((id) => isQueued(draft, id));
  const changed = leavesOf(openPatch(draft, ids)).flatMap(([field, wish]) => {
    const was = Object.hasOwn(before, field) ? before[field] : undefined;
    const is = valueAt(view.state.desired, field);
    const same = was === undefined || is === undefined ? was === is : jsonEqual(was, is);
    // What is there already as it is wished was overwritten by nobody: an earlier attempt of ours may have put it there.
    return same || (is !== undefined && jsonEqual(is, wish)) ? [] : [field];
  });
  overwrite(draft, ids, changed, view);
  const left = ids.filter((id) => isQueued(draft, id));
  return left.length === 0 ? undefined : openPatch(draft, left);
}

function checkOurs(draft: Draft, { commandIds: [id], purpose }: LaneTask, view: ShadowView): JsonObject | undefined {
  const command = id === undefined ? undefined : draft.command(id);
  if (command === undefined) return undefined;
  const left = leftBehind(command, view);
  if (left.length === 0) {
    draft.apply(command.id, { type: 'ending', result: 'kept' });
    return undefined;
  }
  return objectFromLeaves(
    left.map(({ field, restoreTo }) => [field, purpose === 'restore' ? (restoreTo ?? null) : null] as const),
  );
}

/** Somebody else changed these fields before our write came to be. */
function overwrite(draft: Draft, ids: readonly CommandId[], fields: readonly FieldPointer[], view: ShadowView): void {
  for (const id of ids) {
    const own = draft.command(id)?.fields ?? [];
    const lost = fields.filter((field) => own.some((candidate) => overlaps({ left: candidate.field, right: field })));
    if (lost.length === 0) continue;
    draft.apply(id, { type: 'overwritten', fields: lost.map((field) => ({ field, by: successor(field, view) })) });
  }
}

function successor(field: FieldPointer, view: ShadowView): Successor {
  const mark = markAt(view.marks.desired, field);
  const source = mark === undefined ? undefined : sourceOf(mark);
  if (source?.kind === 'command') return { kind: 'command', commandId: source.commandId };
  if (source?.kind === 'foreign' && mark !== undefined) {
    return {
      kind: 'foreign',
      version: mark[1],
      ...(source.clientToken === undefined ? {} : { clientToken: source.clientToken }),
    };
  }
  return { kind: 'unknown', version: view.version };
}

/** The open fields of these commands as one patch, the younger ones' values on top. */
function openPatch(draft: Draft, ids: readonly CommandId[]): JsonObject {
  const leaves = ids.flatMap((id) => draft.command(id)?.fields.filter(isOpenField) ?? []);
  return objectFromLeaves(leaves.map(({ field, desired }) => [field, desired] as const));
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
        guard: { type: 'as_before', before: lost.before },
        attempt: 1,
        stage: 'reading',
        serial: draft.desk.asking.answered,
      };
      return;
    }
  }
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

/** The service said no. */
export function onRejected(draft: Draft, refused: Write, { code, message }: { code: number; message: string }): void {
  const { lane } = draft.desk;
  const current = lane !== undefined && lane.stage !== 'reading' && lane.write.id === refused.id ? lane : undefined;
  draft.setWrite({ ...refused, state: 'rejected' });
  releaseEnded(draft, refused);
  if (current !== undefined) draft.clearLane();
  if (code === 409 && refused.ifVersion !== undefined) {
    if (current !== undefined) conflicted(draft, current, refused);
    return;
  }
  if (code === 429 || code >= 500) {
    pause(draft, code === 429 ? 'throttled' : 'service_unavailable');
    return;
  }
  refuse(draft, refused, { code, message });
}

/** Read again, compare again, write again; after too many times later, and never without the lock. */
function conflicted(draft: Draft, { purpose, commandIds, guard, attempt }: LaneTask, refused: Write): void {
  if (guard === undefined) return;
  const { conflictRetriesMax } = draft.context.settings;
  const exhausted = attempt >= conflictRetriesMax;
  if (exhausted) {
    for (const id of commandIds)
      draft.line(id, { event: 'conflict_goes_on', by: 'desk', version: refused.base.version });
    pause(draft, 'conflict');
  }
  draft.desk.lane = {
    purpose,
    commandIds,
    guard,
    attempt: exhausted ? 1 : attempt + 1,
    stage: 'reading',
    serial: need(draft),
  };
  draft.desk.asking = { ...draft.desk.asking, retryAt: later(draft, exhausted ? 6 : 0) };
}

function pause(draft: Draft, code: string): void {
  const failures = (draft.desk.pause?.failures ?? 0) + 1;
  draft.desk.pause = { until: later(draft, failures), failures, code };
}

/** A refusal for good. Where several commands shared the request, each is tried alone to find whose it is. */
function refuse(draft: Draft, refused: Write, { code, message }: { code: number; message: string }): void {
  if (refused.purpose === 'nudge') return;
  if (refused.purpose !== 'commands') {
    for (const id of refused.commandIds) draft.apply(id, { type: 'ending', result: 'kept', detail: { code, message } });
    return;
  }
  if (refused.commandIds.length > 1) {
    draft.desk.alone = new Set([...draft.desk.alone, ...refused.commandIds]);
    return;
  }
  const problem = code === 413 ? 'payload_too_large' : code === 409 ? 'version_conflict' : 'service_rejected';
  for (const id of refused.commandIds) {
    const command = draft.command(id);
    if (command === undefined) continue;
    draft.apply(id, { type: 'rejected', code: problem, message: `${code} ${message}`.trim(), by: 'service' });
  }
}
