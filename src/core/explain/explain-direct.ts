import { deadlineOf, isOpenCommand } from '../command/clocks.ts';
import type { DirectCommand } from '../direct/direct-command.ts';
import type { DirectDesk, Sending } from '../direct/direct-desk.ts';
import { inLineBehind } from '../direct/next.ts';
import type { JsonObject } from '../json/json.ts';
import type { Blocking } from './explain-command.ts';

/** Why has it not been done? `desk` is absent for commands that ended long ago. */
export function explainDirect(command: DirectCommand, desk: DirectDesk | undefined): Blocking {
  const fact = explained(command, desk);
  if (command.unguarded !== true) return fact;
  return {
    ...fact,
    words: `${fact.words}; as said on a topic that all devices share, where any may answer for another`,
  };
}

function explained(command: DirectCommand, desk: DirectDesk | undefined): Blocking {
  if (!isOpenCommand(command)) return explainEnd(command);
  const settleBy = deadlineOf(command);
  const fact = command.status === 'delivered' ? working(command) : notAnswered(command, desk);
  if (command.statusReason !== 'unverified') return { ...fact, settleBy };
  return {
    code: 'unverified',
    words: `the deadline is past, but answers do not reach us, so nobody knows yet; before that ${fact.words}`,
    settleBy,
    detail: { blockedBy: fact.code },
  };
}

function notAnswered(command: DirectCommand, desk: DirectDesk | undefined): Blocking {
  const { createdAt: since } = command;
  if (desk?.linked !== true) {
    return { code: 'not_sent_offline', words: 'not sent: the server is not connected to the broker', since };
  }
  const { presence } = desk;
  if (presence.state === 'offline') {
    const why = presence.detail === undefined ? '' : ` (${presence.detail})`;
    const words = `the device is offline${why}; it is asked when it returns`;
    return { code: 'device_offline', words, since: presence.since };
  }
  const other = inLineBehind(desk, command);
  if (other !== undefined) {
    const words = `not sent: number ${other.sequence?.number ?? 0} of the same sequence comes first`;
    return { code: 'not_sent_in_line', words, detail: { commandId: other.id } };
  }
  const sending = desk.sendings.get(command.id);
  if (command.status === 'queued') {
    return sending?.stage === 'publishing'
      ? { code: 'waiting_for_service', words: 'handed to the broker, which has not acknowledged it yet', since }
      : { code: 'not_sent_throttled', words: 'not sent: the last attempt did not reach the broker', ...next(sending) };
  }
  return {
    code: 'waiting_for_device',
    words: `asked ${times(command.attempts)}, no answer yet`,
    ...(command.sentAt === undefined ? {} : { since: command.sentAt }),
    ...next(sending),
  };
}

function working(command: DirectCommand): Blocking {
  const { progress, cancel } = command;
  const far = progress?.text ?? (progress?.percent === undefined ? progress?.code : `${progress.percent} %`);
  const stop = cancel === undefined ? '' : `; ${cancel.by} asked it to stop`;
  return {
    code: cancel === undefined ? 'applying' : 'cancelling',
    words: `the device works on it${far === undefined ? '' : `: ${far}`}${stop}`,
    ...(command.deliveredAt === undefined ? {} : { since: command.deliveredAt }),
    ...(progress === undefined ? {} : { detail: { progress: { ...progress } as JsonObject } }),
  };
}

function explainEnd({ status, statusReason, problem, lateAnswer, endedAt, attempts }: DirectCommand): Blocking {
  const since = endedAt === undefined ? {} : { since: endedAt };
  const late = lateAnswer === undefined ? '' : `; later the device answered: ${lateAnswer}`;
  const said = problem === undefined ? '' : `: ${problem.message} (${problem.code})`;
  switch (status) {
    case 'succeeded':
      return { code: 'done', words: 'the device did it', ...since };
    case 'succeeded_late':
      return { code: 'done', words: 'the device did it, but said so after the deadline', ...since };
    case 'failed':
      return statusReason === 'offline'
        ? { code: 'device_offline', words: 'the device was offline, and the command was not to wait', ...since }
        : { code: 'refused', words: `the device did not do it${said}`, ...since };
    case 'cancelled':
      return { code: 'cancelled', words: `cancelled${late}`, ...since };
    case 'expired':
      return { code: 'expired', words: `never sent: the device could not be reached in time${late}`, ...since };
    default: {
      const words = `asked ${times(attempts)} without an end from the device; whether it did it is not known${late}`;
      return { code: statusReason === 'no_answer' ? 'no_answer' : 'timed_out', words, ...since };
    }
  }
}

function next(sending: Sending | undefined): Partial<Blocking> {
  const retryAt = sending?.stage === 'waiting' ? sending.retryAt : undefined;
  return retryAt === undefined ? {} : { nextAttemptAt: retryAt };
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
