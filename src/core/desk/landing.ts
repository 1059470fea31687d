import { amend } from '../amend.ts';
import { isOpenCommand } from '../command/clocks.ts';
import type { Command } from '../command/command.ts';
import { leftBehind } from '../command/ending.ts';
import type { Write } from '../command/write.ts';
import { jsonEqual } from '../json/json-equal.ts';
import { leavesOf, valueAt } from '../json/json-pointer.ts';
import { commandSource, markAt, withMark, type ShadowView } from '../view/view.ts';
import type { Draft } from './draft.ts';
import { factsOf } from './facts.ts';

/** Where a write came to lie: what the commands it carries learn from that, and what becomes of ended ones. */

export interface Landing {
  readonly version: number;
  readonly from: 'accepted' | 'get';
  readonly stamp: number;
  /** The life in which it was stored; the one that is seen now by default. */
  readonly incarnation?: number;
}

export function landed(draft: Draft, write: Write, landing: Landing): void {
  draft.setWrite(amend(write, { state: 'accepted', acceptedVersion: landing.version }));
  const { lane } = draft.desk;
  if (lane !== undefined && lane.stage !== 'reading' && lane.write.id === write.id) draft.clearLane();
  draft.desk.pause = undefined;
  switch (write.purpose) {
    case 'commands':
      landedCommands(draft, write, landing);
      return;
    case 'restore':
    case 'withdraw':
      for (const id of write.commandIds) {
        const restored = leavesOf(write.patch).some(([, value]) => value !== null);
        draft.apply(id, { type: 'ending', result: restored ? 'restored' : 'withdrawn', detail: write.patch });
      }
      return;
    case 'nudge':
      return;
  }
}

function landedCommands(draft: Draft, write: Write, landing: Landing): void {
  const { view } = draft.desk.sight;
  const { incarnation = view?.incarnation ?? 1 } = landing;
  const sameLife = view?.incarnation === incarnation;
  const next = sameLife && view.version + 1 === landing.version ? view : undefined;
  // All facts first: one command of the write must not look like foreign work to the next.
  const events = write.commandIds.flatMap((id) => {
    const command = draft.command(id);
    if (command === undefined) return [];
    const facts = command.fields.map((field) => factsOf(draft, { command, field, write, before: next }));
    return [{ id, facts }];
  });
  for (const { id, facts } of events) {
    const { version, from, stamp } = landing;
    draft.apply(id, { type: 'accepted', version, from, stamp, incarnation, facts });
  }
  if (sameLife && landing.version <= view.version) attribute(draft, write, view);
  dropOlderAttempts(draft, write);
  const { nudgeAfterMs } = draft.context.settings;
  draft.desk.nudge = { at: (draft.now + nudgeAfterMs) as Command['createdAt'], count: 0 };
}

/** A snapshot does not name authors. Once we know that the write landed, what stands of it is ours. */
function attribute(draft: Draft, write: Write, view: ShadowView): void {
  let desired = view.marks.desired;
  for (const id of write.commandIds) {
    const command = draft.command(id);
    for (const field of command?.fields ?? []) {
      const mark = markAt(desired, field.field);
      const standing = valueAt(view.state.desired, field.field);
      if (command === undefined || mark === undefined || standing === undefined || !jsonEqual(standing, field.desired))
        continue;
      desired = withMark(desired, field.field, [mark[0], mark[1], commandSource(command)]);
    }
  }
  if (desired === view.marks.desired || desired === undefined) return;
  draft.desk.sight = { ...draft.desk.sight, view: { ...view, marks: { ...view.marks, desired } } };
}

/** Earlier attempts for the same commands can tell nothing new. */
function dropOlderAttempts(draft: Draft, write: Write): void {
  for (const other of draft.desk.writes.values()) {
    if (other.purpose === 'commands' && other.commandIds.every((id) => write.commandIds.includes(id))) {
      draft.setWrite({ ...other, state: 'dropped' });
    }
  }
}

/** A write that surely had no effect. */
export function dropped(draft: Draft, write: Write): void {
  draft.setWrite({ ...write, state: 'dropped' });
  releaseEnded(draft, write);
}

/** Ended commands that only waited for this write have nothing of theirs in desired. */
export function releaseEnded(draft: Draft, write: Write): void {
  if (write.purpose !== 'commands') return;
  for (const id of write.commandIds) {
    const command = draft.command(id);
    if (command === undefined || isOpenCommand(command) || command.version !== undefined) continue;
    if (command.endResult === 'not_yet' && !isCarried(draft, command)) {
      draft.apply(id, { type: 'ending', result: 'withdrawn' });
    }
  }
}

/** Runs once for every command that reached its end: `onEnd` concerns what it left in desired. */
export function settleEnded(draft: Draft): void {
  for (let id = draft.ended.shift(); id !== undefined; id = draft.ended.shift()) {
    const command = draft.command(id);
    if (command === undefined || command.status === 'succeeded') continue;
    if (command.version === undefined) {
      if (isCarried(draft, command)) draft.apply(id, { type: 'ending', result: 'not_yet' });
      continue;
    }
    const { view } = draft.desk.sight;
    const left = view === undefined ? [] : leftBehind(command, view);
    if (left.length > 0)
      draft.apply(id, { type: 'ending', result: command.policy.onEnd === 'keep' ? 'kept' : 'not_yet' });
    else if (command.status !== 'superseded') draft.apply(id, { type: 'ending', result: 'kept' });
  }
}

function isCarried(draft: Draft, { id }: Command): boolean {
  return [...draft.desk.writes.values()].some(
    ({ purpose, commandIds }) => purpose === 'commands' && commandIds.includes(id),
  );
}
