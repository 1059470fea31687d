import type { Command } from 'commander';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { isUuidV7 } from '../../core/uuid.ts';
import type { Api } from '../../client/api.ts';
import type { CommandDetailView } from '../../http/views/command.ts';
import type { DriftPageView } from '../../http/views/drift.ts';
import type { PageView } from '../../http/views/parts.ts';
import type { ThingView } from '../../http/views/shadow.ts';
import { parseDuration } from '../arguments/duration.ts';
import { parseShadowArgument } from '../arguments/shadow-argument.ts';
import { EXIT, parsedBy, type Cli, type ExitCode } from '../cli.ts';
import { exitOf, lookAtCommand, showCommand, until, type Look } from '../follow.ts';
import { clientFor, withServer, type ServerOptions } from '../http-client.ts';
import { ago } from '../output/words.ts';
import { forTerminal } from '../output/terminal.ts';
import { waitForMany } from '../set-many.ts';

interface WaitOptions extends ServerOptions {
  readonly for?: string;
  readonly shadow?: string;
  readonly timeout?: number;
}

/** When a command counts as what was waited for; one that ended otherwise ends the wait with its own exit code. */
const OF_COMMANDS: Readonly<Record<string, (command: CommandDetailView) => boolean>> = {
  ended: ({ verdict }) => verdict !== 'pending',
  succeeded: ({ verdict }) => verdict === 'succeeded',
  sent: ({ verdict, sentAt }) => sentAt !== undefined || verdict === 'succeeded',
  delivered: ({ verdict, deliveredAt }) => deliveredAt !== undefined || verdict === 'succeeded',
};
const OF_THINGS = ['connected', 'disconnected', 'drift=none'] as const;
type ThingCondition = (typeof OF_THINGS)[number];

export function define(command: Command, cli: Cli): void {
  command
    .argument('<what>', 'command id, id of one request for many things, thing name or thing/shadow')
    .option(
      '--for <condition>',
      `of a command ${Object.keys(OF_COMMANDS).join(', ')}; of a thing ${OF_THINGS.join(', ')}`,
    )
    .option('--shadow <name>', 'for drift=none: of this named shadow; without it of the whole thing')
    .option('--timeout <duration>', 'wait no longer than that', parsedBy(parseDuration));
  withServer(command)
    .addHelpText('after', HELP)
    .action(
      cli.action(async (what: string, options: WaitOptions) => {
        const client = clientFor(cli, options);
        if (!client.ok) return client;
        return isUuidV7(what)
          ? waitForCommand({ cli, client: client.value, id: what, options })
          : waitForThing({ cli, client: client.value, thing: what, options });
      }),
    );
}

interface Asked {
  readonly cli: Cli;
  readonly client: Api;
  readonly options: WaitOptions;
}

async function waitForCommand({ cli, client, id, options }: Asked & { id: string }): Promise<Result<ExitCode>> {
  const { for: condition = 'ended', timeout: timeoutMs } = options;
  const reached = Object.hasOwn(OF_COMMANDS, condition) ? OF_COMMANDS[condition] : undefined;
  if (reached === undefined) return unknown(condition, `command is waited for: ${Object.keys(OF_COMMANDS).join(', ')}`);
  const look = lookAtCommand(client, id, (command) => reached(command) || command.verdict !== 'pending');
  const seen = await until({ cli, look, timeoutMs, ...(holds(condition) ? {} : { pauseMs: LOOK_AGAIN_MS }) });
  if (!seen.ok && seen.problem.code === 'command_not_found' && holds(condition)) {
    const parent = await waitForMany({ cli, client, id, timeoutMs });
    return !parent.ok && parent.problem.code === 'command_not_found' ? seen : parent;
  }
  if (!seen.ok) return seen;
  showCommand(cli, seen.value, false);
  return ok(reached(seen.value) && condition !== 'ended' ? EXIT.ok : exitOf(seen.value));
}

/** The server holds its answer until the end of a command, and for nothing else. */
function holds(condition: string): boolean {
  return condition === 'ended' || condition === 'succeeded';
}

const LOOK_AGAIN_MS = 500;

async function waitForThing({ cli, client, thing, options }: Asked & { thing: string }): Promise<Result<ExitCode>> {
  const ref = parseShadowArgument(thing, options.shadow);
  if (!ref.ok) return ref;
  const condition = OF_THINGS.find((each) => each === options.for);
  if (condition === undefined) return unknown(options.for, `thing is waited for: --for ${OF_THINGS.join(', ')}`);
  const { thingName, shadowName } = ref.value;
  const look =
    condition === 'drift=none' ? noDrift(client, thingName, shadowName) : present(client, thingName, condition);
  const seen = await until({ cli, look, timeoutMs: options.timeout, pauseMs: LOOK_AGAIN_MS });
  if (!seen.ok) return seen;
  const { met, words } = seen.value;
  if (cli.output.json)
    cli.output.dataJson({ thingName, ...(shadowName === undefined ? {} : { shadowName }), condition, met });
  else cli.output.data(`${forTerminal(thing)}: ${words}`);
  return ok(met ? EXIT.ok : EXIT.timedOut);
}

interface Condition {
  readonly met: boolean;
  readonly words: string;
}

function present(client: Api, thingName: string, condition: ThingCondition): Look<Condition> {
  const wanted = condition === 'connected' ? 'online' : 'offline';
  return async ({ signal }) => {
    const found = await client.get<ThingView>(`/v1/things/${thingName}`, { signal });
    if (!found.ok) return found;
    const { state, since } = found.value.presence;
    const known = state === 'unknown' ? 'presence unknown' : `${state} since ${ago(since)}`;
    return seenAs({ met: state === wanted, words: known });
  };
}

function noDrift(client: Api, thing: string, name: string | undefined): Look<Condition> {
  return async ({ signal }) => {
    // Nothing differs on a thing that does not exist, either; a slip of the name must not look like success.
    const there = await client.get<PageView<ThingView>>('/v1/things', { query: { prefix: thing, limit: 1 }, signal });
    if (!there.ok) return there;
    if (there.value.items[0]?.thingName !== thing)
      return fail(problem('shadow_not_found', 'no shadow of that thing is known', { at: thing }));
    const found = await client.get<DriftPageView>('/v1/drift', { query: { thing, name, limit: 1 }, signal });
    if (!found.ok) return found;
    const fields = found.value.counts?.fields ?? 0;
    return seenAs({ met: fields === 0, words: fields === 0 ? 'nothing differs' : `${fields} fields differ` });
  };
}

function seenAs(value: Condition): Result<{ value: Condition; over: boolean; words: () => Promise<string> }> {
  return ok({ value, over: value.met, words: async () => value.words });
}

function unknown(condition: string | undefined, words: string): Result<never> {
  const asked = condition === undefined ? '' : `, not ${condition}`;
  return fail(problem('invalid_usage', `a ${words}${asked}`, { at: '--for' }));
}

const HELP = `
Examples:
  $ shadowctl wait 019aa1b2-c3d4-7e5f-8a6b-0123456789ab                  until it has ended
  $ shadowctl wait 019aa1b2-c3d4-7e5f-8a6b-0123456789ab --for delivered
  $ shadowctl wait room-heater --for connected --timeout 5m
  $ shadowctl wait room-heater --for drift=none                          acknowledged and ignored drift does not count

Exit codes: 0 if the condition was met, without --for the command's own (0, 5, 6, 124); 124 when the wait was over; a
command that ended otherwise ends the wait with its own.`;
