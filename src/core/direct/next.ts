import { unreachable } from '../assert.ts';
import { epochMs, type CommandId, type EpochMs, type ThingName } from '../brand.ts';
import { deadlineOf, isOpenCommand, mayRun } from '../command/clocks.ts';
import type { Presence } from '../presence/presence.ts';
import { transactionOf, type DirectCommand } from './direct-command.ts';
import type { DirectContext, DirectDesk, DirectEvent, DirectStep, Sending } from './direct-desk.ts';
import { DirectDraft } from './direct-draft.ts';
import { DIRECT_PROBLEMS, isFinalResponse, type DirectResponse } from './messages.ts';

/** What the ledger holds of a thing's direct commands. */
export interface DirectKept {
  readonly open: readonly DirectCommand[];
  readonly ended: readonly DirectCommand[];
  readonly sequences: ReadonlyMap<string, number>;
}

/** Ended commands kept for late answers. */
const ENDED_MAX = 32;

/** A desk from what was stored: nobody listened in the meantime, so clocks stand still and everything is sent again. */
export function openDirectDesk(thingName: ThingName, kept: DirectKept, presence: Presence): DirectDesk {
  const known = [...kept.ended.slice(-ENDED_MAX), ...kept.open].sort(byId);
  return {
    thingName,
    commands: new Map(known.map((command) => [command.id, { ...command, clock: { leftMs: command.clock.leftMs } }])),
    sendings: new Map(),
    sequences: kept.sequences,
    presence,
    linked: false,
    recent: [],
  };
}

const byId = (left: DirectCommand, right: DirectCommand): number => (left.id < right.id ? -1 : 1);

/** The number that the next command of a key gets: after those that are under way, else after the last one done. */
export function nextNumber({ sequences, commands }: DirectDesk, key: string): number {
  let last = sequences.get(key) ?? 0;
  for (const command of commands.values()) {
    if (isOpenCommand(command) && command.sequence?.key === key) last = Math.max(last, command.sequence.number);
  }
  return last + 1;
}

/** The next desk. Never writes into its arguments. */
export function nextDirect(desk: DirectDesk, event: DirectEvent, context: DirectContext): DirectStep {
  const draft = new DirectDraft(desk, context);
  happen(draft, event);
  for (const command of draft.openCommands()) follow(draft, command.id);
  return draft.step();
}

function happen(draft: DirectDraft, event: DirectEvent): void {
  switch (event.type) {
    case 'create':
      draft.add(event.command);
      if (event.inGroup) draft.send(event.command.id, { stage: 'publishing', count: 0 });
      return;
    case 'uncreate':
      draft.drop(event.id);
      return;
    case 'published':
      return onPublished(draft, event.id);
    case 'unpublished':
      return onUnpublished(draft, event);
    case 'answered':
      return onAnswered(draft, event);
    case 'presence':
      return onPresence(draft, event.presence);
    case 'link':
      return onLink(draft, event.up);
    case 'cancel':
      return onCancel(draft, event);
    case 'extend':
      return draft.apply(event.id, event);
    case 'retry':
      draft.apply(event.id, { ...event, type: 'retried' });
      return sendSoon(draft, event.id, draft.now);
    case 'jumped':
      for (const { id } of draft.openCommands()) draft.apply(id, event);
      return;
    case 'tick':
      return;
    default:
      return unreachable(event);
  }
}

function onPublished(draft: DirectDraft, id: CommandId): void {
  const sending = draft.desk.sendings.get(id);
  draft.apply(id, { type: 'published' });
  if (sending === undefined) return;
  const count = sending.count + 1;
  draft.send(id, { stage: 'waiting', count, ...retryIn(draft, id, count) });
}

/** Whether it left is not known, or it surely did not: the same request again, later, harms nobody. */
function onUnpublished(draft: DirectDraft, event: Extract<DirectEvent, { type: 'unpublished' }>): void {
  const { id, code, refused } = event;
  const sending = draft.desk.sendings.get(id);
  if (sending === undefined) return;
  if (refused) {
    const message = 'the broker refused the request';
    return draft.apply(id, { type: 'forbidden', code, message, by: 'service' });
  }
  const count = sending.count + 1;
  draft.send(id, { stage: 'waiting', count, ...(draft.desk.linked ? retryIn(draft, id, count) : {}) });
}

