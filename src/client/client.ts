import { PROBLEMS, problem, type Problem, type ProblemCode } from '../core/problem.ts';
import { type Result } from '../core/result.ts';
import type { JsonObject } from '../core/json/json.ts';
import type { CommandDetailView, CommandView, ExplanationView, TimelineEntryView } from '../http/views/command.ts';
import type { DriftView } from '../http/views/drift.ts';
import type { PageView } from '../http/views/parts.ts';
import type { ShadowExplanationView, ShadowView, ThingView } from '../http/views/shadow.ts';
import { createApi, type Api, type RequestOptions } from './api.ts';
import { serverSentEvents } from './sse.ts';

/** What an app backend does with shadowctl, in one object. Methods reject with `ShadowctlError` and nothing else. */
export interface ShadowctlClient {
  /**
   * Writes a command and gives it back at once: `accepted()` settles when it is safe in the ledger, `settled()` when it
   * has ended, whatever the verdict. Safe to repeat: it carries an idempotency key, and is sent again by itself when the
   * server was away.
   */
  setDesired(shadow: Shadow, desired: JsonObject, options?: SetDesiredOptions): PendingCommand;
  command(id: string, options?: CallOptions): Promise<CommandDetailView>;
  commands(filter?: CommandsFilter, options?: CallOptions): Promise<PageView<CommandView>>;
  /** Settles with the command when it has ended. Rides out restarts of the server; `signal` ends the wait. */
  settled(id: string, options?: CallOptions): Promise<CommandView>;
  cancel(id: string, options?: ActOptions): Promise<CommandView>;
  retry(id: string, options?: ActOptions): Promise<CommandView>;
  rollback(id: string, options?: ActOptions): Promise<CommandView>;
  extend(id: string, more: { expiresAt?: string; applyMoreMs?: number }, options?: ActOptions): Promise<CommandView>;
  explain(id: string, options?: CallOptions): Promise<ExplanationView>;
  shadow(shadow: Shadow, options?: CallOptions & { refresh?: boolean }): Promise<ShadowView>;
  explainShadow(shadow: Shadow, options?: CallOptions): Promise<ShadowExplanationView>;
  thing(thingName: string, options?: CallOptions): Promise<ThingView>;
  drift(filter?: DriftFilter, options?: CallOptions): Promise<PageView<DriftView>>;
  /**
   * Everything that happens from now on (or after a sequence number), in order and without gaps, across reconnects.
   * Ends when `signal` aborts; rejects with `events_lost` only if the server no longer keeps what is asked for.
   */
  events(options?: CallOptions & { after?: number; command?: string }): AsyncIterable<TimelineEntryView>;
}

/** A thing name for the classic shadow, or both names. */
export type Shadow = string | { readonly thingName: string; readonly shadowName?: string };

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ActOptions extends CallOptions {
  readonly author?: string;
  readonly reason?: string;
}

export interface SetDesiredOptions extends ActOptions {
  /** Milliseconds the device has while it could act. Default 60,000. */
  readonly applyWithinMs?: number;
  /** The end of it all: an RFC 3339 instant, or a length from now. Default 7 days. */
  readonly expiresAt?: string;
  readonly expiresInMs?: number;
  readonly whenOffline?: 'wait' | 'fail';
  readonly onEnd?: 'restore' | 'withdraw' | 'keep';
  readonly ifVersion?: number;
  readonly idempotencyKey?: string;
}

