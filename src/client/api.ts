import { PROBLEMS, problem, type Problem, type ProblemCode } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';

/** Talks to a server's API. Whatever is wrong on the way comes back as a problem; nothing here throws. */
export interface Api {
  /** Without a slash at the end. */
  readonly url: string;
  get<T>(path: string, options?: RequestOptions): Promise<Result<T>>;
  post<T>(path: string, body: unknown, options?: RequestOptions): Promise<Result<T>>;
  /** The answer itself, for streams. Whoever asks reads or cancels the body. */
  stream(path: string, options?: RequestOptions): Promise<Result<Response>>;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asks the server to hold the answer until there is something to say; whole seconds, rounded up (RFC 7240). */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ApiOptions {
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string;
  /** Ends every request under way. */
  readonly signal?: AbortSignal;
}

/** Beyond what a wait takes. A server that is there answers in milliseconds. */
const ANSWER_MS_MAX = 10_000;

export function createApi(options: ApiOptions): Api {
  const url = options.url.replace(/\/+$/, '');
  const asked = { ...options, url };
  return {
    url,
    get: (path, more) =>
      requestJson({ ...asked, method: 'GET', path, ...more, signals: [options.signal, more?.signal] }),
    post: (path, body, more) =>
      requestJson({ ...asked, method: 'POST', path, body, ...more, signals: [options.signal, more?.signal] }),
    stream: (path, more) => {
      const signals = [options.signal, more?.signal];
      return requestStream({ ...asked, method: 'GET', path, ...more, signals });
    },
  };
}

interface ApiRequest extends Omit<RequestOptions, 'signal'> {
  readonly url: string;
  readonly token?: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly signals: readonly (AbortSignal | undefined)[];
}

async function requestJson<T>(asked: ApiRequest): Promise<Result<T>> {
  const timeOut = AbortSignal.timeout(Math.ceil(ANSWER_MS_MAX + (asked.waitMs ?? 0)));
  try {
    const response = await send(asked, timeOut);
    return read<T>(asked.url, response.ok, await response.text());
  } catch (cause) {
    return fail(unanswered(asked, timeOut.aborted, cause));
  }
}

/** Only the wait for the head is bounded: a stream may be silent for as long as nothing happens. */
async function requestStream(asked: ApiRequest): Promise<Result<Response>> {
  const timeOut = new AbortController();
  const timer = setTimeout(() => timeOut.abort(), ANSWER_MS_MAX);
  try {
    const response = await send(asked, timeOut.signal);
    if (response.ok) return ok(response);
    const refused = read<never>(asked.url, false, await response.text());
    return refused;
  } catch (cause) {
    return fail(unanswered(asked, timeOut.signal.aborted, cause));
  } finally {
    clearTimeout(timer);
  }
}

function send(
  { url, token, method, path, body, query = {}, headers = {}, waitMs = 0, signals }: ApiRequest,
  timeOut: AbortSignal,
) {
  const target = new URL(url + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) target.searchParams.set(name, String(value));
  }
  return fetch(target, {
    method,
    redirect: 'error',
    signal: AbortSignal.any([timeOut, ...signals.filter((signal) => signal !== undefined)]),
    headers: {
      accept: 'application/json, application/problem+json, text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(waitMs > 0 ? { prefer: `wait=${Math.ceil(waitMs / 1_000)}` } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function unanswered({ url, signals }: ApiRequest, timedOut: boolean, cause: unknown): Problem {
  if (signals.some((signal) => signal?.aborted === true)) {
    return problem('server_unreachable', 'stopped before the answer came', { cause });
  }
  if (timedOut) return unreachable(url, `no answer within ${ANSWER_MS_MAX / 1_000} s`, cause);
  return unreachable(url, 'no server answers', cause);
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
  if (typeof code !== 'string' || typeof detail !== 'string') {
    return unreachable(url, 'what answers is no shadowctl server');
  }
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
