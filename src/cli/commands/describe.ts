import type { Command } from 'commander';
import { ok } from '../../core/result.ts';
import type { JsonValue } from '../../core/json/json.ts';
import type { CommandDetailView, ShadowCommandView, TimelineEntryView } from '../../http/views/command.ts';
import type { DirectCommandView } from '../../http/views/direct.ts';
import { parseCommandId } from '../arguments/command-id.ts';
import { spokenDuration } from '../arguments/duration.ts';
import { EXIT, parsedBy, type Cli } from '../cli.ts';
import { clientFor, withServer, type ServerOptions } from '../http-client.ts';
import { commandLine } from '../output/command-table.ts';
import type { Output } from '../output/output.ts';
import { table } from '../output/table.ts';
import { forTerminal, jsonForTerminal, valueForTerminal } from '../output/terminal.ts';
import { spoken } from '../output/words.ts';

/** One command with all that is known of it: policy, fields, and its timeline. */
export function define(command: Command, cli: Cli): void {
  command.argument('<command>', 'command id', parsedBy(parseCommandId));
  withServer(command).action(
    cli.action(async (id: string, options: ServerOptions) => {
      const client = clientFor(cli, options);
      if (!client.ok) return client;
      const found = await client.value.get<CommandDetailView>(`/v1/commands/${id}`);
      if (!found.ok) return found;
      if (cli.output.json) cli.output.dataJson(found.value);
      else cli.output.data(description(found.value, cli.output));
      return ok(EXIT.ok);
    }),
  );
}

function description(command: CommandDetailView, output: Output): string {
  const { bold } = output.color;
  const facts: [string, string][] = [
    ['author', forTerminal(command.author) + (command.reason === undefined ? '' : `: ${forTerminal(command.reason)}`)],
    ['created', command.createdAt],
    ['apply within', applyClock(command)],
    ['expires', command.expiresAt],
    ['when offline', command.whenOffline],
    ...(command.kind === 'shadow' ? shadowFacts(command) : directFacts(command)),
  ];
  if (command.retryOf !== undefined) facts.push(['retry of', forTerminal(command.retryOf)]);
  return [
    commandLine(command, output),
    '',
    ...facts.map(([name, value]) => `  ${bold(name.padEnd(12))}  ${value}`),
    '',
    ...(command.kind === 'shadow' ? [fieldTable(command, output), ''] : []),
    timelineTable(command, output),
  ].join('\n');
}

function shadowFacts({ onEnd, endResult, version, rollbackOf }: ShadowCommandView): [string, string][] {
  return [
    ['on end', onEnd + (endResult === undefined ? '' : ` (${spoken(endResult)})`)],
    ...(version === undefined ? [] : [['version', String(version)] as [string, string]]),
    ...(rollbackOf === undefined ? [] : [['rollback of', forTerminal(rollbackOf)] as [string, string]]),
  ];
}

function directFacts({ attempts, progress, problem, state, result, unguarded }: DirectCommandView): [string, string][] {
  const said = Object.entries({ progress, problem, state, result }).filter(([, value]) => value !== undefined);
  return [
    ['sent', attempts === 1 ? 'once' : `${attempts} times`],
    ...(unguarded === true ? [['unguarded', UNGUARDED] as [string, string]] : []),
    ...said.map(([name, value]): [string, string] => [name, jsonForTerminal(value as JsonValue)]),
  ];
}

const UNGUARDED = 'answered on a topic that all devices share: any of them may have said it';

function applyClock({ applyWithinMs, applyLeftMs, verdict }: CommandDetailView): string {
  const left = verdict === 'pending' ? ` (${spokenDuration(applyLeftMs)} left when it last changed)` : '';
  return spokenDuration(applyWithinMs) + left;
}

function fieldTable({ fields }: ShadowCommandView, { color, width }: Output): string {
  return table({
    width,
    header: color.bold,
    columns: [{ title: 'FIELD' }, { title: 'DESIRED' }, { title: 'OUTCOME' }, { title: 'DETAIL', flexible: true }],
    rows: fields.map(({ field, desired, outcome, ...detail }) => [
      forTerminal(field),
      valueForTerminal(desired),
      outcome,
      Object.entries(detail)
        .map(([name, value]) => `${name} ${typeof value === 'string' ? forTerminal(value) : jsonForTerminal(value)}`)
        .join(', '),
    ]),
  });
}

function timelineTable({ timeline, createdAt }: CommandDetailView, { color, width }: Output): string {
  return table({
    width,
    header: color.bold,
    columns: [
      { title: 'AFTER', align: 'right' },
      { title: 'EVENT' },
      { title: 'STATUS' },
      { title: 'BY' },
      { title: 'DETAIL', flexible: true },
    ],
    rows: timeline.map((entry) => [
      spokenDuration(Date.parse(entry.at) - Date.parse(createdAt)),
      forTerminal(entry.event),
      entry.status,
      forTerminal(entry.by),
      detailOf(entry),
    ]),
  });
}

function detailOf({ version, detail }: TimelineEntryView): string {
  const parts = version === undefined ? [] : [`version ${version}`];
  if (detail !== undefined && Object.keys(detail).length > 0) parts.push(jsonForTerminal(detail));
  return parts.join('  ');
}
