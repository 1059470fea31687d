import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { hasToken, type ServerOptions } from './http-client.ts';

/** Adds `--author` and `--reason`, which every verb that changes something has. */
export function withAuthor(command: Command): Command {
  return command
    .option('--author <name>', 'who asks (SHADOWCTL_AUTHOR, else your user name)')
    .option('--reason <text>', 'why, for whoever reads the history');
}

export interface AuthorOptions extends ServerOptions {
  readonly author?: string;
  readonly reason?: string;
}

export function authorFrom(cli: Cli, options: AuthorOptions) {
  const author = options.author ?? (cli.env['SHADOWCTL_AUTHOR'] || (hasToken(cli, options) ? undefined : userName()));
  return {
    ...(author === undefined ? {} : { author }),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  };
}

/** A container may run under a user id that has no name. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
