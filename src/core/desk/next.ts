import { amend } from '../amend.ts';
import { unreachable } from '../assert.ts';
import { epochMs, type CommandId, type WriteId } from '../brand.ts';
import { isOpenCommand } from '../command/clocks.ts';
import type { Command, CommandField } from '../command/command.ts';
import { isTakenOver } from '../command/ending.ts';
import { isPast } from '../command/judge.ts';
import type { Write } from '../command/write.ts';
import type { Presence } from '../presence/presence.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';
import type { ShadowView } from '../view/view.ts';
import { ask, asked, need, unanswered, withLate } from './asking.ts';
import { checkDeadlines, refuseOffline, syncClocks } from './deadlines.ts';
import type { Desk, DeskContext, DeskEvent, DeskStep } from './desk.ts';
import { Draft } from './draft.ts';
import { advance, keepGuard, loseTrack, settleLost } from './lane.ts';
import { dropped, settleEnded } from './landing.ts';
import { onRejected } from './refusal.ts';
import { look, onAbsent, onAccepted, onDeleted, onHoldOver, onRead, onUnread } from './seeing.ts';

/** What the ledger holds of a shadow. */
export interface Kept {
  readonly view?: ShadowView;
  readonly open: readonly Command[];
  readonly ended: readonly Command[];
  readonly writes: readonly Write[];
}

/**
 * A desk from what was stored. Nobody followed the shadow in the meantime, so clocks stand still and every open write has
 * an unknown result: a snapshot comes before anything else. `asked`: no `get` of an earlier desk of this shadow in this
 * process had a higher number, so that its answer, however late, answers none of ours.
 */
export function openDesk(ref: ShadowRef, kept: Kept, presence: Presence, asked = 0): Desk {
  const commands = new Map<CommandId, Command>();
  for (const command of [...kept.ended.slice(-ENDED_MAX), ...kept.open].sort(byId)) {
    commands.set(command.id, { ...command, clock: { leftMs: command.clock.leftMs } });
  }
  const writes = new Map<WriteId, Write>(kept.writes.map((write) => [write.id, write]));
  const newest = [...writes.values()]
    .filter(({ purpose }) => purpose === 'commands')
    .sort(byId)
    .at(-1);
  const mustAsk = commands.size > 0 || newest !== undefined;
  return {
    ref,
    sight: { held: [], ...(kept.view === undefined ? {} : { view: kept.view }) },
    commands,
    writes,
    presence,
    linked: false,
    fresh: false,
    word: undefined,
    lane:
      newest === undefined
        ? undefined
        : {
            purpose: 'commands',
            commandIds: newest.commandIds,
            attempt: newest.attempt,
            stage: 'resolving',
            write: newest,
            serial: asked + 1,
          },
    pause: undefined,
    nudge: undefined,
    resyncAt: undefined,
    asking: {
      last: asked,
      answered: asked,
      needed: mustAsk ? asked + 1 : asked,
      patient: false,
      late: NONE_LATE,
      failures: 0,
    },
    overdue: NONE_OVERDUE,
    unsure: NONE,
    alone: NONE,
  };
}

const NONE_OVERDUE: Desk['overdue'] = new Map();
const NONE: ReadonlySet<CommandId> = new Set();
const NONE_LATE: Desk['asking']['late'] = [];

const byId = (left: { readonly id: string }, right: { readonly id: string }): number => (left.id < right.id ? -1 : 1);

/** Ended commands kept for late proof; older ones are settled as they are. */
const ENDED_MAX = 32;

/** The next desk: state + event + now gives state + changes + effects. Never writes into its arguments. */
export function next(desk: Desk, event: DeskEvent, context: DeskContext): DeskStep {
  const draft = new Draft(desk, context);
  happen(draft, event);
  // A request of ours went out: from now on its answer is waited for, and nothing else follows from that.
  if (event.type !== 'published' && event.type !== 'asked') follow(draft);
  if (event.type === 'create') unlessWritten(draft, event.command.id);
  return draft.step();
}

function happen(draft: Draft, event: DeskEvent): void {
  switch (event.type) {
    case 'create':
      draft.add(event.command, {
        event: 'created',
        by: event.command.author,
        ...(event.detail === undefined ? {} : { detail: event.detail }),
      });
      return;
    case 'uncreate':
      draft.forget(event.id);
      nowSure(draft, event.id);
      return;
    case 'stored':
      nowSure(draft, event.id);
      return;
    case 'accepted':
      onAccepted(draft, event.update);
      return;
    case 'read':
      onRead(draft, event.read, event.serial);
      return;
    case 'absent':
      onAbsent(draft, event.serial);
      return;
    case 'unread':
      onUnread(draft, event.serial);
      return;
    case 'deleted':
      onDeleted(draft, event.version);
      return;
    case 'rejected': {
      const write = draft.write(event.writeId);
      if (write !== undefined) onRejected(draft, write, event);
      return;
    }
    case 'published':
      onPublished(draft, event.writeId);
      return;
    case 'unpublished':
      onUnpublished(draft, event);
      return;
    case 'asked':
      asked(draft, event.serial);
      return;
    case 'presence':
      draft.desk.presence = event.presence;
      return;
    case 'link':
      onLink(draft, event.up);
      return;
    case 'cancel':
    case 'extend':
      draft.apply(event.id, event);
      return;
    case 'retry':
      draft.apply(event.id, { ...event, type: 'retried' });
      draft.desk.nudge = { at: draft.now, count: -1 };
      need(draft);
      return;
    case 'jumped':
      for (const { id } of draft.openCommands()) draft.apply(id, event);
      return;
    case 'ask':
      need(draft, event.patient);
      return;
    case 'tick':
      onTick(draft);
      return;
    default:
      unreachable(event);
  }
}

