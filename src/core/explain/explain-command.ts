import { epochMs, type EpochMs, type FieldPointer } from '../brand.ts';
import { deadlineOf, isOpenCommand, isOpenField } from '../command/clocks.ts';
import type { Command, CommandField, Successor } from '../command/command.ts';
import type { Desk } from '../desk/desk.ts';
import { fromWord, outcomeFor } from '../command/judge.ts';
import type { JsonObject } from '../json/json.ts';
import { markAt } from '../view/view.ts';

/** The one fact that stands in the way, in words and as data. */
export interface Blocking {
  readonly code: string;
  readonly words: string;
  readonly field?: FieldPointer;
  readonly since?: EpochMs;
  readonly nextAttemptAt?: EpochMs;
  readonly settleBy?: EpochMs;
  readonly detail?: JsonObject;
}

/** Why is it not applied? `desk` is absent for commands that ended long ago. */
export function explainCommand(command: Command, desk: Desk | undefined): Blocking {
  if (!isOpenCommand(command)) return explainEnd(command);
  const settleBy = deadlineOf(command);
  const fact = command.status === 'queued' ? notSent(command, desk) : notDone(command, desk);
  if (command.statusReason !== 'unverified') return { ...fact, settleBy };
  return {
    code: 'unverified',
    words: `the deadline is past, but the shadow cannot be read to make sure; before that ${fact.words}`,
    settleBy,
    detail: { blockedBy: fact.code },
  };
}

function notSent(command: Command, desk: Desk | undefined): Blocking {
  if (desk === undefined || !desk.linked) {
    return {
      code: 'not_sent_offline',
      words: 'not sent: the server is not connected to the broker',
      since: command.createdAt,
    };
  }
  const { pause, lane } = desk;
  if (pause !== undefined && lane?.stage !== 'writing') {
    const words =
      pause.code === 'conflict'
        ? 'others keep changing the shadow'
        : `the shadow service refuses for now (${pause.code})`;
    return {
      code: `not_sent_${pause.code}`,
      words: `not sent: ${words}; next attempt follows`,
      nextAttemptAt: pause.until,
    };
  }
  if (lane !== undefined && lane.commandIds.includes(command.id)) {
    return lane.stage === 'writing'
      ? {
          code: 'waiting_for_service',
          words: 'sent to the shadow service, which has not answered yet',
          since: lane.write.createdAt,
        }
      : {
          code: 'result_unknown',
          words: 'the answer to the request was lost; the shadow is being read to see what became of it',
        };
  }
  if (lane !== undefined)
    return { code: 'not_sent_in_line', words: 'not sent: another request of this shadow is under way' };
  return { code: 'not_sent_reading', words: 'not sent: the shadow is being read first', since: command.createdAt };
}

function notDone(command: Command, desk: Desk | undefined): Blocking {
  const field = command.fields.find(isOpenField);
  const presence = desk?.presence;
  if (presence?.state === 'offline') {
    return {
      code: 'device_offline',
      words: `the device is offline${presence.detail === undefined ? '' : ` (${presence.detail})`}; it will get the change when it returns`,
      since: presence.since,
      ...(field === undefined ? {} : { field: field.field }),
    };
  }
  const said = field === undefined ? undefined : deviceSays(field);
  if (field !== undefined && said !== undefined) return { ...said, field: field.field };
  if (command.status === 'delivered') {
    return {
      code: 'not_as_desired',
      words: `the device has seen the change, but reports another value${field === undefined ? '' : ` for ${field.field}`}`,
      ...(field === undefined ? {} : { field: field.field }),
      ...(command.deliveredAt === undefined ? {} : { since: command.deliveredAt }),
    };
  }
  return {
    code: 'waiting_for_device',
    words:
      presence?.state === 'online'
        ? 'the device is connected, but shows no sign of having seen the change'
        : 'nothing was heard of the device since the change was stored',
    ...(command.sentAt === undefined ? {} : { since: command.sentAt }),
    ...(desk?.nudge === undefined || presence?.state !== 'online' ? {} : { nextAttemptAt: desk.nudge.at }),
    ...(field === undefined ? {} : { field: field.field }),
  };
}

