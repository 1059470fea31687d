import { PROBLEMS, problem, type Problem, type ProblemCode } from '../core/problem.ts';
import { done, fail, ok, type Result } from '../core/result.ts';

/** Talks to a server's API. Whatever is wrong on the way comes back as a problem; nothing here throws. */
export interface Api {
  /** Without a slash at the end. */
  readonly url: string;
  get<T>(path: string, options?: RequestOptions): Promise<Result<T, ServerProblem>>;
  post<T>(path: string, body: unknown, options?: RequestOptions): Promise<Result<T, ServerProblem>>;
  delete(path: string, options?: RequestOptions): Promise<Result<void, ServerProblem>>;
  /** The answer itself, for streams. Whoever asks reads or cancels the body. */
  stream(path: string, options?: RequestOptions): Promise<Result<Response, ServerProblem>>;
}

/** A problem as the server tells it. */
export interface ServerProblem extends Problem {
  /** Every place that is wrong, where there are several: fields, things, members. */
  readonly errors?: readonly { readonly at: string; readonly detail: string }[];
  /** The server asks not to be asked before that (`Retry-After`). */
  readonly retryAfterMs?: number;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asks the server to hold the answer until there is something to say; whole seconds, rounded up (RFC 7240). */
  readonly waitMs?: number;
  /** A POST that changes nothing, such as a plan: nothing may have been done where its answer is lost. */
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface ApiOptions {
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string;
  /** How long an answer may take, beyond what a wait takes. A server that is there answers in milliseconds. */
  readonly answerMs?: number;
  /** Ends every request under way. */
  readonly signal?: AbortSignal;
}

const ANSWER_MS_DEFAULT = 10_000;

export function createApi(options: ApiOptions): Api {
  const url = options.url.replace(/\/+$/, '');
  const asked = { ...options, url, answerMs: options.answerMs ?? ANSWER_MS_DEFAULT };
  return {
    url,
    get: (path, more) =>
      requestJson({ ...asked, method: 'GET', path, ...more, signals: [options.signal, more?.signal] }),
    post: (path, body, more) =>
      requestJson({ ...asked, method: 'POST', path, body, ...more, signals: [options.signal, more?.signal] }),
    delete: async (path, more) => {
      const signals = [options.signal, more?.signal];
      const gone = await requestJson<unknown>({ ...asked, method: 'DELETE', path, ...more, signals });
      return gone.ok ? done : gone;
    },
    stream: (path, more) => {
      const signals = [options.signal, more?.signal];
      return requestStream({ ...asked, method: 'GET', path, ...more, signals });
    },
  };
}

interface ApiRequest extends Omit<RequestOptions, 'signal'> {
  readonly url: string;
  readonly token?: string;
  readonly answerMs: number;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly signals: readonly (AbortSignal | undefined)[];
}

async function requestJson<T>(asked: ApiRequest): Promise<Result<T, ServerProblem>> {
  const timeOut = AbortSignal.timeout(Math.ceil(asked.answerMs + (asked.waitMs ?? 0)));
  try {
    const response = await send(asked, timeOut);
    return read<T>(asked, response, await response.text());
  } catch (cause) {
    return fail(unanswered(asked, timeOut.aborted, cause));
  }
}

/** Only the wait for the head is bounded: a stream may be silent for as long as nothing happens. */
async function requestStream(asked: ApiRequest): Promise<Result<Response, ServerProblem>> {
  const timeOut = new AbortController();
  const timer = setTimeout(() => timeOut.abort(), asked.answerMs);
  try {
    const response = await send(asked, timeOut.signal);
    if (response.ok) return ok(response);
    return read<never>(asked, response, await response.text());
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
    redirect: 'manual', // never followed, and no shadowctl server sends one
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

function unanswered(asked: ApiRequest, timedOut: boolean, cause: unknown): Problem {
  if (asked.signals.some((signal) => signal?.aborted === true)) {
    return noAnswer(asked, 'stopped before the answer came', cause);
  }
  if (timedOut) return noAnswer(asked, `no answer within ${asked.answerMs / 1_000} s`, cause);
  if (neverSent(cause)) return unreachable(asked.url, 'no server answers', cause);
  return noAnswer(asked, 'the connection broke before the answer came', cause);
}

/** Whoever asked for a change must not hear that nobody was there: it may have been done, and a second one is no repetition. */
function noAnswer(asked: ApiRequest, message: string, cause?: unknown): Problem {
  const { url, method, readOnly = method === 'GET' } = asked;
  const found = unreachable(url, message, cause);
  return readOnly
    ? found
    : { ...found, code: 'answer_lost', message: `${found.message}; the request may have been taken` };
}

function read<T>(asked: ApiRequest, response: Response, text: string): Result<T, ServerProblem> {
  const { url } = asked;
  if (response.status === 204) return ok(undefined as T);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    // A proxy that gave up on the server says so in a page of its own.
    if (response.status >= 500)
      return fail(noAnswer(asked, `only a ${response.status} of something on the way`, cause));
    return fail(unreachable(url, 'what answers is no shadowctl server', cause));
  }
  if (typeof body !== 'object' || body === null) return fail(unreachable(url, 'what answers is no shadowctl server'));
  if (response.ok) return ok(body as T);
  return fail({
    ...problemFrom(body as Record<string, unknown>, url),
    ...retryAfter(response.headers.get('retry-after')),
  });
}

/** A code that this version does not know yet keeps its words. */
function problemFrom(body: Record<string, unknown>, url: string): ServerProblem {
  const { code, detail, at, errors } = body;
  if (typeof code !== 'string' || typeof detail !== 'string') {
    return unreachable(url, 'what answers is no shadowctl server');
  }
  const known = Object.hasOwn(PROBLEMS, code) ? (code as ProblemCode) : 'internal';
  const message = known === code ? detail : `${code}: ${detail}`;
  const places = Array.isArray(errors) ? errors.filter(isPlace) : [];
  return {
    ...problem(known, message, typeof at === 'string' ? { at } : {}),
    ...(places.length === 0 ? {} : { errors: places }),
  };
}

function isPlace(value: unknown): value is { at: string; detail: string } {
  const { at, detail } = (value ?? {}) as { at?: unknown; detail?: unknown };
  return typeof at === 'string' && typeof detail === 'string';
}

/** Seconds, as our server writes it; a date (RFC 9110) is nothing it sends. */
function retryAfter(header: string | null): { retryAfterMs?: number } {
  return header !== null && /^\d{1,9}$/.test(header) ? { retryAfterMs: Number(header) * 1_000 } : {};
}

function unreachable(url: string, message: string, cause?: unknown): Problem {
  return problem('server_unreachable', `${message} at ${url}${systemCode(cause)}`, { at: url, cause });
}

function systemCode(cause: unknown): string {
  const { code } = reasonOf(cause);
  return typeof code === 'string' && code.startsWith('E') ? ` (${code})` : '';
}

/** No name, no connection, no trust, a port that fetch does not ask: the request has not left, to any of the addresses. */
function neverSent(cause: unknown): boolean {
  const reason = reasonOf(cause);
  const reasons: readonly Reason[] = reason instanceof AggregateError ? (reason.errors as Reason[]) : [reason];
  return reasons.every(
    ({ code = '', syscall = '', message }) =>
      ['connect', 'getaddrinfo'].includes(syscall) ||
      /^UND_ERR_CONNECT_TIMEOUT$|CERT|^ERR_(TLS|SSL)_/.test(code) ||
      message === 'bad port',
  );
}

interface Reason {
  readonly code?: string;
  readonly syscall?: string;
  readonly message?: string;
}

/** fetch hides the reason one level down. */
function reasonOf(cause: unknown): Reason {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? (inner as Reason) : {};
}
