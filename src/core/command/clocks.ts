import { amend } from '../amend.ts';
import { epochMs, type EpochMs } from '../brand.ts';
import type { PresenceState } from '../presence/presence.ts';
import { VERDICT_OF, type ApplyClock, type Command, type CommandBase, type CommandField } from './command.ts';

export const APPLY_WITHIN_MS_DEFAULT = 60_000;
export const EXPIRES_IN_MS_DEFAULT = 7 * 24 * 60 * 60 * 1000;

export function isOpenCommand({ status }: Pick<CommandBase, 'status'>): boolean {
  return VERDICT_OF[status] === 'pending';
}

export function isOpenField({ state }: CommandField): boolean {
  return state.outcome !== 'confirmed' && state.outcome !== 'refused' && state.outcome !== 'superseded';
}

/**
 * Whether the apply clock runs: while sent and online, once delivered also while presence is unknown; never while nobody
 * follows the shadow, and not while every open field waits for a person, a restart or a window.
 */
export function shouldRun(command: Command, world: ClockWorld): boolean {
  if (!mayRun(command, world)) return false;
  const open = command.fields.filter(isOpenField);
  return open.length === 0 || open.some(({ state }) => state.outcome !== 'overridden' && state.outcome !== 'deferred');
}

export interface ClockWorld {
  readonly presence: PresenceState;
  readonly following: boolean;
}

/** The part of it that asks for no fields. */
export function mayRun({ status }: Pick<CommandBase, 'status'>, { presence, following }: ClockWorld): boolean {
  if (!following || (status !== 'sent' && status !== 'delivered')) return false;
  return presence === 'online' || (presence === 'unknown' && status === 'delivered');
}

export function stopped(clock: ApplyClock, now: EpochMs): ApplyClock {
  if (clock.runningSince === undefined) return clock;
  return { leftMs: Math.max(0, clock.leftMs - Math.max(0, now - clock.runningSince)) };
}

export function started(clock: ApplyClock, now: EpochMs): ApplyClock {
  return clock.runningSince === undefined ? amend(clock, { runningSince: now }) : clock;
}

/** When the apply clock runs out if nothing changes; undefined while it stands still. */
export function applyDueAt({ clock }: Pick<CommandBase, 'clock'>): EpochMs | undefined {
  return clock.runningSince === undefined ? undefined : epochMs(clock.runningSince + clock.leftMs);
}

/** The earliest instant at which an open command must be looked at for its deadlines. */
export function deadlineOf(command: CommandBase): EpochMs {
  return epochMs(Math.min(command.policy.expiresAt, applyDueAt(command) ?? Infinity));
}
