import { Option, type Command } from 'commander';
import { problem } from '../../core/problem.ts';
import { fail, type Result } from '../../core/result.ts';
import type { CommandView } from '../../http/views/command.ts';
import { parseFieldValues } from '../arguments/field-values.ts';
import { parseCount } from '../arguments/count.ts';
import { parseShadowArgument } from '../arguments/shadow-argument.ts';
import { withAuthor } from '../author.ts';
import { parsedBy, type Cli, type ExitCode } from '../cli.ts';
import { clientFor, withLook, withServer } from '../http-client.ts';
import { setMany, type SetRequest, type SetTargets } from '../set-many.ts';
import { keyOf, lookForWish, showOutcome, wishBody, withKey, withTimes, type WishOptions } from '../wish.ts';

interface SetOptions extends WishOptions, SetTargets {
  readonly onEnd?: 'restore' | 'withdraw' | 'keep';
}

export function define(command: Command, cli: Cli): void {
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
    );
  withTimes(command, {
    applyWithin: 'time for the device to act while it is reachable (default 60s)',
    expiresIn: 'the end of it all, device reachable or not (default 7d)',
  })
    .addOption(
      new Option('--on-end <what>', 'what becomes of desired without success').choices(['restore', 'withdraw', 'keep']),
    )
    .option('--if-version <n>', 'refuse if these fields changed since version n', parsedBy(parseCount));
  withServer(withAuthor(withKey(command)))
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
        const body = { desired: desired.value, ...wishBody(cli, options), onEnd: options.onEnd };
        const request = { cli, client: client.value, options, body, headers: keyOf(options) };
        return many ? setMany(request) : setOne(request, options, first);
      }),
    );
}

async function setOne(
  { cli, client, body, headers }: SetRequest,
  options: SetOptions,
  thing: string,
): Promise<Result<ExitCode>> {
  const ref = parseShadowArgument(thing, options.shadow);
  if (!ref.ok) return ref;
  const { thingName, shadowName } = ref.value;
  const path = `/v1/things/${thingName}/commands`;
  const created = await client.post<CommandView>(
    path,
    { ...body, ifVersion: options.ifVersion },
    { query: { name: shadowName }, headers },
  );
  if (!created.ok) return withLook(created, lookForWish(` --thing ${thingName}`, headers));
  return showOutcome({ cli, client, options, command: created.value });
}

const HELP = `
Examples:
  $ shadowctl set room-heater /targetC=21.5 --wait
  $ shadowctl set lobby-bulb/light /on=true /color='{"r":255,"g":120,"b":0}'
  $ shadowctl set door-1 /locked=false --expires-in 2m --when-offline fail --reason 'visitor at the door'
  $ shadowctl set room-heater /mode=null                          removes the wish
  $ shadowctl set --things room-1,room-2 /mode=eco --wait         all of the commands or none
  $ shadowctl set --filter 'room-*' --expect 12 /mode=eco`;