export interface CommandsFilter {
  readonly thing?: string;
  readonly name?: string;
  readonly status?: string;
  readonly verdict?: string;
  readonly author?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface DriftFilter {
  readonly thing?: string;
  readonly thingPrefix?: string;
  readonly name?: string;
  readonly cause?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface PendingCommand {
  accepted(): Promise<CommandView>;
  settled(options?: CallOptions): Promise<CommandView>;
  readonly idempotencyKey: string;
}

/** Every failure of a call: `code` is stable (docs/PROBLEMS.md), `retry` says what may help. */
export class ShadowctlError extends Error {
  readonly code: ProblemCode;
  readonly retry: 'never' | 'backoff' | 'after_get';
  /** The place, where there is one: a JSON Pointer, a member, a URL. */
  readonly at: string | undefined;

  constructor({ code, message, at, cause }: Problem) {
    super(message, { cause });
    this.name = 'ShadowctlError';
    this.code = code;
    this.retry = PROBLEMS[code].retry;
    this.at = at;
  }
}

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token?: string;
  /** Who asks, where a call does not say. */
  readonly author?: string;
  /** How often a call is repeated while the server is away, with backoff and jitter. Default 5: some ten seconds. */
  readonly retriesMax?: number;
}

const RETRIES_DEFAULT = 5;
const BACKOFF_MS = 250;
const BACKOFF_MS_MAX = 8_000;
const LOOK_MS = 20_000;

export function createClient({ url, token, author, retriesMax = RETRIES_DEFAULT }: ClientOptions): ShadowctlClient {
  const api = createApi({ url, ...(token === undefined ? {} : { token }) });
  const ask = <T>(call: () => Promise<Result<T>>, signal: AbortSignal | undefined) =>
    patiently(call, retriesMax, signal);
  const get = <T>(path: string, { signal, ...options }: RequestOptions = {}) =>
    ask(() => api.get<T>(path, { ...options, signal }), signal);
  const act = (id: string, verb: string, { signal, ...who }: ActOptions, more: object = {}) =>
    // Never repeated by itself: a lost answer may mean that it was done.
    patiently(
      () => api.post<CommandView>(`/v1/commands/${id}/${verb}`, { author, ...who, ...more }, { signal }),
      0,
      signal,
    );

  const settled = async (id: string, { signal }: CallOptions = {}): Promise<CommandView> => {
    for (;;) {
      const look = await get<CommandDetailView>(`/v1/commands/${id}`, { waitMs: LOOK_MS, signal });
      if (look.verdict !== 'pending') return look;
    }
  };

  return {
    setDesired: (shadow, desired, { signal, idempotencyKey = crypto.randomUUID(), ...policy } = {}) => {
      const { thingName, name } = namesOf(shadow);
      const body = { desired, author, ...policy };
      const headers = { 'idempotency-key': idempotencyKey };
      const path = `/v1/things/${encodeURIComponent(thingName)}/commands`;
      const accepted = ask(() => api.post<CommandView>(path, body, { query: { name }, headers, signal }), signal);
      // Whoever asks for neither is not interested; that must not end the process.
      accepted.catch(() => undefined);
      return {
        idempotencyKey,
        accepted: () => accepted,
        settled: async (options = signal === undefined ? {} : { signal }) => settled((await accepted).id, options),
      };
    },
    settled,
    command: (id, { signal } = {}) => get(`/v1/commands/${id}`, { signal }),
    commands: (filter, { signal } = {}) => get('/v1/commands', { query: { ...filter }, signal }),
    cancel: (id, options = {}) => act(id, 'cancel', options),
    retry: (id, options = {}) => act(id, 'retry', options),
    rollback: (id, options = {}) => act(id, 'rollback', options),
    extend: (id, more, options = {}) => act(id, 'extend', options, more),
    explain: (id, { signal } = {}) => get(`/v1/commands/${id}/explain`, { signal }),
    shadow: (shadow, { signal, refresh } = {}) => {
      const { thingName, name } = namesOf(shadow);
      return get(`/v1/things/${encodeURIComponent(thingName)}/shadow`, { query: { name, refresh }, signal });
    },
    explainShadow: (shadow, { signal } = {}) => {
      const { thingName, name } = namesOf(shadow);
      return get(`/v1/things/${encodeURIComponent(thingName)}/shadow/explain`, { query: { name }, signal });
    },
    thing: (thingName, { signal } = {}) => get(`/v1/things/${encodeURIComponent(thingName)}`, { signal }),
    drift: (filter, { signal } = {}) => get('/v1/drift', { query: { ...filter }, signal }),
    events: (options = {}) => events(api, options),
  };
}

async function* events(
  api: Api,
  { after, command, signal }: CallOptions & { after?: number; command?: string },
): AsyncGenerator<TimelineEntryView> {
  let last = after;
  let failures = 0;
  const isOver = () => signal?.aborted === true;
  while (!isOver()) {
    const headers = last === undefined ? {} : { 'last-event-id': String(last) };
    const stream = await api.stream('/v1/events', { query: { command }, headers, signal });
    if (!stream.ok && PROBLEMS[stream.problem.code].retry === 'never') throw new ShadowctlError(stream.problem);
    try {
      if (stream.ok && stream.value.body !== null) {
        for await (const event of serverSentEvents(stream.value.body)) {
          failures = 0;
          if (event.event === 'gap') {
            throw new ShadowctlError(problem('events_lost', 'the server no longer keeps what is asked for: list anew'));
          }
          const entry = JSON.parse(event.data) as TimelineEntryView;
          last = entry.sequence;
          yield entry;
          if (isOver()) return; // what came in the same piece is not told any more
        }
      }
    } catch (error) {
      if (error instanceof ShadowctlError) throw error;
    }
    await pause(failures, signal);
    failures += 1;
  }
}

/** Again while the server is away or asks for patience; every other problem is thrown at once. */
async function patiently<T>(
  call: () => Promise<Result<T>>,
  retriesMax: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let retries = 0; ; retries += 1) {
    const result = await call();
    if (result.ok) return result.value;
    const again = PROBLEMS[result.problem.code].retry === 'backoff' && retries < retriesMax;
    if (!again || signal?.aborted === true) throw new ShadowctlError(result.problem);
    await pause(retries, signal);
  }
}

/** Exponential with full jitter, so that a thousand backends do not come back in step. */
function pause(failures: number, signal: AbortSignal | undefined): Promise<void> {
  const ms = Math.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** failures);
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}

function namesOf(shadow: Shadow): { thingName: string; name: string | undefined } {
  if (typeof shadow !== 'string') return { thingName: shadow.thingName, name: shadow.shadowName };
  const [thingName = '', name] = shadow.split('/', 2);
  return { thingName, name };
}
