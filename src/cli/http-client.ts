import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { createApi, type Api } from '../client/api.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parsedBy, type Cli } from './cli.ts';

export const SERVER_DEFAULT = 'http://127.0.0.1:8080';

/** What every verb that talks to a server takes: which one, and who asks. A secret is never an argument: `ps` shows those. */
export interface ServerOptions {
  readonly server?: string;
  readonly tokenFile?: string;
}

export function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'the server (SHADOWCTL_SERVER)', parsedBy(parseServerUrl))
    .option(
      '--token-file <file>',
      'a file with the API key or token (SHADOWCTL_TOKEN_FILE; or SHADOWCTL_TOKEN itself)',
    );
}

export function clientFor(cli: Cli, options: ServerOptions): Result<Api> {
  const server = serverFrom(cli, options);
  return server.ok ? ok(createApi({ ...server.value, signal: cli.signal })) : server;
}

/** A request whose answer was lost may have been taken: `look` says how to find out before it is sent again. */
export function withLook<T>(answer: Result<T>, look: string): Result<T> {
  if (answer.ok || answer.problem.code !== 'answer_lost') return answer;
  return fail({ ...answer.problem, message: `${answer.problem.message}: ${look}` });
}

/** Where the server is and the credential it is asked with. */
export function serverFrom(cli: Cli, options: ServerOptions): Result<{ url: string; token?: string }> {
  const url = parseServerUrl(options.server ?? (cli.env['SHADOWCTL_SERVER'] || SERVER_DEFAULT));
  if (!url.ok) return url;
  const token = tokenFrom(cli, options);
  if (!token.ok) return token;
  return ok({ url: url.value, ...(token.value === undefined ? {} : { token: token.value }) });
}

/** With a credential, the server knows who asks. */
export function hasToken({ env }: Cli, { tokenFile }: ServerOptions): boolean {
  return [tokenFile, env['SHADOWCTL_TOKEN_FILE'], env['SHADOWCTL_TOKEN']].some((each) => (each ?? '') !== '');
}

/** What was named on the command line goes before the environment, and a file before the token itself. */
function tokenFrom({ env }: Cli, { tokenFile }: ServerOptions): Result<string | undefined> {
  const file = tokenFile ?? (env['SHADOWCTL_TOKEN_FILE'] || undefined);
  if (file === undefined) return ok(env['SHADOWCTL_TOKEN'] || undefined);
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    return fail(problem('invalid_config', `cannot read the token file (${code})`, { at: file, cause }));
  }
  if (/^[\x21-\x7e]+$/.test(text)) return ok(text);
  return fail(problem('invalid_config', 'the token file holds one API key or token and nothing else', { at: file }));
}

function parseServerUrl(text: string): Result<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return fail(problem('invalid_usage', 'a server is written as a URL, such as http://127.0.0.1:8080', { at: text }));
  }
  return ok(url.href.replace(/\/+$/, ''));
}
