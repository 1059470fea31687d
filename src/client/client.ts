import type { Result } from '../core/result.ts';
import type { JsonObject } from '../core/json/json.ts';
import type { DirectProgress } from '../core/direct/messages.ts';
import type {
  CommandDetailView,
  CommandView,
  ExplanationView,
  ShadowCommandView,
  TimelineEntryView,
} from '../http/views/command.ts';
import type { DirectCommandView, GroupSentView } from '../http/views/direct.ts';
import type { DriftPageView, DriftView, IgnoreRuleView } from '../http/views/drift.ts';
import type { AggregateView, FanOutView, PlanView } from '../http/views/many.ts';
import type { PageView } from '../http/views/parts.ts';
import type { ShadowExplanationView, ShadowView, ThingView } from '../http/views/shadow.ts';
import { createApi, type RequestOptions, type ServerProblem } from './api.ts';
import { events, type EventsOptions } from './events.ts';
import { patiently } from './patience.ts';
import { progressOf } from './progress.ts';
import type {
  ActOptions,
  CallOptions,
  CommandsFilter,
  DriftFilter,
  NewIgnoreRule,
  PendingAction,
  PendingCommand,
  PendingCommands,
  PendingGroup,
  PlanOptions,
  SendGroupOptions,
  SendOptions,
  SetDesiredOptions,
  SetManyOptions,
  Shadow,
  Things,
  ThingsFilter,
} from './types.ts';

/** What an app backend does with shadowctl, in one object. Methods reject with `ShadowctlError` and nothing else. */
export interface ShadowctlClient {
  /**
   * Writes a command and gives it back at once: `accepted()` settles when it is safe in the ledger, `settled()` when it
   * has ended, whatever the verdict. Safe to repeat: it carries an idempotency key, and is sent again by itself when the
   * server was away.
   */
  setDesired(shadow: Shadow, desired: JsonObject, options?: SetDesiredOptions): PendingCommand;
  /** The same wish for many things: a command each, under one parent; all of them or none. */
  setDesiredMany(things: Things, desired: JsonObject, options?: SetManyOptions): PendingCommands;
  /**
   * Has a device do something, once: unlock, restart, send the log. As safe to repeat as `setDesired`; iterate what it
   * gives for the device's progress.
   */
  send(thingName: string, name: string, args?: JsonObject, options?: SendOptions): PendingAction;
  /** The same for all members of a group of the server's configuration, with one request. */
  sendGroup(group: string, name: string, args?: JsonObject, options?: SendGroupOptions): PendingGroup;
  /** What `setDesired` or `setDesiredMany` would do, without doing it. */
  plan(things: Things, desired: JsonObject, options?: PlanOptions): Promise<PlanView>;
  command(id: string, options?: CallOptions): Promise<CommandDetailView>;
  commands(filter?: CommandsFilter, options?: CallOptions): Promise<PageView<CommandView>>;
  /** Settles with the command when it has ended. Rides out restarts of the server; `signal` ends the wait. */
  settled(id: string, options?: CallOptions): Promise<CommandView>;
  /** Where the commands of one request for many things stand. */
  parent(id: string, options?: CallOptions): Promise<AggregateView>;
  cancel(id: string, options?: ActOptions): Promise<CommandView>;
  retry(id: string, options?: ActOptions): Promise<CommandView>;
  rollback(id: string, options?: ActOptions): Promise<CommandView>;
  extend(id: string, more: { expiresAt?: string; applyMoreMs?: number }, options?: ActOptions): Promise<CommandView>;
  explain(id: string, options?: CallOptions): Promise<ExplanationView>;
  shadow(shadow: Shadow, options?: CallOptions & { refresh?: boolean }): Promise<ShadowView>;
  explainShadow(shadow: Shadow, options?: CallOptions): Promise<ShadowExplanationView>;
  thing(thingName: string, options?: CallOptions): Promise<ThingView>;
  things(filter?: ThingsFilter, options?: CallOptions): Promise<PageView<ThingView>>;
  drift(filter?: DriftFilter, options?: CallOptions): Promise<DriftPageView>;
  /** Says that somebody has seen a drifting field. */
  acknowledge(shadow: Shadow, field: string, options?: ActOptions): Promise<DriftView>;
  ignoreRules(options?: CallOptions): Promise<readonly IgnoreRuleView[]>;
  addIgnoreRule(rule: NewIgnoreRule, options?: Omit<ActOptions, 'reason'>): Promise<IgnoreRuleView>;
  removeIgnoreRule(id: string, options?: CallOptions): Promise<void>;
  /**
   * Everything that happens from now on (or after a sequence number), in order and without gaps, across reconnects.
   * Ends when `signal` aborts; rejects with `events_lost` only if the server no longer keeps what is asked for.
   */
  events(options?: EventsOptions): AsyncIterable<TimelineEntryView>;
}

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token?: string;
  /** Who asks, where a call does not say. */
  readonly author?: string;
  /**
   * How often a call is repeated while the server is away or asks for patience, with backoff and jitter, and not before
   * the server said (`Retry-After`). Default 5: some ten seconds.
   */
  readonly retriesMax?: number;
  /** How long the server may take to answer before the call counts as lost. Default 10 s. */
  readonly answerMs?: number;
}

