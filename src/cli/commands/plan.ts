import type { Command } from 'commander';
import { ok, type Result } from '../../core/result.ts';
import type { PlanView, ThingPlanView } from '../../http/views/many.ts';
import { parseFieldValues } from '../arguments/field-values.ts';
import { readTargets } from '../arguments/targets.ts';
import { EXIT, type Cli, type ExitCode } from '../cli.ts';
import { clientFor, withServer, type ServerOptions } from '../http-client.ts';
import { forTerminal, valueForTerminal } from '../output/terminal.ts';

interface PlanOptions extends ServerOptions {
  readonly shadow?: string;
  readonly exitCode?: boolean;
}

/** What `set` with the same arguments would do, without doing it. */
export function define(command: Command, cli: Cli): void {
  command
    .argument('<thing>', 'thing name or thing/shadow; several with commas; room-* for all that begin so')
    .argument('<field=value...>', 'as for set')
    .option('--shadow <name>', 'a named shadow; without it the classic one')
    .option('--exit-code', 'exit 1 when something would change');
  withServer(command)
    .addHelpText('after', HELP)
    .action(
      cli.action(async (things: string, changes: string[], options: PlanOptions) => {
        const targets = readTargets(things, options.shadow);
        if (!targets.ok) return targets;
        const desired = parseFieldValues(changes);
        if (!desired.ok) return desired;
        const client = clientFor(cli, options);
        if (!client.ok) return client;
        const plan = await client.value.post<PlanView>(
          '/v1/plan',
          { desired: desired.value, ...targets.value },
          { readOnly: true },
        );
        return plan.ok ? show(cli, plan.value, options.exitCode === true) : plan;
      }),
    );
}

function show({ output }: Cli, plan: PlanView, exitCode: boolean): Result<ExitCode> {
  if (output.json) output.dataJson(plan);
  else {
    for (const thing of plan.things) output.data(thingLines(thing, output.color).join('\n'));
    output.talk(`${plan.changes} to change, ${plan.blocked} blocked, ${plan.offline} offline, of ${plan.total}`);
  }
  if (plan.blocked > 0) return ok(EXIT.commandFailed);
  return ok(exitCode && plan.changes > 0 ? EXIT.differs : EXIT.ok);
}

const SIGNS = { add: '+', change: '~', remove: '-', none: ' ' } as const;

function thingLines(thing: ThingPlanView, color: Cli['output']['color']): string[] {
  const paints = { add: color.green, change: color.yellow, remove: color.red, none: color.dim };
  const state = [thing.presence, ...(thing.exists ? [] : ['no shadow yet: it would be created'])].join(', ');
  return [
    `${color.bold(forTerminal(thing.shadow))} (${state}; ${thing.bytes} of ${thing.bytesMax} bytes)`,
    ...thing.fields.map(({ field, change, from, to, reported }) => {
      const words = change === 'none' ? 'stays' : `${valueForTerminal(from)} -> ${valueForTerminal(to)}`;
      return `  ${paints[change](`${SIGNS[change]} ${change}`)} ${forTerminal(field)}: ${words} (reported ${valueForTerminal(reported)})`;
    }),
    ...thing.conflicts.map(
      ({ commandId, author, status, fields }) =>
        `  ! would supersede ${forTerminal(commandId)} of ${forTerminal(author)} (${status}): ${fields.map(forTerminal).join(' ')}`,
    ),
    ...thing.problems.map(
      ({ code, message }) => `  ${color.red('x blocked')} ${forTerminal(code)}: ${forTerminal(message)}`,
    ),
  ];
}

const HELP = `
Examples:
  $ shadowctl plan room-heater /targetC=21.5
  $ shadowctl plan 'room-*' /mode=eco --exit-code

Exit codes: 6 when something is blocked; with --exit-code 1 when something would change.`;