function retryIn(draft: DirectDraft, id: CommandId, count: number): { retryAt?: EpochMs } {
  const { settings, now } = draft.context;
  if (count >= settings.attemptsMax) return {};
  const { answerMs, groupAnswerMs, backoffMs, backoffMsMax } = settings;
  const command = draft.desk.commands.get(id);
  const patience = command?.group !== undefined && command.attempts <= 1 ? groupAnswerMs : answerMs;
  const ceiling = Math.min(backoffMsMax, backoffMs * 2 ** Math.min(count - 1, 16));
  return { retryAt: epochMs(Math.round(now + patience + draft.context.fraction() * ceiling)) };
}

function onAnswered(draft: DirectDraft, event: Extract<DirectEvent, { type: 'answered' }>): void {
  const { response } = event;
  const command = [...draft.desk.commands.values()].findLast((each) => transactionOf(each) === response.id);
  if (command === undefined) {
    draft.answer = draft.desk.recent.includes(response.id) ? 'duplicate' : 'unknown';
    return;
  }
  draft.answer = isOpenCommand(command) ? 'used' : 'late';
  draft.apply(command.id, event);
  followSequence(draft, command, response);
  // The device works on it: what is asked now is how far it came, and less often.
  const sending = draft.desk.sendings.get(command.id);
  if (sending?.stage === 'waiting') {
    const count = Math.max(sending.count, QUIET_COUNT);
    draft.send(command.id, { stage: 'waiting', count, ...retryIn(draft, command.id, count) });
  }
}

/** A device that answered is asked again only after about ten seconds. */
const QUIET_COUNT = 4;

/** The last number done: what the device says; where it says nothing, what was tried is done. */
function followSequence(draft: DirectDraft, { sequence }: DirectCommand, response: DirectResponse): void {
  if (sequence === undefined || !isFinalResponse(response)) return;
  const { key, number } = sequence;
  const done = draft.desk.sequences.get(key) ?? 0;
  if (response.sequence?.key === key) {
    // A late or repeated answer does not take the sequence back; a refusal because of the order does.
    const isReset = response.problem?.code === DIRECT_PROBLEMS.out_of_order;
    if (isReset || response.sequence.number > done) draft.setSequence(key, response.sequence.number);
  } else if (response.status !== 'rejected' && number > done) {
    draft.setSequence(key, number);
  }
}

function onPresence(draft: DirectDraft, presence: Presence): void {
  const returned = draft.desk.presence.state !== 'online' && presence.state === 'online';
  draft.desk.presence = presence;
  if (returned) for (const { id } of draft.openCommands()) sendSoon(draft, id, draft.now);
}

/** Answers may have been missed: everything that is with a device is asked for again, spread out. */
function onLink(draft: DirectDraft, up: boolean): void {
  draft.desk.linked = up;
  if (!up) return;
  draft.desk.linkedAt = draft.now;
  for (const { id, status } of draft.openCommands()) {
    const delay = status === 'queued' ? 0 : draft.context.fraction() * draft.context.settings.backoffMs;
    sendSoon(draft, id, epochMs(Math.round(draft.now + delay)));
  }
}

/** A new budget of attempts. What is on its way to the broker is left alone. */
function sendSoon(draft: DirectDraft, id: CommandId, at: EpochMs): void {
  if (draft.desk.sendings.get(id)?.stage === 'publishing') return;
  draft.send(id, { stage: 'waiting', count: 0, retryAt: at });
}

function onCancel(draft: DirectDraft, event: Extract<DirectEvent, { type: 'cancel' }>): void {
  const before = draft.desk.commands.get(event.id);
  if (before === undefined) return;
  const mayBeThere = before.attempts > 0 || draft.desk.sendings.get(event.id) !== undefined;
  draft.apply(event.id, event);
  const after = draft.desk.commands.get(event.id);
  if (after === undefined) return;
  if (isOpenCommand(after)) sendSoon(draft, event.id, draft.now);
  else if (mayBeThere && draft.desk.linked && draft.now < after.policy.expiresAt) draft.publish(after, 'notice');
}

