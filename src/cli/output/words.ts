import type { CommandFieldView, CommandView, ShadowCommandView } from '../../http/views/command.ts';
import type { DirectCommandView } from '../../http/views/direct.ts';
import type { FieldView } from '../../http/views/shadow.ts';
import type { Output } from './output.ts';
import { forTerminal, valueForTerminal } from './terminal.ts';
import { spokenDuration } from '../arguments/duration.ts';

/** How commands and fields read for people: everything that came from outside goes through `forTerminal` here. */

type Paint = (text: string) => string;

/** State is never told by colour alone: each verdict has its sign and its word. */
export function verdictMark(
  { verdict }: Pick<CommandView, 'verdict'>,
  color: Output['color'],
): { sign: string; paint: Paint } {
  switch (verdict) {
    case 'succeeded':
      return { sign: '✓', paint: color.green };
    case 'failed':
      return { sign: '✗', paint: color.red };
    case 'withdrawn':
      return { sign: '»', paint: color.cyan };
    case 'timed_out':
      return { sign: '!', paint: color.magenta };
    case 'pending':
      return { sign: '…', paint: color.yellow };
  }
}

/** `/targetC=22 /mode=eco`, or `unlock visitor="Ada"` */
export function wish(command: CommandView): string {
  if (command.kind === 'direct') return action(command);
  return command.fields.map(({ field, desired }) => `${forTerminal(field)}=${valueForTerminal(desired)}`).join(' ');
}

function action({ name, args, sequence }: DirectCommandView): string {
  const given = Object.entries(args).map(([key, value]) => `${forTerminal(key)}=${valueForTerminal(value)}`);
  const place = sequence === undefined ? [] : [`(${forTerminal(sequence.key)} ${sequence.number})`];
  return [forTerminal(name), ...given, ...place].join(' ');
}

/** Why the command is where it is, in as few words as do; empty where the status says it all. */
export function why(command: CommandView): string {
  if (command.kind === 'direct') return actionWords(command);
  const told = command.fields.map(fieldWords).filter((words) => words !== '');
  const whole = [statusWords(command), ...told, endWords(command)].filter((words) => words !== '');
  return whole.join('; ');
}

/** The device's own words where it gave some: how far it is, or why it did not do it. */
function actionWords(command: DirectCommandView): string {
  const { status, statusReason, problem, group } = command;
  const to = group === undefined ? [] : [`to the group ${forTerminal(group)}`];
  const said = problem === undefined ? spoken(statusReason) : codeAndWords(problem);
  const under = status === 'delivered' ? underWay(command) : [];
  const words = under.length > 0 ? under : status === 'succeeded' ? [] : [said];
  return [...words, ...to].filter((each) => each !== '').join('; ');
}

/** How far the device is, and that it was asked to stop. */
function underWay({ progress, cancelAskedBy }: DirectCommandView): string[] {
  const far = progress?.text ?? (progress?.percent === undefined ? progress?.code : `${progress.percent} %`);
  return [
    ...(far === undefined ? [] : [forTerminal(far)]),
    ...(cancelAskedBy === undefined ? [] : [`${forTerminal(cancelAskedBy)} asked the device to stop`]),
  ];
}

function statusWords({ status, statusReason, noop, fields }: ShadowCommandView): string {
  switch (status) {
    case 'succeeded':
      return noop === true ? 'nothing had to change' : '';
    case 'succeeded_late':
      return 'the proof came after the end';
    case 'failed':
      // A refused field tells it in the device's own words.
      return fields.some(({ outcome }) => outcome === 'refused') ? '' : spoken(statusReason);
    case 'timed_out':
      return statusReason === 'no_answer' ? 'the device did not answer in time' : spoken(statusReason);
    case 'expired':
      return statusReason === 'no_answer' ? 'no sign that the device ever saw it' : spoken(statusReason);
    case 'superseded':
    case 'cancelled':
    case 'queued':
    case 'sent':
    case 'delivered':
      return spoken(statusReason);
  }
}

/** What became of desired after an end without success (DESIGN.md section 3, `onEnd`). */
function endWords({ endResult }: ShadowCommandView): string {
  return endResult === undefined ? '' : END_WORDS[endResult];
}

const END_WORDS: Readonly<Record<NonNullable<ShadowCommandView['endResult']>, string>> = {
  restored: 'desired is back to what it was',
  withdrawn: 'the wish was taken back',
  kept: 'the wish stays',
  not_yet: '', // a matter of milliseconds, or of the reconnection that the explanation tells of
};

function fieldWords(field: CommandFieldView): string {
  const name = forTerminal(field.field);
  switch (field.outcome) {
    case 'confirmed':
    case 'pending':
      return '';
    case 'applying':
      return `${name} is being applied`;
    case 'refused':
      return `${name} refused: ${codeAndWords(field)}`;
    case 'retrying':
      return `${name} is retried: ${codeAndWords(field)}`;
    case 'deferred':
      return `${name} waits for a ${field.until ?? 'restart'}`;
    case 'overridden':
      return `${name} held at the device by ${forTerminal(field.by ?? 'local')}`;
    case 'superseded':
      return `${name} taken over by ${successor(field)}`;
  }
}

/** `out_of_range (1 to 5)` */
function codeAndWords({ code = 'no reason given', message = '' }: Pick<CommandFieldView, 'code' | 'message'>): string {
  return message === '' ? forTerminal(code) : `${forTerminal(code)} (${forTerminal(message)})`;
}

function successor({ supersededBy: by }: CommandFieldView): string {
  switch (by?.kind) {
    case 'command':
      return `command ${forTerminal(by.commandId)}`;
    case 'foreign':
      return `another writer (version ${by.version})`;
    case 'deleted':
      return 'a deletion';
    case 'unknown':
    case undefined:
      return 'an unknown writer';
  }
}

/** Codes read as words: `not_sent_offline` as "not sent offline". */
export function spoken(code: string | undefined): string {
  return code === undefined ? '' : forTerminal(code.replaceAll('_', ' '));
}

/** `3 m 20 s ago`; what lies ahead (clocks differ) counts as now. */
export function ago(instant: string, now = Date.now()): string {
  return `${spokenDuration(now - Date.parse(instant))} ago`;
}

export function fieldState(field: FieldView): string {
  if (field.converged) return 'as desired';
  return field.commandId === undefined ? 'differs' : 'pending';
}