/** What follows from the new state, whatever led to it. */
function follow(draft: Draft): void {
  if (isIdle(draft)) return;
  settleLost(draft);
  if (draft.lookAgain) look(draft, false);
  refuseOffline(draft);
  checkDeadlines(draft);
  advance(draft);
  settleEnded(draft);
  if (draft.desk.lane === undefined) {
    advance(draft);
    settleEnded(draft);
  }
  tidy(draft);
  syncClocks(draft);
  planResync(draft);
  ask(draft);
}

/** Nothing to be done and nothing asked: most messages of most shadows. */
function isIdle({ desk, ended }: Draft): boolean {
  if (desk.commands.size > 0 || desk.lane !== undefined || ended.length > 0 || desk.overdue.size > 0) return false;
  return desk.asking.answered >= desk.asking.needed && desk.resyncAt === undefined;
}

function onPublished(draft: Draft, writeId: WriteId): void {
  const { lane } = draft.desk;
  if (lane?.stage !== 'writing' || lane.write.id !== writeId) return;
  draft.desk.lane = amend(lane, { until: epochMs(draft.now + draft.context.settings.answerMs) });
}

function onUnpublished(draft: Draft, { writeId, sent }: Extract<DeskEvent, { type: 'unpublished' }>): void {
  const { lane } = draft.desk;
  if (lane?.stage !== 'writing' || lane.write.id !== writeId) return;
  if (sent === 'unknown') {
    loseTrack(draft, lane.write);
    return;
  }
  draft.clearLane();
  dropped(draft, lane.write);
  keepGuard(draft, lane);
}

/** Without a link nothing is heard: what is on the wire has an unknown result, and asking again starts from scratch. */
function onLink(draft: Draft, up: boolean): void {
  if (up === draft.desk.linked) return;
  draft.desk.linked = up;
  const { pending, retryAt: _, ...asking } = draft.desk.asking;
  draft.desk.asking = { ...asking, late: withLate(asking.late, pending), failures: 0 };
  if (up) {
    if (draft.desk.commands.size > 0 || draft.desk.lane !== undefined) need(draft);
    return;
  }
  draft.desk.fresh = false;
  const { lane } = draft.desk;
  if (lane?.stage === 'writing' && lane.until !== undefined) loseTrack(draft, lane.write);
}

function onTick(draft: Draft): void {
  onHoldOver(draft);
  const { pending } = draft.desk.asking;
  if (pending?.until !== undefined && draft.now >= pending.until) unanswered(draft, pending.serial);
}

/**
 * Reads a shadow with open commands from time to time, even if all messages got lost. Where many wait for an answer, a
 * question that is still open is not asked once more.
 */
function planResync(draft: Draft): void {
  const { linked, resyncAt, asking } = draft.desk;
  if (!linked || !hasOpen(draft)) {
    draft.desk.resyncAt = undefined;
    return;
  }
  if (resyncAt !== undefined && draft.now < resyncAt) return;
  if (resyncAt !== undefined && asking.answered >= asking.needed) need(draft, true);
  const { settings } = draft.context;
  draft.desk.resyncAt = epochMs(draft.now + Math.ceil(settings.resyncMs * (0.75 + draft.context.fraction() / 2)));
}

/** Drops from the desk what can no longer change: the ledger has it. */
function tidy(draft: Draft): void {
  const { word, sight } = draft.desk;
  const { view } = sight;
  if (!hasEnded(draft)) return;
  const isOver = (field: CommandField, command: Command, seen: ShadowView): boolean =>
    field.state.outcome !== 'confirmed' &&
    (isTakenOver(field, command, seen) || isPast(field, command, { view: seen, word }));
  let kept = 0;
  for (const command of [...draft.desk.commands.values()].reverse()) {
    if (isOpenCommand(command) || command.endResult === 'not_yet') continue;
    const late = command.status === 'timed_out' || command.status === 'expired';
    const provable =
      late &&
      command.version !== undefined &&
      (view === undefined ||
        (command.incarnation === view.incarnation && !command.fields.some((field) => isOver(field, command, view))));
    if (provable && kept < ENDED_MAX) kept += 1;
    else draft.forget(command.id);
  }
}

/** Stored together with its write, it goes out with it or not at all; one that waits is written once it is stored. */
function unlessWritten(draft: Draft, id: CommandId): void {
  const command = draft.command(id);
  if (command?.status === 'queued' && command.writeId === undefined) {
    draft.desk.unsure = new Set([...draft.desk.unsure, id]);
  }
}

function nowSure(draft: Draft, id: CommandId): void {
  if (!draft.desk.unsure.has(id)) return;
  draft.desk.unsure = new Set([...draft.desk.unsure].filter((other) => other !== id));
}

function hasOpen({ desk }: Draft): boolean {
  for (const command of desk.commands.values()) if (isOpenCommand(command)) return true;
  return false;
}

function hasEnded({ desk }: Draft): boolean {
  for (const command of desk.commands.values()) if (!isOpenCommand(command)) return true;
  return false;
}
