import type { Command } from 'commander';
import { createApi, type Api } from '../client/api.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parsedBy, type Cli } from './cli.ts';

export const SERVER_DEFAULT = 'http://127.0.0.1:8080';

/** Adds `--server`, which every verb that talks to a server has. */
export function withServer(command: Command): Command {
  return command.option(
    '--server <url>',
    'the server (SHADOWCTL_SERVER; its key in SHADOWCTL_TOKEN)',
    parsedBy(parseServerUrl),
  );
}

export function clientFor(cli: Cli, options: { readonly server?: string }): Result<Api> {
  const url = parseServerUrl(options.server ?? (cli.env['SHADOWCTL_SERVER'] || SERVER_DEFAULT));
  const token = cli.env['SHADOWCTL_TOKEN'];
  if (!url.ok) return url;
  return ok(
    createApi({ url: url.value, signal: cli.signal, ...(token === undefined || token === '' ? {} : { token }) }),
  );
}

function parseServerUrl(text: string): Result<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return fail(problem('invalid_usage', 'a server is written as a URL, such as http://127.0.0.1:8080', { at: text }));
  }
  return ok(url.href.replace(/\/+$/, ''));
}
