import type { Command } from 'commander';
import { LOG_LEVELS, pinoLog, type LogLevel } from '../../adapters/pino/log.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { composeAgent, loadAgent, type Agent } from '../../compose-agent.ts';
import type { Failpoint } from '../../device/index.ts';
import { dryRun } from '../agent/dry-run.ts';
import { agentStatus, type CommandStatus, type FieldStatus } from '../agent/status.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';
import { forTerminal } from '../output/terminal.ts';
import { table, type Column } from '../output/table.ts';

interface AgentFlags {
  readonly config: string;
  readonly dryRun?: boolean;
  readonly log: LogLevel;
}

/** `shadowctl agent`: this machine as a device. */
export function define(command: Command, cli: Cli): void {
  command
    .argument('[status]', '"status": what the journal says; the agent may be running')
    .requiredOption('--config <file>', 'the configuration file')
    .option('--dry-run', 'print what it would do now, apply and report nothing')
    .option('--log <level>', `${LOG_LEVELS.join(', ')}`, parsedBy(logLevel), 'info')
    .addHelpText('after', HELP)
    .action(cli.action((verb: string | undefined, flags: AgentFlags) => agent(verb, flags, cli)));
}

async function agent(verb: string | undefined, flags: AgentFlags, cli: Cli): Promise<Result<ExitCode>> {
  if (verb !== undefined && verb !== 'status') {
    return fail(problem('invalid_request', 'the agent knows "status", or nothing to run', { at: verb }));
  }
  const log = pinoLog({ level: flags.log });
  const loaded = loadAgent(flags.config, { log, env: cli.env });
  if (!loaded.ok) return loaded;
  if (verb === 'status') return status(loaded.value, cli);
  if (flags.dryRun === true) return showPlan(loaded.value, cli);
  const device = composeAgent(loaded.value, { log, failpoint: failpointFrom(cli.env) });
  if (!device.ok) return device;
  const started = await device.value.start();
  if (!started.ok) return started;
  cli.ready({ thing: loaded.value.config.thing, mqtt: loaded.value.mqtt.url });
  await cli.untilStopped();
  await device.value.stop();
  return ok(EXIT.ok);
}

async function showPlan(loaded: Agent, { output }: Cli): Promise<Result<ExitCode>> {
  const planned = await dryRun(loaded);
  if (!planned.ok) return planned;
  if (output.json) output.dataJson(planned.value);
  else {
    const rows = planned.value.map(({ shadow, field, desired, reads, would }) => [
      forTerminal(shadow),
      forTerminal(field),
      desired === undefined ? '' : forTerminal(JSON.stringify(desired)),
      reads === undefined ? 'unreadable' : forTerminal(JSON.stringify(reads)),
      forTerminal(would),
    ]);
    const titles = ['shadow', 'field', 'desired', 'reads', 'would'];
    output.data(table({ columns: columns(titles), rows, width: output.width }));
  }
  return ok(EXIT.ok);
}

async function status(loaded: Agent, { output }: Cli): Promise<Result<ExitCode>> {
  const found = await agentStatus(loaded);
  if (!found.ok) return found;
  if (output.json) {
    output.dataJson(found.value);
    return ok(EXIT.ok);
  }
  const { journal, shadows, commands } = found.value;
  const damage = journal.damage === undefined ? '' : `, ${journal.damage.entriesLost} entries damaged`;
  output.data(`journal ${forTerminal(journal.path)} (${journal.bytes} bytes${damage})`);
  for (const { shadow, lastPass, lastReportVersion, interrupted, fields } of shadows) {
    const pass = lastPass === undefined ? 'no pass yet' : `last pass ${lastPass.at} at version ${lastPass.version}`;
    const report = lastReportVersion === undefined ? '' : `, last report is version ${lastReportVersion}`;
    output.data(`\n${forTerminal(shadow)}: ${pass}${report}`);
    if (interrupted !== undefined) output.data(`  interrupted while applying ${forTerminal(interrupted.join(' '))}`);
    if (fields.length === 0) continue;
    const titles = ['field', 'desired', 'state', 'next', 'why'];
    output.data(table({ columns: columns(titles), rows: fields.map(fieldRow), width: output.width }));
  }
  if (commands.length > 0) {
    const titles = ['command', 'id', 'state', 'until', 'why'];
    output.data(`\n${table({ columns: columns(titles), rows: commands.map(commandRow), width: output.width })}`);
  }
  return ok(EXIT.ok);
}