/** What the device says of a field of this wish, whether or not a command still waits for it. */
export function deviceSaid(field: FieldPointer, { word, sight }: Desk): Blocking | undefined {
  const desiredVersion = markAt(sight.view?.marks.desired, field)?.[1] ?? 0;
  if (word === undefined || word.version < desiredVersion) return undefined;
  const said = outcomeFor(word, field);
  return said === undefined ? undefined : deviceSays({ field, state: fromWord(said) });
}

/** What the device says of a field itself. */
export function deviceSays({ field, state }: Pick<CommandField, 'field' | 'state'>): Blocking | undefined {
  switch (state.outcome) {
    case 'applying':
      return { code: 'applying', words: `the device is applying ${field}` };
    case 'retrying':
      return {
        code: 'retrying',
        words: `the device could not apply ${field} yet (${state.code}${state.message === undefined ? '' : `: ${state.message}`}) and tries again`,
        ...(state.retryAt === undefined ? {} : { nextAttemptAt: state.retryAt }),
        detail: { code: state.code },
      };
    case 'deferred':
      return {
        code: 'deferred',
        words: `${field} takes effect ${state.until === 'restart' ? 'after a restart of the device' : 'in the next window'}`,
      };
    case 'overridden':
      return {
        code: 'overridden',
        words: `${field} is held at the device by ${state.by}`,
        ...(state.until === undefined ? {} : { nextAttemptAt: state.until }),
        detail: { by: state.by },
      };
    case 'refused':
      return {
        code: 'refused',
        words: `the device refused ${field}: ${state.message || state.code}`,
        detail: { code: state.code },
      };
    case 'pending':
    case 'confirmed':
    case 'superseded':
      return undefined;
  }
}

function explainEnd(command: Command): Blocking {
  const since = command.endedAt === undefined ? {} : { since: command.endedAt };
  const reason = command.statusReason;
  switch (command.status) {
    case 'succeeded':
      return {
        code: 'done',
        words: command.noop === true ? 'done: nothing had to change' : 'done: the device shows it',
        ...since,
      };
    case 'succeeded_late':
      return { code: 'done_late', words: 'done, after its time was over: the device shows it', ...since };
    case 'failed':
      return { ...explainFailure(command), ...since };
    case 'superseded': {
      const field = command.fields.find(({ state }) => state.outcome === 'superseded');
      const by = field?.state.outcome === 'superseded' ? field.state.by : undefined;
      return {
        code: 'superseded',
        words: `overwritten by ${successorWords(by)}`,
        ...(field === undefined ? {} : { field: field.field }),
        ...since,
        ...(by === undefined ? {} : { detail: { by: { ...by } } }),
      };
    }
    case 'cancelled':
      return { code: 'cancelled', words: 'cancelled', ...since };
    case 'timed_out':
      return {
        code: 'timed_out',
        words: `no evidence in time (${reason ?? 'no answer'}); what happened at the device is not known`,
        ...since,
      };
    case 'expired':
      return {
        code: 'expired',
        words: `it expired without a sign that the device saw it (${reason ?? 'no answer'})`,
        ...since,
      };
    case 'queued':
    case 'sent':
    case 'delivered':
      return { code: command.status, words: command.status, since: epochMs(command.createdAt) };
  }
}

function explainFailure(command: Command): Blocking {
  const refused = command.fields.find(({ state }) => state.outcome === 'refused');
  const said = refused === undefined ? undefined : deviceSays(refused);
  if (refused !== undefined && said !== undefined) return { ...said, field: refused.field };
  const reason = command.statusReason ?? 'failed';
  const words: Record<string, string> = {
    offline: 'the device is offline and the command was not to wait',
    version_conflict: 'a field was changed since the version it was meant for',
    payload_too_large: 'the shadow would be larger than the service allows',
    service_rejected: 'the shadow service refused it',
  };
  return { code: reason, words: words[reason] ?? reason };
}

function successorWords(by: Successor | undefined): string {
  switch (by?.kind) {
    case 'command':
      return `command ${by.commandId}`;
    case 'foreign':
      return `a foreign write (version ${by.version}${by.clientToken === undefined ? '' : `, token ${by.clientToken}`})`;
    case 'deleted':
      return 'the deletion of the shadow';
    case 'unknown':
      return `somebody unknown (seen at version ${by.version})`;
    case undefined:
      return 'something unknown';
  }
}
