import type { CommandView } from '../../http/views/command.ts';
import type { Output } from '../output/output.ts';
import { table } from '../output/table.ts';
import { forTerminal, valueForTerminal } from '../output/terminal.ts';
import { spokenDuration } from '../arguments/duration.ts';
import { verdictMark, why, wish } from '../output/words.ts';
import type { Played, Send, Teller } from './play.ts';
import type { WorldChange } from './world.ts';

/** The play for somebody who watches: each scene in a line, the same wish as a CLI command, and its verdict. */
export function showAsTalk({ talk, talkColor }: Output): Teller {
  let scenes = 0;
  return {
    scene: (title) => talk(`\n${talkColor.bold(`${(scenes += 1)}. ${title}`)}`),
    change: (change) => talk(`   ${talkColor.dim(CHANGE_WORDS[change.type](change.part))}`),
    sent: (send) => talk(`   ${talkColor.dim('$')} ${asCliCommand(send)}`),
    cancelled: ({ id }) => talk(`   ${talkColor.dim('$')} shadowctl cancel ${id}`),
    ended: ({ command, asExpected, expected }) => {
      const { sign, paint } = verdictMark(command, talkColor);
      const reason = [askedWords(command), why(command)].filter((words) => words !== '').join('; ');
      const took = spokenDuration(Date.parse(command.endedAt ?? command.createdAt) - Date.parse(command.createdAt));
      talk(
        `   ${paint(`${sign} ${command.status}`)} ${wish(command)} after ${took}${reason === '' ? '' : `: ${reason}`}` +
          (asExpected ? '' : `   ${talkColor.red(`expected ${expectedWords(expected)}`)}`),
      );
    },
  };
}

const CHANGE_WORDS: Readonly<Record<WorldChange['type'], (part: string) => string>> = {
  freeze: (part) => `the ${part} hangs (kill -STOP)`,
  thaw: (part) => `the ${part} goes on (kill -CONT)`,
  stop: (part) => `the ${part} is switched off`,
  kill: (part) => `the ${part} is killed (kill -9)`,
  start: (part) => `the ${part} starts again`,
};

function askedWords(command: CommandView): string {
  return command.kind === 'direct' && command.attempts > 1 ? `asked ${command.attempts} times` : '';
}

function asCliCommand(send: Send): string {
  const { applyWithinMs, expiresInMs } = send;
  return [
    ...asked(send),
    ...(applyWithinMs === undefined ? [] : [`--apply-within ${applyWithinMs / 1_000}s`]),
    ...(expiresInMs === undefined ? [] : [`--expires-in ${expiresInMs / 1_000}s`]),
  ].join(' ');
}

function asked(send: Send): string[] {
  if ('desired' in send) {
    const { thingName, shadowName, desired } = send;
    const fields = Object.entries(desired).map(([key, value]) => `/${key}=${valueForTerminal(value)}`);
    return ['shadowctl set', shadowName === undefined ? thingName : `${thingName}/${shadowName}`, ...fields];
  }
  const args = Object.entries(send.args ?? {}).map(([key, value]) => `${key}=${valueForTerminal(value)}`);
  const to = 'group' in send ? `--group ${send.group}` : send.thingName;
  const order = 'sequence' in send && send.sequence !== undefined ? [`--sequence ${send.sequence}`] : [];
  return ['shadowctl send', to, send.action, ...args, ...order];
}

export function playedTable(played: readonly Played[], { color, width }: Pick<Output, 'color' | 'width'>): string {
  return table({
    width,
    header: color.bold,
    columns: [
      { title: 'VERDICT' },
      { title: 'STATUS' },
      { title: 'SHADOW' },
      { title: 'WISH', flexible: true, wrap: true },
      { title: 'AFTER', align: 'right' },
      { title: 'WHY', below: true },
    ],
    rows: played.map(({ command, asExpected, expected }) => {
      const { sign, paint } = verdictMark(command, color);
      const ended = Date.parse(command.endedAt ?? command.createdAt);
      return [
        { text: `${sign} ${command.verdict}`, paint },
        command.status,
        forTerminal(command.shadow),
        wish(command),
        spokenDuration(ended - Date.parse(command.createdAt)),
        asExpected ? why(command) : { text: `expected ${expectedWords(expected)}; ${why(command)}`, paint: color.red },
      ];
    }),
  });
}

function expectedWords({ status, noop }: Send['expected']): string {
  return noop === true ? `${status} with nothing to change` : status;
}
