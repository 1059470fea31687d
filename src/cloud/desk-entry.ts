import type { EpochMs, MonotonicMs } from '../core/brand.ts';
import type { Desk } from '../core/desk/desk.ts';
import { restOf } from '../core/desk/rest.ts';
import type { Model } from '../core/model/model.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Alarm } from '../ports/alarm.ts';
import type { ShadowRecord } from '../ports/ledger.ts';

/** A shadow's desk in memory. Nobody but `Desks` changes it. */
export interface DeskEntry {
  readonly key: string;
  readonly ref: ShadowRef;
  readonly model: Model;
  desk: Desk | undefined;
  /** What the ledger held when it was opened; the drift index starts from it. */
  kept: ShadowRecord | undefined;
  /** Work that arrived while it is being read from the ledger. */
  readonly mailbox: (() => void)[];
  /** Who waits for the answer to a `get`. */
  readers: { readonly serial: number; readonly resolve: () => void }[];
  /** The next look at the desk. */
  readonly alarm: Alarm;
  /** What the last step asked for. */
  lookAt: EpochMs | undefined;
  touchedAt: MonotonicMs;
  /** It is about to leave the memory, unless somebody touches it before. */
  leaving: boolean;
  /** Whoever works with several desks at once holds them. */
  holds: number;
}

/** Somebody asked for a shadow that never was: the question leaves no trace in the ledger or in any list. */
export function isUnheardOf({ desk, kept }: DeskEntry): boolean {
  if (desk === undefined || desk.commands.size > 0 || kept?.view !== undefined) return false;
  const { view } = desk.sight;
  return view === undefined || (view.version === 0 && view.incarnation === 1);
}

/** Nothing is under way and nothing is to come: a desk opened anew from the ledger knows as much. */
export function isSettled({ desk }: DeskEntry): boolean {
  if (desk === undefined) return false;
  const { commands, writes, lane, asking, sight, alone, overdue } = desk;
  if (commands.size > 0 || writes.size > 0 || lane !== undefined || alone.size > 0 || overdue.size > 0) return false;
  return asking.pending === undefined && asking.answered >= asking.needed && sight.held.length === 0;
}

/** Its commands only wait, and it has been told whether the link is up. */
export function isWaiting({ desk }: DeskEntry, linked: boolean): boolean {
  return desk?.linked === linked && restOf(desk) !== undefined;
}

export function isHeld({ readers, mailbox, holds }: DeskEntry): boolean {
  return readers.length > 0 || mailbox.length > 0 || holds > 0;
}
