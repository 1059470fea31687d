import type { Command } from 'commander';
import { PROBLEMS, problem, type Problem, type ProblemCode } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parsedBy, type Cli } from './cli.ts';

/** Talks to a server's API. Whatever is wrong on the way comes back as a problem; nothing here throws. */
export interface ApiClient {
  readonly url: string;
  get<T>(path: string, options?: RequestOptions): Promise<Result<T>>;
  post<T>(path: string, body: unknown, options?: RequestOptions): Promise<Result<T>>;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asks the server to hold the answer until there is something to say. */
  readonly waitMs?: number;
}

/** Beyond what a wait takes. A server that is there answers in milliseconds. */
const ANSWER_MS_MAX = 10_000;

export const SERVER_DEFAULT = 'http://127.0.0.1:8080';

/** Adds `--server`, which every verb that talks to a server has. */
export function withServer(command: Command): Command {
  return command.option('--server <url>', 'the server (SHADOWCTL_SERVER)', parsedBy(parseServerUrl));
}

export function clientFor(cli: Cli, options: { readonly server?: string }): Result<ApiClient> {
  const url = parseServerUrl(options.server ?? (cli.env['SHADOWCTL_SERVER'] || SERVER_DEFAULT));
  return url.ok ? ok(createApiClient(url.value, cli.signal)) : url;
}

export function createApiClient(url: string, signal?: AbortSignal): ApiClient {
  return {
    url,
    get: (path, options) => request({ url, method: 'GET', path, signal, ...options }),
    post: (path, body, options) => request({ url, method: 'POST', path, body, signal, ...options }),
  };
}

interface ApiRequest extends RequestOptions {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

async function request<T>({ url, method, path, body, query = {}, headers = {}, waitMs = 0, signal }: ApiRequest) {
  const target = new URL(path, url);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) target.searchParams.set(name, String(value));
  }
  const timeOut = AbortSignal.timeout(ANSWER_MS_MAX + waitMs);
  try {
    const response = await fetch(target, {
      method,
      redirect: 'error',
      signal: signal === undefined ? timeOut : AbortSignal.any([signal, timeOut]),
      headers: {
        accept: 'application/json, application/problem+json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(waitMs > 0 ? { prefer: `wait=${Math.ceil(waitMs / 1_000)}` } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return read<T>(url, response.ok, await response.text());
  } catch (cause) {
    if (signal?.aborted === true)
      return fail(problem('server_unreachable', 'stopped before the answer came', { cause }));
    if (timeOut.aborted)
      return fail(unreachable(url, `the server did not answer within ${ANSWER_MS_MAX / 1_000} s`, cause));
    return fail(unreachable(url, 'no server answers', cause));
  }
}

function read<T>(url: string, success: boolean, text: string): Result<T> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    return fail(unreachable(url, 'what answers is no shadowctl server', cause));
  }
  if (typeof body !== 'object' || body === null) return fail(unreachable(url, 'what answers is no shadowctl server'));
  return success ? ok(body as T) : fail(problemFrom(body as Record<string, unknown>, url));
}

/** A code that this version does not know yet keeps its words. */
function problemFrom(body: Record<string, unknown>, url: string): Problem {
  const { code, detail, at } = body;
  if (typeof code !== 'string' || typeof detail !== 'string')
    return unreachable(url, 'what answers is no shadowctl server');
  const known = Object.hasOwn(PROBLEMS, code) ? (code as ProblemCode) : 'internal';
  const message = known === code ? detail : `${code}: ${detail}`;
  return problem(known, message, typeof at === 'string' ? { at } : {});
}

function unreachable(url: string, message: string, cause?: unknown): Problem {
  return problem('server_unreachable', `${message} at ${url}${systemCode(cause)}`, { at: url, cause });
}

/** fetch hides the reason one level down. */
function systemCode(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = inner instanceof Error && 'code' in inner ? inner.code : undefined;
  return typeof code === 'string' && code.startsWith('E') ? ` (${code})` : '';
}

function parseServerUrl(text: string): Result<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return fail(problem('invalid_usage', 'a server is written as a URL, such as http://127.0.0.1:8080', { at: text }));
  }
  return ok(url.href.replace(/\/$/, ''));
}
