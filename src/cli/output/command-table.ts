import type { CommandView } from '../../http/views/command.ts';
import type { Output } from './output.ts';
import { table } from './table.ts';
import { forTerminal } from './terminal.ts';
import { ago, verdictMark, why, wish } from './words.ts';

/** Commands as a table: what was wished, what became of it, why, and the id to go on with. */
export function commandTable(commands: readonly CommandView[], { color, width }: Output): string {
  return table({
    width,
    header: color.bold,
    columns: [
      { title: 'STATUS' },
      { title: 'SHADOW' },
      { title: 'WISH', flexible: true },
      { title: 'WHY', flexible: true, wrap: true },
      { title: 'CREATED' },
      { title: 'COMMAND', below: true },
    ],
    rows: commands.map((command) => {
      const { sign, paint } = verdictMark(command, color);
      return [
        { text: `${sign} ${command.status}`, paint },
        forTerminal(command.shadow),
        wish(command),
        why(command),
        ago(command.createdAt),
        { text: forTerminal(command.id), paint: color.dim },
      ];
    }),
  });
}

/** One command on one line, for `set` and `wait`. */
export function commandLine(command: CommandView, { color }: Output): string {
  const { sign, paint } = verdictMark(command, color);
  const reason = why(command);
  return [
    paint(`${sign} ${command.status}`),
    forTerminal(command.shadow),
    wish(command),
    ...(reason === '' ? [] : [`(${reason})`]),
    color.dim(forTerminal(command.id)),
  ].join('  ');
}
