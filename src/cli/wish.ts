import { randomUUID } from 'node:crypto';
import { Option, type Command } from 'commander';
import { problem } from '../core/problem.ts';
import { fail, type Result } from '../core/result.ts';
import type { Api } from '../client/api.ts';
import type { CommandView } from '../http/views/command.ts';
import { parseDuration } from './arguments/duration.ts';
import { authorFrom, type AuthorOptions } from './author.ts';
import { parsedBy, type Cli, type ExitCode } from './cli.ts';
import { follow, showCommand } from './follow.ts';

/** What `set` and `send` have in common: how long, what if the device is away, and whether to wait for the end. */
export interface WishOptions extends AuthorOptions {
  readonly wait?: boolean;
  readonly timeout?: number;
  readonly applyWithin?: number;
  readonly expiresIn?: number;
  readonly whenOffline?: 'wait' | 'fail';
  readonly idempotencyKey?: string;
}

/** The words say what the times mean for the verb. */
export function withTimes(command: Command, words: { applyWithin: string; expiresIn: string }): Command {
  const duration = parsedBy(parseDuration);
  return command
    .option('--wait', "wait for the end; the exit code is the verdict's")
    .option('--timeout <duration>', 'wait no longer than that (implies --wait)', duration)
    .option('--apply-within <duration>', words.applyWithin, duration)
    .option('--expires-in <duration>', words.expiresIn, duration)
    .addOption(new Option('--when-offline <what>', 'if the device is offline now').choices(['wait', 'fail']));
}

export function withKey(command: Command): Command {
  return command.option('--idempotency-key <key>', 'the same key gives the same command, however often it is sent');
}

export function wishBody(cli: Cli, options: WishOptions): object {
  const { applyWithin, expiresIn, whenOffline } = options;
  return { ...authorFrom(cli, options), applyWithinMs: applyWithin, expiresInMs: expiresIn, whenOffline };
}

export function keyOf({ idempotencyKey }: WishOptions): Readonly<Record<string, string>> {
  return { 'idempotency-key': idempotencyKey ?? randomUUID() };
}

/** How to find out what became of a wish whose answer was lost, and how to send it again without a second one. */
export function lookForWish(whose: string, headers: Readonly<Record<string, string>>): string {
  return `look with "shadowctl commands${whose}"; the same call with --idempotency-key ${headers['idempotency-key']} is safe, it never makes a second command`;
}

export function waits({ wait, timeout }: Pick<WishOptions, 'wait' | 'timeout'>): boolean {
  return wait === true || timeout !== undefined;
}

export interface Accepted {
  readonly cli: Cli;
  readonly client: Api;
  readonly options: WishOptions;
  readonly command: CommandView;
}

/** The command as it was accepted or, where that is asked for, as it ended. */
export async function showOutcome(
  { cli, client, options, command }: Accepted,
  onEnded: (ended: CommandView) => void = () => undefined,
): Promise<Result<ExitCode>> {
  const { id } = command;
  if (!waits(options)) {
    const shown = showCommand(cli, command, false);
    cli.output.talk(`accepted; follow it with: shadowctl wait ${id}`);
    return shown;
  }
  const ended = await follow({ cli, client, id, timeoutMs: options.timeout });
  if (!ended.ok) return fail(problem(ended.problem.code, `${ended.problem.message} (command ${id})`));
  const shown = showCommand(cli, ended.value, true);
  onEnded(ended.value);
  return shown;
}
