import { randomUUID } from 'node:crypto';
import { Option, type Command } from 'commander';
import { problem } from '../../core/problem.ts';
import { fail, type Result } from '../../core/result.ts';
import type { CommandView } from '../../http/views/command.ts';
import { parseDuration } from '../arguments/duration.ts';
import { parseFieldValues } from '../arguments/field-values.ts';
import { parseCount } from '../arguments/count.ts';
import { parseShadowArgument } from '../arguments/shadow-argument.ts';
import { authorFrom, withAuthor, type AuthorOptions } from '../author.ts';
import { parsedBy, type Cli, type ExitCode } from '../cli.ts';
import { follow, showCommand } from '../follow.ts';
import { clientFor, withServer } from '../http-client.ts';
import { setMany, type SetRequest, type SetTargets } from '../set-many.ts';

interface SetOptions extends AuthorOptions, SetTargets {
  readonly applyWithin?: number;
  readonly expiresIn?: number;
  readonly whenOffline?: 'wait' | 'fail';
  readonly onEnd?: 'restore' | 'withdraw' | 'keep';
  readonly idempotencyKey?: string;
}

export function define(command: Command, cli: Cli): void {
  const duration = parsedBy(parseDuration);
  command
    .usage('[options] <thing> <field=value...>')
    .argument('<thing>', 'thing name, or thing/shadow; left out with --things or --filter')
    .argument('[field=value...]', 'JSON Pointer and value: JSON where it is JSON, else a string; null removes')
    .option('--shadow <name>', 'a named shadow; without it the classic one')
    .option('--things <names>', 'for each of these, with commas between: all of the commands or none')
    .option('--filter <pattern>', 'for every known thing whose name fits, such as room-*; with --expect')
    .option(
      '--expect <n>',
      'so many things are meant; if it is another number nothing is written',
      parsedBy(parseCount),
    )
    .option('--wait', "wait for the end; the exit code is the verdict's")
    .option('--timeout <duration>', 'wait no longer than that (implies --wait)', duration)
    .option('--apply-within <duration>', 'time for the device to act while it is reachable (default 60s)', duration)
    .option('--expires-in <duration>', 'the end of it all, device reachable or not (default 7d)', duration)
    .addOption(new Option('--when-offline <what>', 'if the device is offline now').choices(['wait', 'fail']))
    .addOption(
      new Option('--on-end <what>', 'what becomes of desired without success').choices(['restore', 'withdraw', 'keep']),
    )
    .option('--if-version <n>', 'refuse if these fields changed since version n', parsedBy(parseCount))
    .option('--idempotency-key <key>', 'the same key gives the same command, however often it is sent');
  withServer(withAuthor(command))
    .addHelpText('after', HELP)
    .action(
      cli.action(async (first: string, rest: string[], options: SetOptions) => {
        const many = options.things !== undefined || options.filter !== undefined;
        const desired = parseFieldValues(many ? [first, ...rest] : rest);
        if (!desired.ok) return desired;
        if (Object.keys(desired.value).length === 0) {
          return fail(problem('invalid_usage', 'say what to set: /field=value, such as /targetC=21.5'));
        }
        const client = clientFor(cli, options);
        if (!client.ok) return client;
        const body = { desired: desired.value, ...authorFrom(cli, options), ...policyFrom(options) };
        const headers = { 'idempotency-key': options.idempotencyKey ?? randomUUID() };
        if (many) return setMany({ cli, client: client.value, options, body, headers });
        return setOne({ cli, client: client.value, options, body, headers, thing: first });
      }),
    );
}

async function setOne({
  cli,
  client,
  options,
  body,
  headers,
  thing,
}: SetRequest & { thing: string }): Promise<Result<ExitCode>> {
  const ref = parseShadowArgument(thing, options.shadow);
  if (!ref.ok) return ref;
  const { thingName, shadowName } = ref.value;
  const path = `/v1/things/${thingName}/commands`;
  const created = await client.post<CommandView>(
    path,
    { ...body, ifVersion: options.ifVersion },
    { query: { name: shadowName }, headers },
  );
  if (!created.ok) return created;
  const { id } = created.value;
  if (options.wait !== true && options.timeout === undefined) {
    const shown = showCommand(cli, created.value, false);
    cli.output.talk(`accepted; follow it with: shadowctl wait ${id}`);
    return shown;
  }
  const ended = await follow({ cli, client, id, timeoutMs: options.timeout });
  if (ended.ok) return showCommand(cli, ended.value, true);
  return fail(problem(ended.problem.code, `${ended.problem.message} (command ${id})`));
}

function policyFrom({ applyWithin, expiresIn, whenOffline, onEnd }: SetOptions): object {
  return { applyWithinMs: applyWithin, expiresInMs: expiresIn, whenOffline, onEnd };
}

const HELP = `
Examples:
  $ shadowctl set room-heater /targetC=21.5 --wait
  $ shadowctl set lobby-bulb/light /on=true /color='{"r":255,"g":120,"b":0}'
  $ shadowctl set door-1 /locked=false --expires-in 2m --when-offline fail --reason 'visitor at the door'
  $ shadowctl set room-heater /mode=null                          removes the wish
  $ shadowctl set --things room-1,room-2 /mode=eco --wait         all of the commands or none
  $ shadowctl set --filter 'room-*' --expect 12 /mode=eco`;