const RETRIES_DEFAULT = 5;
const LOOK_MS = 20_000;

export function createClient({ author, retriesMax = RETRIES_DEFAULT, ...server }: ClientOptions): ShadowctlClient {
  const api = createApi(server);
  const ask = <T>(call: () => Promise<Result<T, ServerProblem>>, signal: AbortSignal | undefined) =>
    patiently(call, retriesMax, signal);
  /** Never repeated by itself: a lost answer may mean that it was done. */
  const once = <T>(call: () => Promise<Result<T, ServerProblem>>, signal: AbortSignal | undefined) =>
    patiently(call, 0, signal);
  const get = <T>(path: string, { signal, ...options }: RequestOptions = {}) =>
    ask(() => api.get<T>(path, { ...options, signal }), signal);
  const act = (id: string, verb: string, { signal, ...who }: ActOptions, more: object = {}) =>
    once(() => api.post<CommandView>(`/v1/commands/${id}/${verb}`, { author, ...who, ...more }, { signal }), signal);
  /** Looks again until nothing is pending: each look is held by the server for a while. */
  const whenOver = async <T extends { readonly verdict: string }>(
    path: string,
    { signal }: CallOptions,
  ): Promise<T> => {
    for (;;) {
      const look = await get<T>(path, { waitMs: LOOK_MS, signal });
      if (look.verdict !== 'pending') return look;
    }
  };
  const settled = (id: string, options: CallOptions = {}): Promise<CommandView> =>
    whenOver<CommandDetailView>(`/v1/commands/${id}`, options);
  /** Sent at once, and again under the same key until there is an answer. */
  const create = <A, S>(
    { path, name, body, signal, idempotencyKey }: Creating,
    whenAccepted: (accepted: A, options: CallOptions) => Promise<S>,
  ) => {
    const headers = { 'idempotency-key': idempotencyKey };
    const accepted = ask(() => api.post<A>(path, { author, ...body }, { query: { name }, headers, signal }), signal);
    // Whoever asks for neither is not interested; that must not end the process.
    accepted.catch(() => undefined);
    return {
      idempotencyKey,
      accepted: () => accepted,
      settled: async (options = signal === undefined ? {} : { signal }) => whenAccepted(await accepted, options),
    };
  };

  return {
    setDesired: (shadow, desired, { signal, idempotencyKey = crypto.randomUUID(), ...policy } = {}) => {
      const { thingName, name } = namesOf(shadow);
      const path = `/v1/things/${encodeURIComponent(thingName)}/commands`;
      return create<ShadowCommandView, ShadowCommandView>(
        { path, name, body: { desired, ...policy }, signal, idempotencyKey },
        ({ id }, options) => whenOver(`/v1/commands/${id}`, options),
      );
    },
    send: (thingName, name, args = {}, { signal, idempotencyKey = crypto.randomUUID(), ...policy } = {}) => {
      const path = `/v1/things/${encodeURIComponent(thingName)}/commands`;
      const body = { kind: 'direct', name, args, ...policy };
      const pending = create<DirectCommandView, DirectCommandView>(
        { path, body, signal, idempotencyKey },
        ({ id }, options) => whenOver(`/v1/commands/${id}`, options),
      );
      const progress = async function* (): AsyncGenerator<DirectProgress> {
        const { id } = await pending.accepted();
        const { timeline } = await get<CommandDetailView>(`/v1/commands/${id}`, { signal });
        yield* progressOf(api, { id, timeline, ...(signal === undefined ? {} : { signal }) });
      };
      return { ...pending, [Symbol.asyncIterator]: progress };
    },
    sendGroup: (group, name, args = {}, { signal, idempotencyKey = crypto.randomUUID(), ...policy } = {}) =>
      create<GroupSentView, AggregateView>(
        {
          path: `/v1/groups/${encodeURIComponent(group)}/commands`,
          body: { kind: 'direct', name, args, ...policy },
          signal,
          idempotencyKey,
        },
        ({ parentId }, options) => whenOver(`/v1/parents/${parentId}`, options),
      ),
    setDesiredMany: (things, desired, { signal, shadowName, idempotencyKey = crypto.randomUUID(), ...policy } = {}) => {
      const body = { things, desired, name: shadowName, ...policy };
      return create<FanOutView, AggregateView>(
        { path: '/v1/commands', body, signal, idempotencyKey },
        ({ parentId }, options) => whenOver(`/v1/parents/${parentId}`, options),
      );
    },
    plan: (things, desired, { signal, shadowName, ...options } = {}) =>
      ask(
        () => api.post('/v1/plan', { things, desired, name: shadowName, ...options }, { readOnly: true, signal }),
        signal,
      ),
    settled,
    parent: (id, { signal } = {}) => get(`/v1/parents/${id}`, { signal }),
    command: (id, { signal } = {}) => get(`/v1/commands/${id}`, { signal }),
    commands: (filter, { signal } = {}) => get('/v1/commands', { query: { ...filter }, signal }),
    cancel: (id, options = {}) => act(id, 'cancel', options),
    retry: (id, options = {}) => act(id, 'retry', options),
    rollback: (id, options = {}) => act(id, 'rollback', options),
    extend: (id, more, options = {}) => act(id, 'extend', options, more),
    explain: (id, { signal } = {}) => get(`/v1/commands/${id}/explain`, { signal }),
    shadow: (shadow, { signal, refresh } = {}) => {
      const { path, name } = shadowPath(shadow);
      return get(path, { query: { name, refresh }, signal });
    },
    explainShadow: (shadow, { signal } = {}) => {
      const { path, name } = shadowPath(shadow);
      return get(`${path}/explain`, { query: { name }, signal });
    },
    thing: (thingName, { signal } = {}) => get(`/v1/things/${encodeURIComponent(thingName)}`, { signal }),
    things: (filter, { signal } = {}) => get('/v1/things', { query: { ...filter }, signal }),
    drift: (filter, { signal } = {}) => get('/v1/drift', { query: { ...filter }, signal }),
    acknowledge: (shadow, field, { signal, ...who } = {}) => {
      const { path, name } = shadowPath(shadow);
      const body = { field, author, ...who };
      return ask(() => api.post(`${path}/drift/acknowledge`, body, { query: { name }, signal }), signal);
    },
    ignoreRules: async ({ signal } = {}) => (await get<PageView<IgnoreRuleView>>('/v1/drift/rules', { signal })).items,
    addIgnoreRule: (rule, { signal, ...who } = {}) =>
      once(() => api.post('/v1/drift/rules', { author, ...who, ...rule }, { signal }), signal),
    removeIgnoreRule: (id, { signal } = {}) =>
      once(() => api.delete(`/v1/drift/rules/${encodeURIComponent(id)}`, { signal }), signal),
    events: (options = {}) => events(api, options),
  };
}

interface Creating {
  readonly path: string;
  readonly name?: string | undefined;
  readonly body: object;
  readonly signal: AbortSignal | undefined;
  readonly idempotencyKey: string;
}

function shadowPath(shadow: Shadow): { path: string; name: string | undefined } {
  const { thingName, name } = namesOf(shadow);
  return { path: `/v1/things/${encodeURIComponent(thingName)}/shadow`, name };
}

function namesOf(shadow: Shadow): { thingName: string; name: string | undefined } {
  if (typeof shadow !== 'string') return { thingName: shadow.thingName, name: shadow.shadowName };
  const [thingName = '', name] = shadow.split('/', 2);
  return { thingName, name };
}
