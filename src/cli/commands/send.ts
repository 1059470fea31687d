import type { Command } from 'commander';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseThingName } from '../../core/shadow/shadow-ref.ts';
import type { Api } from '../../client/api.ts';
import type { CommandView } from '../../http/views/command.ts';
import type { GroupSentView } from '../../http/views/direct.ts';
import { parseArgsValues } from '../arguments/args-values.ts';
import { parseCount } from '../arguments/count.ts';
import { withAuthor } from '../author.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';
import { clientFor, withLook, withServer } from '../http-client.ts';
import { jsonForTerminal } from '../output/terminal.ts';
import { waitForMany } from '../set-many.ts';
import { keyOf, lookForWish, showOutcome, waits, wishBody, withKey, withTimes, type WishOptions } from '../wish.ts';

interface SendOptions extends WishOptions {
  readonly group?: string;
  readonly sequence?: string;
  readonly expect?: number;
  readonly abortAfter?: number;
}

/** An action instead of a state: unlock, restart, send the log. */
export function define(command: Command, cli: Cli): void {
  command
    .usage('[options] <thing> <name> [key=value...]')
    .argument('<thing>', 'thing name; left out with --group')
    .argument('[name]', 'what to do, such as unlock')
    .argument('[key=value...]', 'arguments: JSON where it is JSON, else a string')
    .option('--group <group>', 'all members of a group of the server’s configuration, with one request')
    .option('--sequence <key>', 'after all earlier commands of that key, and never out of order');
  withTimes(command, {
    applyWithin: 'time for the device to answer while it is reachable (default 60s)',
    expiresIn: 'never done later than that (default 5m)',
  })
    .option('--expect <n>', 'with --group: so many members; else nothing is sent', parsedBy(parseCount))
    .option(
      '--abort-after <n>',
      'with --group: when so many have not done it, call off the rest',
      parsedBy(parseCount),
    );
  withServer(withAuthor(withKey(command)))
    .addHelpText('after', HELP)
    .action(
      cli.action(async (first: string, second: string | undefined, rest: string[], options: SendOptions) => {
        const { group } = options;
        const words = [first, ...(second === undefined ? [] : [second]), ...rest];
        const [name, ...given] = group === undefined ? words.slice(1) : words;
        if (name === undefined) return fail(problem('invalid_usage', 'say what to do, such as: send door-1 unlock'));
        const args = parseArgsValues(given);
        if (!args.ok) return args;
        const client = clientFor(cli, options);
        if (!client.ok) return client;
        const body = { kind: 'direct', name, args: args.value, ...wishBody(cli, options) };
        const request = { cli, client: client.value, options, body };
        return group === undefined ? sendOne(request, first) : sendGroup(request, group);
      }),
    );
}

interface SendRequest {
  readonly cli: Cli;
  readonly client: Api;
  readonly options: SendOptions;
  readonly body: object;
}

async function sendOne({ cli, client, options, body }: SendRequest, thing: string): Promise<Result<ExitCode>> {
  const thingName = parseThingName(thing);
  if (!thingName.ok) return thingName;
  if (options.expect !== undefined || options.abortAfter !== undefined) {
    return fail(problem('invalid_usage', '--expect and --abort-after go with --group'));
  }
  const path = `/v1/things/${thingName.value}/commands`;
  const headers = keyOf(options);
  const sent = await client.post<CommandView>(path, { ...body, sequence: options.sequence }, { headers });
  if (!sent.ok) return withLook(sent, lookForWish(` --thing ${thingName.value}`, headers));
  return showOutcome({ cli, client, options, command: sent.value }, (ended) => {
    // What was asked for, such as a log: data, behind the line that says that it came.
    if (!cli.output.json && ended.kind === 'direct' && ended.result !== undefined) {
      cli.output.data(jsonForTerminal(ended.result));
    }
  });
}

async function sendGroup({ cli, client, options, body }: SendRequest, group: string): Promise<Result<ExitCode>> {
  if (options.sequence !== undefined) {
    return fail(problem('invalid_usage', '--sequence is an order of one thing and means nothing for a group'));
  }
  const { expect, abortAfter, timeout } = options;
  const path = `/v1/groups/${encodeURIComponent(group)}/commands`;
  const asked = { ...body, expectedCount: expect, abortAfter };
  const headers = keyOf(options);
  const sent = await client.post<GroupSentView>(path, asked, { headers });
  if (!sent.ok) return withLook(sent, lookForWish('', headers));
  const { parentId, total } = sent.value;
  if (waits(options)) return waitForMany({ cli, client, id: parentId, timeoutMs: timeout });
  if (cli.output.json) cli.output.dataJson(sent.value);
  else cli.output.data(`${total} members of ${group}  ${parentId}`);
  cli.output.talk(`accepted; follow them with: shadowctl wait ${parentId}`);
  return ok(EXIT.ok);
}

const HELP = `
Examples:
  $ shadowctl send front-door unlock visitor=Ada seconds=30 --wait
  $ shadowctl send room-heater restart --reason 'stuck at 3 o’clock' --wait
  $ shadowctl send lobby-bulb send_log bytes=100000 --wait --json | jq .result
  $ shadowctl send pump-motor start --sequence run && shadowctl send pump-motor speed rpm=900 --sequence run
  $ shadowctl send --group bulbs send_log bytes=300 --wait --abort-after 3`;
