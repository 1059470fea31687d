import type { FieldPointer, WriteId } from '../brand.ts';
import { isOpenCommand } from '../command/clocks.ts';
import type { Command } from '../command/command.ts';
import { isTakenOver } from '../command/ending.ts';
import { judge } from '../command/judge.ts';
import { writeIdOf, type Write } from '../command/write.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { leavesOf, valueAt } from '../json/json-pointer.ts';
import {
  newIncarnation,
  seeAccepted,
  seeHeld,
  seeSnapshot,
  type AcceptedUpdate,
  type ReadShadow,
} from '../view/sight.ts';
import { absentView, commandSource, foreignSource, type ShadowView } from '../view/view.ts';
import { answered, knownWhenAsked, need, unanswered } from './asking.ts';
import type { Draft } from './draft.ts';
import { landed } from './landing.ts';

/** What messages do to the view, and what the view then says of the commands. */

/** `accepted` is a patch: its token is matched to a write first, whatever its version; then it may change the view. */
export function onAccepted(draft: Draft, update: AcceptedUpdate): void {
  const write = draft.write(writeIdOf(update.clientToken));
  if (write !== undefined && isOfAnotherLife(draft, write, update)) {
    draft.desk.sight = newIncarnation(draft.desk.sight, { ref: draft.desk.ref, now: draft.now });
    draft.touch(undefined);
    look(draft, true);
  }
  if (write !== undefined && isOfTheLifeBefore(draft, write, update)) {
    const { incarnation } = write.base;
    landed(draft, write, { version: update.version, from: 'accepted', stamp: update.timestamp ?? 0, incarnation });
    look(draft, false);
    return;
  }
  const source = sourceFor(draft, update);
  const before = draft.desk.sight.view;
  const seenBefore = before !== undefined && update.version <= before.version;
  if (write !== undefined)
    landed(draft, write, { version: update.version, from: 'accepted', stamp: update.timestamp ?? 0 });
  if (seenBefore) {
    if (write !== undefined) look(draft, false);
    return;
  }
  const { sight, seen } = seeAccepted(draft.desk.sight, { update, source }, { ref: draft.desk.ref, now: draft.now });
  draft.desk.sight = sight;
  if (sight.view === undefined) need(draft);
  if (seen !== 'applied') return;
  draft.touch(update.state.cleared === true ? undefined : touchedBy(update));
  look(draft, before?.state.reported !== sight.view?.state.reported);
  lookThroughHeld(draft);
}

/** One after the other: what was truly reported before it was overwritten is evidence, in whatever order it was heard of. */
function lookThroughHeld(draft: Draft): void {
  for (;;) {
    const { sight } = draft.desk;
    const next = seeHeld(sight, draft.now);
    if (next === undefined) return;
    draft.desk.sight = next;
    draft.touch(undefined);
    look(draft, next.view?.state.reported !== sight.view?.state.reported);
  }
}

/** In one life a write comes to lie above all that was known when it was published: a deletion went by unnoticed. */
function isOfAnotherLife({ desk }: Draft, { base }: Write, { version }: AcceptedUpdate): boolean {
  return desk.sight.view?.incarnation === base.incarnation && version <= base.version;
}

/** Stored before a deletion that was heard of sooner than of its answer: it went with that life (found by seed 35117). */
function isOfTheLifeBefore({ desk }: Draft, { base }: Write, { version }: AcceptedUpdate): boolean {
  const { view, buried = 0 } = desk.sight;
  return view?.incarnation === base.incarnation + 1 && version > base.version && version <= buried;
}

export function onRead(draft: Draft, read: ReadShadow, serial: number | undefined): void {
  const asked = knownWhenAsked(draft.desk, serial);
  const known = draft.desk.sight.view;
  if (asked === undefined && isReplayed(read, known)) return;
  // Lower than what the service had told us before we asked: its versions started anew.
  const reset =
    asked !== undefined &&
    known !== undefined &&
    asked.incarnation === known.incarnation &&
    read.version < asked.version;
  if (reset) draft.desk.sight = newIncarnation(draft.desk.sight, { ref: draft.desk.ref, now: draft.now });
  const { sight, seen } = seeSnapshot(draft.desk.sight, read, { ref: draft.desk.ref, now: draft.now });
  draft.desk.sight = sight;
  if (serial !== undefined) {
    answered(draft, serial);
    if (asked !== undefined) draft.desk.fresh = true;
  }
  if (seen !== 'applied') return;
  if (known !== sight.view) draft.touch(undefined);
  setWord(draft, sight.view?.state.reported);
  // A write of ours whose answer was lost may be what the snapshot shows: that is settled before anybody is judged.
  draft.lookAgain = true;
}

/** Newer by its number and older by its time: an answer from an earlier life that a resumed session brings (seed 74181). */
function isReplayed({ version, timestamp }: ReadShadow, known: ShadowView | undefined): boolean {
  return known !== undefined && timestamp !== undefined && version > known.version && timestamp < known.stamp;
}

