import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { Cli } from './cli.ts';

/** Adds `--author` and `--reason`, which every verb that changes something has. */
export function withAuthor(command: Command): Command {
  return command
    .option('--author <name>', 'who asks (SHADOWCTL_AUTHOR, else your user name)')
    .option('--reason <text>', 'why, for whoever reads the history');
}

export function authorFrom(cli: Cli, options: { readonly author?: string; readonly reason?: string }) {
  const author = options.author ?? (cli.env['SHADOWCTL_AUTHOR'] || (hasToken(cli) ? undefined : userName()));
  return {
    ...(author === undefined ? {} : { author }),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  };
}

/** With a credential, the server knows who asks. */
function hasToken({ env }: Cli): boolean {
  return env['SHADOWCTL_TOKEN'] !== undefined && env['SHADOWCTL_TOKEN'] !== '';
}

/** A container may run under a user id that has no name. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