/** What is due for one open command, whatever has happened. */
function follow(draft: DirectDraft, id: CommandId): void {
  const { presence, linked } = draft.desk;
  const read = (): DirectCommand | undefined => draft.desk.commands.get(id);
  let command = read();
  if (command === undefined || !isOpenCommand(command)) return;
  const run = mayRun(command, { presence: presence.state, following: linked });
  if (run !== (command.clock.runningSince !== undefined)) draft.apply(id, { type: 'clock', run });
  if (presence.state === 'offline' && command.policy.whenOffline === 'fail') draft.apply(id, { type: 'unreachable' });
  checkDeadline(draft, id);
  command = read();
  if (command !== undefined && isOpenCommand(command) && isDue(draft, command)) send(draft, command);
}

/** Evidence first: nothing ends while an answer may wait for us. */
function checkDeadline(draft: DirectDraft, id: CommandId): void {
  const command = draft.desk.commands.get(id);
  if (command === undefined || !isOpenCommand(command) || draft.now < deadlineOf(command)) return;
  const { linked, linkedAt } = draft.desk;
  const heard = linked && draft.now >= verifiedAt(linkedAt, draft.context);
  // What was never handed to the broker cannot have been answered.
  const untouched = command.status === 'queued' && command.attempts === 0 && !draft.desk.sendings.has(id);
  if (heard || untouched) draft.apply(id, { type: 'deadline', reason: '' });
  else draft.apply(id, { type: 'remark', reason: 'unverified' });
}

function verifiedAt(linkedAt: EpochMs | undefined, { settings }: DirectContext): number {
  return (linkedAt ?? 0) + settings.verifyMs;
}

function isDue(draft: DirectDraft, command: DirectCommand): boolean {
  const { linked, presence } = draft.desk;
  if (!linked || presence.state === 'offline' || draft.now >= command.policy.expiresAt) return false;
  if (inLineBehind(draft.desk, command) !== undefined) return false;
  const sending = draft.desk.sendings.get(command.id);
  if (sending === undefined) return true;
  return sending.stage === 'waiting' && sending.retryAt !== undefined && draft.now >= sending.retryAt;
}

function send(draft: DirectDraft, command: DirectCommand): void {
  const allowed = command.status === 'queued' ? draft.context.mayPublish?.(command) : undefined;
  if (allowed !== undefined && !allowed.ok) {
    const { code, message } = allowed.problem;
    return draft.apply(command.id, { type: 'forbidden', code, message, by: 'desk' });
  }
  const count = draft.desk.sendings.get(command.id)?.count ?? 0;
  draft.send(command.id, { stage: 'publishing', count });
  draft.publish(command, command.status === 'queued' ? 'first' : 'again');
}

/** The command of the same sequence that has to end first. */
export function inLineBehind(desk: DirectDesk, { id, sequence }: DirectCommand): DirectCommand | undefined {
  if (sequence === undefined) return undefined;
  for (const other of desk.commands.values()) {
    if (other.id === id || !isOpenCommand(other) || other.sequence?.key !== sequence.key) continue;
    if (other.sequence.number < sequence.number) return other;
  }
  return undefined;
}

/** When the desk must be looked at next if nothing happens; undefined: never. */
export function nextDirectLookAt(desk: DirectDesk, context: DirectContext): EpochMs | undefined {
  let least = Infinity;
  const consider = (at: number | undefined): void => {
    if (at !== undefined && at > context.now && at < least) least = at;
  };
  const verified = verifiedAt(desk.linkedAt, context);
  for (const command of desk.commands.values()) {
    if (!isOpenCommand(command)) continue;
    const deadline = deadlineOf(command);
    consider(desk.linked ? Math.max(deadline, verified) : deadline);
    if (desk.linked && desk.presence.state !== 'offline') consider(retryOf(desk.sendings.get(command.id)));
  }
  return least === Infinity ? undefined : epochMs(least);
}

function retryOf(sending: Sending | undefined): EpochMs | undefined {
  return sending?.stage === 'waiting' ? sending.retryAt : undefined;
}
