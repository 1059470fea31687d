import { randomUUID } from 'node:crypto';
import { Option, type Command } from 'commander';
import { problem } from '../../core/problem.ts';
import { fail } from '../../core/result.ts';
import type { CommandView } from '../../http/views/command.ts';
import { parseDuration } from '../arguments/duration.ts';
import { parseFieldValues } from '../arguments/field-values.ts';
import { parseCount } from '../arguments/count.ts';
import { parseShadowArgument } from '../arguments/shadow-argument.ts';
import { authorFrom, withAuthor } from '../author.ts';
import { parsedBy, type Cli } from '../cli.ts';
import { follow, showCommand } from '../follow.ts';
import { clientFor, withServer } from '../http-client.ts';

interface SetOptions {
  readonly shadow?: string;
  readonly applyWithin?: number;
  readonly expiresIn?: number;
  readonly whenOffline?: 'wait' | 'fail';
  readonly onEnd?: 'restore' | 'withdraw' | 'keep';
  readonly ifVersion?: number;
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
  readonly timeout?: number;
  readonly author?: string;
  readonly reason?: string;
  readonly server?: string;
}

export function define(command: Command, cli: Cli): void {
  const duration = parsedBy(parseDuration);
  command
    .argument('<thing>', 'thing name, or thing/shadow')
    .argument('<field=value...>', 'JSON Pointer and value: JSON where it is JSON, else a string; null removes')
    .option('--shadow <name>', 'a named shadow; without it the classic one')
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
      cli.action(async (thing: string, changes: string[], options: SetOptions) => {
        const ref = parseShadowArgument(thing, options.shadow);
        if (!ref.ok) return ref;
        const desired = parseFieldValues(changes);
        if (!desired.ok) return desired;
        const client = clientFor(cli, options);
        if (!client.ok) return client;
        const created = await client.value.post<CommandView>(
          `/v1/things/${ref.value.thingName}/commands`,
          {
            desired: desired.value,
            ...authorFrom(cli, options),
            applyWithinMs: options.applyWithin,
            expiresInMs: options.expiresIn,
            whenOffline: options.whenOffline,
            onEnd: options.onEnd,
            ifVersion: options.ifVersion,
          },
          {
            query: { name: ref.value.shadowName },
            headers: { 'idempotency-key': options.idempotencyKey ?? randomUUID() },
          },
        );
        if (!created.ok) return created;
        const waits = options.wait === true || options.timeout !== undefined;
        if (!waits) {
          const shown = showCommand(cli, created.value, false);
          cli.output.talk(`accepted; follow it with: shadowctl wait ${created.value.id}`);
          return shown;
        }
        const ended = await follow({ cli, client: client.value, id: created.value.id, timeoutMs: options.timeout });
        if (ended.ok) return showCommand(cli, ended.value, true);
        return fail(problem(ended.problem.code, `${ended.problem.message} (command ${created.value.id})`));
      }),
    );
}

const HELP = `
Examples:
  $ shadowctl set room-heater /targetC=21.5 --wait
  $ shadowctl set lobby-bulb/light /on=true /color='{"r":255,"g":120,"b":0}'
  $ shadowctl set door-1 /locked=false --expires-in 2m --when-offline fail --reason 'visitor at the door'
  $ shadowctl set room-heater /mode=null                          removes the wish`;
