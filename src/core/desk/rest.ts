import type { CommandId, EpochMs } from '../brand.ts';
import { isOpenCommand } from '../command/clocks.ts';
import type { DeviceWord } from '../command/judge.ts';
import type { Presence } from '../presence/presence.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';
import type { Desk } from './desk.ts';
import { openDesk, type Kept } from './next.ts';

/**
 * What the ledger does not hold of a desk whose commands only wait. Everything else of it follows from the ledger (view,
 * commands, the word in the view, overdue ones), from outside (presence, link), or is empty while it rests (lane, writes,
 * held updates, pause, commands that are written alone or not known to be stored, questions that have no answer yet,
 * running clocks).
 */
export interface Rest {
  /** The link has stood since the last snapshot: the view holds all that happened. */
  readonly fresh: boolean;
  readonly resyncAt: EpochMs | undefined;
  readonly nudge: Desk['nudge'];
  /** Ended commands that wait for late proof. Of those the desk gave up the view no longer shows the reason (seed 197). */
  readonly ended: readonly CommandId[];
}

const NONE_ENDED: readonly CommandId[] = [];

/** Undefined: no command waits, or something is under way that a desk opened from the ledger would not know of. */
export function restOf(desk: Desk): Rest | undefined {
  const { asking, commands, sight, nudge, resyncAt, linked } = desk;
  if (commands.size === 0 || desk.writes.size > 0 || desk.alone.size > 0 || desk.unsure.size > 0) return undefined;
  if (desk.lane !== undefined || desk.pause !== undefined) return undefined;
  if (asking.pending !== undefined || asking.late.length > 0 || sight.held.length > 0) return undefined;
  for (const { clock } of commands.values()) if (clock.runningSince !== undefined) return undefined;
  // Without a link nothing is known to be so any more: what is due, and what is to be written, is found when it is back.
  if (!linked) return { fresh: false, resyncAt: undefined, nudge, ended: endedOn(desk) };
  if (!desk.fresh || asking.answered < asking.needed || desk.overdue.size > 0) return undefined;
  for (const { status, endResult } of commands.values()) {
    if (status === 'queued' || endResult === 'not_yet') return undefined;
  }
  return { fresh: true, resyncAt, nudge, ended: endedOn(desk) };
}

function endedOn({ commands }: Desk): readonly CommandId[] {
  const ended = [...commands.values()].filter((command) => !isOpenCommand(command));
  return ended.length === 0 ? NONE_ENDED : ended.map(({ id }) => id);
}

/** The desk as it was when it went to rest, from what the ledger holds and what was remembered beside it. */
export function returned(rest: Rest, { ref, kept, presence, asked, word }: Whereabouts): Desk {
  const ended = kept.ended.filter(({ id }) => rest.ended.includes(id));
  const opened = { ...openDesk(ref, { ...kept, ended }, presence, asked), word, nudge: rest.nudge };
  if (!rest.fresh) return opened;
  const asking = { ...opened.asking, needed: asked };
  return { ...opened, resyncAt: rest.resyncAt, linked: true, fresh: true, asking };
}

export interface Whereabouts {
  readonly ref: ShadowRef;
  readonly kept: Kept;
  readonly presence: Presence;
  /** As `openDesk` takes it. */
  readonly asked: number;
  /** What the device says of itself in the view that was kept. */
  readonly word: DeviceWord | undefined;
}
