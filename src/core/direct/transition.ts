import { amend } from '../amend.ts';
import { unreachable } from '../assert.ts';
import type { EpochMs } from '../brand.ts';
import { isOpenCommand, stopped } from '../command/clocks.ts';
import type { CommandEvent } from '../command/events.ts';
import { end, live, told, withReason, type LifeEvent, type Remark } from '../command/life.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { DirectCommand } from './direct-command.ts';
import { DIRECT_PROBLEMS, isFinalResponse, type DirectResponse } from './messages.ts';

/** All that can happen to a direct command; what happens to every kind is what it is there. */
export type DirectCommandEvent =
  /** The broker has it. */
  | { readonly type: 'published' }
  /** `unguarded`: it came over a topic that all devices share. */
  | { readonly type: 'answered'; readonly response: DirectResponse; readonly unguarded?: boolean }
  /** The broker, or a right that was taken away, forbids that it is published. */
  | { readonly type: 'forbidden'; readonly code: string; readonly message: string; readonly by: string }
  | LifeEvent
  | Extract<CommandEvent, { type: 'deadline' | 'cancel' }>;

export interface DirectCommandStep {
  /** The same object as before where nothing changed. */
  readonly command: DirectCommand;
  readonly remark?: Remark;
}

/** Lines that progress may take on one timeline; the newest progress is with the command in any case. */
const PROGRESS_LINES_MAX = 64;
const PROGRESS_LINE_MS = 250;

/**
 * The next direct command. The first end stands: what comes after it is noted once and changes nothing, but for success
 * after `timed_out` or `expired`, which makes `succeeded_late`.
 */
export function directTransition(command: DirectCommand, event: DirectCommandEvent, now: EpochMs): DirectCommandStep {
  if (event.type === 'answered') {
    const step = heard(command, event.response, now);
    return event.unguarded === true ? unguarded(step, command) : step;
  }
  if (!isOpenCommand(command)) return { command };
  switch (event.type) {
    case 'published':
      return published(command, now);
    case 'forbidden': {
      const problem = { code: event.code, message: event.message };
      return {
        command: { ...end(command, 'failed', now, event.code), problem },
        remark: { event: 'rejected', by: event.by, detail: problem },
      };
    }
    case 'deadline':
      return deadline(command, now);
    case 'cancel':
      return cancelled(command, event, now);
    case 'clock':
    case 'jumped':
    case 'remark':
    case 'unreachable':
    case 'extend':
    case 'retried':
      return live(command, event, now);
    default:
      return unreachable(event);
  }
}

function heard(command: DirectCommand, response: DirectResponse, now: EpochMs): DirectCommandStep {
  if (!isOpenCommand(command)) return late(command, response, now);
  return isFinalResponse(response) ? answered(command, response, now) : progressed(command, response, now);
}

/** What such an answer changed stays marked, in the command and in its line. */
function unguarded({ command, remark }: DirectCommandStep, before: DirectCommand): DirectCommandStep {
  if (command === before) return { command };
  const marked: DirectCommand = { ...command, unguarded: true };
  return remark === undefined
    ? { command: marked }
    : { command: marked, remark: { ...remark, detail: { ...remark.detail, unguarded: true } } };
}

/** The broker's word may come after the device's own: then the status stays what the device made it. */
function published(command: DirectCommand, now: EpochMs): DirectCommandStep {
  const attempts = command.attempts + 1;
  const detail = { attempt: attempts };
  if (command.attempts > 0) {
    return { command: { ...command, attempts }, remark: { event: 'sent_again', by: 'desk', detail } };
  }
  const status = command.status === 'queued' ? 'sent' : command.status;
  return {
    command: amend(command, { attempts, status, sentAt: command.sentAt ?? now }),
    remark: { event: 'sent', by: 'service', detail },
  };
}