function commandRow({ id, name, state, code, message, published, expiresAt }: CommandStatus): string[] {
  const unpublished = published === false ? 'not published yet' : undefined;
  const why = [code, message, unpublished].filter((part) => part !== undefined).join(', ');
  return [forTerminal(name), forTerminal(id), forTerminal(state), expiresAt, forTerminal(why)];
}

/** The last column says why, and is cut first. */
function columns(titles: readonly string[]): Column[] {
  return titles.map((title, index) => (index === titles.length - 1 ? { title, flexible: true } : { title }));
}

function fieldRow({ field, desired, state, code, message, attempts, retryAt, leaseLeftMs }: FieldStatus): string[] {
  const why = [code, message, attempts === undefined ? undefined : `${attempts} attempts`];
  const lease = leaseLeftMs === undefined ? undefined : `lease has ${Math.round(leaseLeftMs / 1000)} s left`;
  return [
    forTerminal(field),
    forTerminal(JSON.stringify(desired)),
    state,
    retryAt ?? lease ?? '',
    forTerminal(why.filter((part) => part !== undefined).join(', ')),
  ];
}

/** For the tests that end an agent at a named point: `SHADOWCTL_FAILPOINT=name` or `name:3` for the third time. */
function failpointFrom(env: Cli['env']): (name: Failpoint) => void {
  const [wanted, count = '1'] = (env['SHADOWCTL_FAILPOINT'] ?? '').split(':');
  let left = Number(count);
  return (name) => {
    if (name !== wanted) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

function logLevel(text: string): Result<LogLevel> {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return ok(level);
  return fail(problem('invalid_request', `one of ${LOG_LEVELS.join(', ')}`, { at: '--log' }));
}

const HELP = `
The configuration (paths are relative to it):
  {
    "thing": "logger-7",
    "mqtt": { "url": "mqtt://127.0.0.1:1883" },
    "stateDir": "state",
    "shadows": [
      {
        "model": "logger.model.json",
        "adapters": [
          { "type": "json-file", "file": "logger.json", "fields": { "/intervalS": "/logging/intervalSeconds" } },
          { "type": "exec", "field": "/timezone", "read": ["./get-tz"], "apply": ["./set-tz"], "timeoutMs": 5000 }
        ]
      }
    ],
    "commands": [
      { "name": "restart-app", "run": ["./restart-app"], "idempotent": true, "timeoutMs": 60000,
        "args": { "type": "object", "properties": { "force": { "type": "boolean" } }, "additionalProperties": false } }
    ],
    "groups": ["floor-2"]
  }

Exit codes of an apply program:
  0 applied   3 accepted, takes effect at the next restart   64, 65, 77 refused for good   any other: tried again
Its last line on stderr becomes the reason, either as it is or as {"code":"…","message":"…"}.

A command's program gets the arguments as a line of JSON on stdin. What it prints is progress, line by line (text, or
{"percent":40,"text":"…"}); its last line is the result. 0 succeeded   64, 65, 77 rejected, nothing was done   any other: failed,
with the last line on stderr as above. An idempotent one is started again after a crash, with SHADOWCTL_AGAIN=1.

Examples:
  $ shadowctl agent --config agent.json
  $ shadowctl agent --config agent.json --dry-run
  $ shadowctl agent status --config agent.json`;