/** 404: it does not exist. Whether it ever did in this life decides whether something was deleted. */
export function onAbsent(draft: Draft, serial: number): void {
  const { pending } = draft.desk.asking;
  const asked = knownWhenAsked(draft.desk, serial);
  const known = draft.desk.sight.view;
  const place = { ref: draft.desk.ref, now: draft.now };
  if (known === undefined) {
    draft.desk.sight = { ...draft.desk.sight, view: absentView(place.ref, 1, place.now) };
  } else if (asked?.incarnation === known.incarnation) {
    // What came in after an earlier question may be of the next life already.
    const conclusive = asked === pending || asked.version === known.version;
    if (conclusive && (asked.version > 0 || asked.landed)) draft.desk.sight = newIncarnation(draft.desk.sight, place);
  }
  answered(draft, serial);
  if (asked !== undefined) draft.desk.fresh = true;
  draft.touch(undefined);
  look(draft, true);
}

export function onUnread(draft: Draft, serial: number): void {
  unanswered(draft, serial);
}

/** Carries the version that was deleted (R48); one from before what we know is an old story (B10). */
export function onDeleted(draft: Draft, version: number): void {
  const known = draft.desk.sight.view;
  if (known === undefined || known.version === 0 || version < known.version) return;
  draft.desk.sight = newIncarnation(draft.desk.sight, { ref: draft.desk.ref, now: draft.now, buried: version });
  draft.touch(undefined);
  look(draft, true);
}

/**
 * Waiting for the missing ones is over: a snapshot repairs the gap. It is asked for from here on, so it holds whatever
 * was held; an update above it came late from an earlier life of the shadow, and keeping it would mean asking for ever.
 */
export function onHoldOver(draft: Draft): void {
  const { holdUntil, ...rest } = draft.desk.sight;
  if (holdUntil === undefined || draft.now < holdUntil) return;
  draft.desk.sight = { ...rest, held: [] };
  need(draft);
}

/** Judges every command that was accepted against the view as it is now. */
export function look(draft: Draft, reportedChanged: boolean): void {
  const { view } = draft.desk.sight;
  if (view === undefined) return;
  if (reportedChanged) setWord(draft, view.state.reported);
  for (const command of draft.desk.commands.values()) {
    if (command.version === undefined) continue;
    if (!isOpenCommand(command)) {
      const open = command.fields.filter(({ state }) => state.outcome !== 'confirmed');
      if (open.some((field) => isTakenOver(field, command, view))) continue;
    }
    const findings = judge(command, { view, word: draft.desk.word, model: draft.context.model });
    draft.apply(command.id, { type: 'judged', findings });
  }
}

function setWord(draft: Draft, reported: JsonObject | undefined): void {
  draft.desk.word = draft.context.readWord(reported, draft.desk.sight.view);
}

/**
 * By leaf, the youngest command of the write that asks for it: also of one that was given up, and landed in spite of what
 * its answer or a snapshot said. Of such a write the token alone proves nothing, since others can send it too (attack
 * B-16): it is ours where it asks for what the command asked.
 */
function sourceFor(draft: Draft, { clientToken, state }: AcceptedUpdate): (field: FieldPointer) => string {
  const id = writeIdOf(clientToken);
  const write = draft.write(id);
  const owners = new Map<FieldPointer, Command>();
  let youngest: Command | undefined;
  for (const command of write === undefined ? givenUp(draft, id) : commandsOf(draft, write)) {
    if (write !== undefined) youngest = command;
    for (const { field, desired } of command.fields) {
      if (write !== undefined || asksFor(state.desired, field, desired)) owners.set(field, command);
    }
  }
  return (field) => {
    const owner = owners.get(field) ?? youngest;
    return owner === undefined ? foreignSource(clientToken) : commandSource(owner);
  };
}

const commandsOf = (draft: Draft, { commandIds }: Write): Command[] =>
  commandIds.flatMap((id) => draft.command(id) ?? []);

/** Also an earlier attempt than the one that carries them now: ids rise with time (seed 65122). */
function givenUp(draft: Draft, id: WriteId | undefined): Command[] {
  if (id === undefined) return [];
  const attempt: string = id;
  return [...draft.desk.commands.values()].filter(
    (command) => command.writeId !== undefined && command.id < attempt && attempt <= command.writeId,
  );
}

function asksFor(desired: JsonObject | null | undefined, field: FieldPointer, wish: JsonValue): boolean {
  const asked = desired === null ? undefined : valueAt(desired, field);
  return asked !== undefined && jsonEqual(asked, wish);
}

function touchedBy(update: AcceptedUpdate): FieldPointer[] | undefined {
  const { desired, reported } = update.state;
  if (desired === null || reported === null) return undefined;
  return [...leavesOf(desired ?? {}), ...leavesOf(reported ?? {})].map(([field]) => field);
}
