import { amend } from '../amend.ts';
import { unreachable } from '../assert.ts';
import { epochMs, type EpochMs } from '../brand.ts';
import type { JsonObject } from '../json/json.ts';
import { started, stopped } from './clocks.ts';
import type { CommandBase, CommandStatus } from './command.ts';
import type { CommandEvent } from './events.ts';

/** The steps of a command's life that are the same for every kind of it. */

/** A line for the timeline: who did what. `detail` is data for people and machines. */
export interface Remark {
  readonly event: string;
  readonly by: string;
  readonly version?: number;
  readonly detail?: JsonObject;
}

/** What may happen to an open command of any kind, with the same effect on each. */
export type LifeEvent = Extract<
  CommandEvent,
  { type: 'clock' | 'jumped' | 'remark' | 'unreachable' | 'extend' | 'retried' }
>;

export function live<C extends CommandBase>(
  command: C,
  event: LifeEvent,
  now: EpochMs,
): { readonly command: C; readonly remark?: Remark } {
  switch (event.type) {
    case 'clock':
      return { command: ticking(command, event.run, now) };
    case 'jumped':
      return { command: jumped(command, event.byMs) };
    case 'remark':
      if (command.statusReason === event.reason) return { command };
      return {
        command: withReason(command, event.reason),
        ...(event.reason === undefined ? {} : { remark: { event: event.reason, by: 'watcher' } }),
      };
    case 'unreachable':
      if (command.status === 'delivered') return { command };
      return { command: end(command, 'failed', now, 'offline'), remark: { event: 'failed', by: 'watcher' } };
    case 'extend':
      return { command: extended(command, event, now), remark: told('extended', event) };
    case 'retried':
      return { command, remark: told('retried', event) };
    default:
      return unreachable(event);
  }
}

export function end<C extends CommandBase>(command: C, status: CommandStatus, now: EpochMs, reason?: string): C {
  const ending = { status, endedAt: epochMs(now), clock: stopped(command.clock, now) };
  return withReason(amend(command, ending as Partial<C>), reason);
}

export function withReason<C extends CommandBase>(command: C, reason: string | undefined): C {
  if (command.statusReason === reason) return command;
  const { statusReason: _, ...rest } = command;
  return (reason === undefined ? rest : Object.assign(rest, { statusReason: reason })) as C;
}

/** The same object where the clock is as it should be. */
function ticking<C extends CommandBase>(command: C, run: boolean, now: EpochMs): C {
  if (run === (command.clock.runningSince !== undefined)) return command;
  return { ...command, clock: run ? started(command.clock, now) : stopped(command.clock, now) };
}

/** Our clock was corrected; a running apply clock does not count that time. */
function jumped<C extends CommandBase>(command: C, byMs: number): C {
  const { runningSince } = command.clock;
  if (runningSince === undefined) return command;
  return { ...command, clock: { ...command.clock, runningSince: epochMs(runningSince + byMs) } };
}

function extended<C extends CommandBase>(
  command: C,
  event: Extract<CommandEvent, { type: 'extend' }>,
  now: EpochMs,
): C {
  const clock = event.applyMoreMs === undefined ? command.clock : stopped(command.clock, now);
  const leftMs = clock.leftMs + (event.applyMoreMs ?? 0);
  const running = command.clock.runningSince !== undefined && event.applyMoreMs !== undefined;
  return withReason(
    {
      ...command,
      policy: { ...command.policy, ...(event.expiresAt === undefined ? {} : { expiresAt: event.expiresAt }) },
      clock: { ...clock, leftMs, ...(running ? { runningSince: now } : {}) },
    },
    undefined,
  );
}

export function told(event: string, { by, reason }: { by: string; reason?: string }): Remark {
  return { event, by, ...(reason === undefined ? {} : { detail: { reason } }) };
}