/** Any sign of the device that is not the end. */
function progressed(command: DirectCommand, { status, progress }: DirectResponse, now: EpochMs): DirectCommandStep {
  const first = command.status !== 'delivered';
  const { count, at } = command.progressLines ?? { count: 0, at: 0 };
  const isShown = first || (count < PROGRESS_LINES_MAX && now - at >= PROGRESS_LINE_MS);
  if (!first && progress === undefined) return { command };
  const next = amend(command, {
    ...(first ? { status: 'delivered', sentAt: command.sentAt ?? now, deliveredAt: now } : {}),
    ...(progress === undefined ? {} : { progress }),
    ...(isShown && progress !== undefined ? { progressLines: { count: count + 1, at: now } } : {}),
  });
  if (!isShown) return { command: next };
  const detail: JsonObject = { response: status, ...(progress === undefined ? {} : { progress: { ...progress } }) };
  return { command: next, remark: { event: first ? 'delivered' : 'progress', by: 'device', detail } };
}

function answered(command: DirectCommand, response: DirectResponse, now: EpochMs): DirectCommandStep {
  const { status, problem } = response;
  const stopped = command.cancel !== undefined && problem?.code === DIRECT_PROBLEMS.cancelled;
  const next = stopped ? 'cancelled' : status === 'succeeded' ? 'succeeded' : 'failed';
  const reason = next === 'failed' ? (problem?.code ?? status) : undefined;
  // Its word may overtake the broker's, which then comes too late to be counted.
  const seen = amend(command, {
    sentAt: command.sentAt ?? now,
    attempts: Math.max(command.attempts, 1),
    deliveredAt: command.deliveredAt ?? now,
  });
  return {
    command: withAnswer(end(seen, next, now, reason), response),
    remark: { event: next, by: 'device', ...detailOf(response) },
  };
}

/** The first end stands. What the device says later is noted once; success after a deadline counts, as it does everywhere. */
function late(command: DirectCommand, response: DirectResponse, now: EpochMs): DirectCommandStep {
  const { status } = response;
  if (status === 'accepted' || status === 'in_progress' || command.lateAnswer !== undefined) return { command };
  if (command.status === 'succeeded' || command.status === 'failed') return { command };
  const overdue = command.status === 'timed_out' || command.status === 'expired';
  if (status === 'succeeded' && overdue) {
    const { problem: _, ...rest } = withReason(command, undefined);
    return {
      command: withAnswer(amend(rest, { status: 'succeeded_late', lateAnswer: status }), response),
      remark: { event: 'succeeded_late', by: 'device', detail: { at: now } },
    };
  }
  return {
    command: amend(command, { lateAnswer: status }),
    remark: { event: 'answered_late', by: 'device', ...detailOf(response) },
  };
}

function withAnswer(command: DirectCommand, { result, problem, state }: DirectResponse): DirectCommand {
  return amend(command, {
    ...(result === undefined ? {} : { result }),
    ...(problem === undefined ? {} : { problem }),
    ...(state === undefined ? {} : { state }),
  });
}

function detailOf({ status, problem }: DirectResponse): { detail: JsonObject } {
  return { detail: { response: status, ...(problem === undefined ? {} : { problem: { ...problem } as JsonValue }) } };
}

function deadline(command: DirectCommand, now: EpochMs): DirectCommandStep {
  const spent = stopped(command.clock, now).leftMs <= 0;
  if (now < command.policy.expiresAt && !spent) return { command };
  if (command.status === 'queued') {
    return { command: end(command, 'expired', now, 'not_sent'), remark: { event: 'expired', by: 'watcher' } };
  }
  const reason = command.status === 'delivered' ? 'stuck' : 'no_answer';
  const message = `the device did not answer ${command.attempts} request(s)`;
  return {
    command: {
      ...end(command, 'timed_out', now, reason),
      ...(reason === 'no_answer' ? { problem: { code: reason, message } } : {}),
    },
    remark: { event: 'timed_out', by: 'watcher' },
  };
}

/** Nobody can take back what a device works on: from `delivered` on it is asked, and says what came of it. */
function cancelled(
  command: DirectCommand,
  event: Extract<DirectCommandEvent, { type: 'cancel' }>,
  now: EpochMs,
): DirectCommandStep {
  if (command.status !== 'delivered') {
    return { command: end(command, 'cancelled', now), remark: told('cancelled', event) };
  }
  const { by, reason } = event;
  const cancel = { by, at: now, ...(reason === undefined ? {} : { reason }) };
  return {
    command: withReason({ ...command, cancel }, 'cancelling'),
    remark: told('cancel_asked', event),
  };
}
