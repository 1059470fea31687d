import { z } from 'zod';
import { ACCESS_ACTIONS, type AccessAction } from '../core/access/access.ts';
import { VERDICT_OF, type CommandStatus, type Verdict } from '../core/command/command.ts';
import { DRIFT_CAUSES, type DriftCause } from '../core/drift/drift.ts';
import type { JsonObject, JsonValue } from '../core/json/json.ts';
import { PROBLEMS, type ProblemCode } from '../core/problem.ts';
import type { ProblemDetails } from './problem-response.ts';
import type {
  AggregateView,
  CommandDetailView,
  CommandFieldView,
  CommandView,
  DriftPageView,
  DriftView,
  ExplanationView,
  FanOutView,
  IdentityView,
  IgnoreRuleView,
  ModelView,
  OverviewView,
  PageView,
  PlanView,
  PresenceView,
  ShadowExplanationView,
  ShadowRefView,
  ShadowView,
  ThingView,
  TimelineEntryView,
} from './views.ts';

/**
 * What the API answers, as zod schemas: the source of the OpenAPI document. The types stand in `views.ts`, with their
 * words; `satisfies` keeps the two together at compile time, and the tests hold every answer against them at run time.
 */

const instant = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' });
const text = z.string();
const count = z.int().min(0);
const json = z.custom<JsonValue>().meta({ description: 'any JSON value' });
const jsonObject = z.custom<JsonObject>().meta({ type: 'object', additionalProperties: true });
const pointer = z
  .string()
  .meta({ description: 'JSON Pointer (RFC 6901) below desired', examples: ['/climate/targetC'] });
const uuid = z.string().meta({ format: 'uuid' });
const status = z.enum(Object.keys(VERDICT_OF) as [CommandStatus, ...CommandStatus[]]).meta({ id: 'Status' });
const verdict = z.enum([...new Set(Object.values(VERDICT_OF))] as [Verdict, ...Verdict[]]).meta({ id: 'Verdict' });
const cause = z.enum(DRIFT_CAUSES as [DriftCause, ...DriftCause[]]).meta({ id: 'DriftCause' });
const counts = <T extends string>(keys: readonly T[]) =>
  z.strictObject(
    Object.fromEntries(keys.map((key) => [key, count.exactOptional()])) as Record<T, z.ZodExactOptional<typeof count>>,
  );

const shadowRefMembers = {
  thingName: text,
  shadowName: text.exactOptional().meta({ description: 'absent for the classic shadow' }),
  shadow: text.meta({ description: '`thing` or `thing/shadow`' }),
};
export const shadowRef = z.strictObject(shadowRefMembers).meta({ id: 'ShadowRef' }) satisfies z.ZodType<ShadowRefView>;

const successor = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('command'), commandId: z.custom<never>().meta({ type: 'string', format: 'uuid' }) }),
  z.strictObject({ kind: z.literal('foreign'), version: count, clientToken: text.exactOptional() }),
  z.strictObject({ kind: z.literal('deleted') }),
  z.strictObject({ kind: z.literal('unknown'), version: count }),
]);

const OUTCOMES = [
  'pending',
  'applying',
  'retrying',
  'deferred',
  'overridden',
  'confirmed',
  'refused',
  'superseded',
] as const;
const commandField = z.strictObject({
  field: pointer,
  desired: json,
  outcome: z.enum(OUTCOMES),
  code: text.exactOptional(),
  message: text.exactOptional(),
  retryAt: instant.exactOptional(),
  by: text.exactOptional(),
  until: text.exactOptional(),
  reason: text.exactOptional(),
  supersededBy: successor.exactOptional(),
}) satisfies z.ZodType<CommandFieldView>;

const commandMembers = {
  ...shadowRefMembers,
  id: uuid,
  kind: z.literal('shadow'),
  verdict,
  status,
  statusReason: text.exactOptional(),
  author: text,
  reason: text.exactOptional(),
  desired: jsonObject,
  fields: z.array(commandField),
  createdAt: instant,
  sentAt: instant.exactOptional(),
  deliveredAt: instant.exactOptional(),
  endedAt: instant.exactOptional(),
  applyWithinMs: count,
  applyLeftMs: z.number(),
  applyRunsSince: instant.exactOptional(),
  expiresAt: instant,
  whenOffline: z.enum(['wait', 'fail']),
  onEnd: z.enum(['restore', 'withdraw', 'keep']),
  ifVersion: count.exactOptional(),
  version: count.exactOptional(),
  versionFrom: z.enum(['accepted', 'get']).exactOptional(),
  noop: z.boolean().exactOptional(),
  endResult: z.enum(['kept', 'withdrawn', 'restored', 'not_yet']).exactOptional(),
  retryOf: uuid.exactOptional(),
  rollbackOf: uuid.exactOptional(),
  parentId: uuid.exactOptional(),
  revision: count,
};
export const command = z.strictObject(commandMembers).meta({ id: 'Command' }) satisfies z.ZodType<CommandView>;

const timelineMembers = {
  sequence: count,
  commandId: uuid,
  at: instant,
  by: text,
  event: text,
  status,
  version: count.exactOptional(),
  patch: z.array(jsonObject).meta({ description: 'what changed in the command, as a JSON Patch (RFC 6902)' }),
  detail: jsonObject.exactOptional(),
};
export const timelineEntry = z
  .strictObject(timelineMembers)
  .meta({ id: 'TimelineEntry' }) satisfies z.ZodType<TimelineEntryView>;
export const commandDetail = z
  .strictObject({ ...commandMembers, timeline: z.array(timelineEntry) })
  .meta({ id: 'CommandDetail' }) satisfies z.ZodType<CommandDetailView>;

const statusCounts = counts(Object.keys(VERDICT_OF) as CommandStatus[]);
const verdictCounts = counts([...new Set(Object.values(VERDICT_OF))]);
export const aggregate = z
  .strictObject({
    parentId: uuid,
    total: count,
    settled: count,
    verdict: z.enum(['pending', 'succeeded', 'partly', 'unsuccessful']),
    verdicts: verdictCounts,
    statuses: statusCounts,
    createdAt: instant,
    endedAt: instant.exactOptional(),
  })
  .meta({ id: 'Aggregate' }) satisfies z.ZodType<AggregateView>;

export const presence = z
  .strictObject({
    state: z.enum(['online', 'offline', 'unknown']),
    since: instant,
    source: z.enum(['lifecycle', 'will', 'traffic', 'none']),
    detail: text.exactOptional(),
    lastTrafficAt: instant.exactOptional(),
  })
  .meta({ id: 'Presence' }) satisfies z.ZodType<PresenceView>;

export const shadow = z
  .strictObject({
    ...shadowRefMembers,
    version: count,
    incarnation: count,
    desired: jsonObject.exactOptional(),
    reported: jsonObject.exactOptional(),
    asOf: instant,
    presence,
    fields: z.array(
      z.strictObject({
        field: pointer,
        shown: json.exactOptional(),
        desired: json.exactOptional(),
        confirmed: json.exactOptional(),
        converged: z.boolean(),
        pendingSince: instant.exactOptional(),
        settleBy: instant.exactOptional(),
        reason: text.exactOptional(),
        commandId: uuid.exactOptional(),
        author: text.exactOptional(),
      }),
    ),
    openCommands: z.array(uuid),
  })
  .meta({ id: 'Shadow' }) satisfies z.ZodType<ShadowView>;

export const explanation = z
  .strictObject({
    commandId: uuid,
    status,
    code: text,
    words: text,
    field: pointer.exactOptional(),
    since: instant.exactOptional(),
    nextAttemptAt: instant.exactOptional(),
    settleBy: instant.exactOptional(),
    detail: jsonObject.exactOptional(),
  })
  .meta({ id: 'Explanation' }) satisfies z.ZodType<ExplanationView>;

export const shadowExplanation = z
  .strictObject({
    ...shadowRefMembers,
    presence,
    converged: z.boolean(),
    words: text,
    fields: z.array(
      z.strictObject({
        field: pointer,
        code: text,
        words: text,
        since: instant.exactOptional(),
        commandId: uuid.exactOptional(),
      }),
    ),
    commands: z.array(explanation),
  })
  .meta({ id: 'ShadowExplanation' }) satisfies z.ZodType<ShadowExplanationView>;

export const drift = z
  .strictObject({
    ...shadowRefMembers,
    field: pointer,
    desired: json.exactOptional(),
    reported: json.exactOptional(),
    differs: z.boolean(),
    cause,
    detail: z.strictObject({ code: text, message: text.exactOptional() }).exactOptional(),
    firstSeenAt: instant,
    lastAgreedAt: instant.exactOptional(),
    flaps: count,
    commandId: uuid.exactOptional(),
    author: text.exactOptional(),
    endedCommandId: uuid.exactOptional(),
    acknowledged: z.strictObject({ by: text, at: instant, reason: text.exactOptional() }).exactOptional(),
    ignoredBy: z.strictObject({ ruleId: text, reason: text }).exactOptional(),
    version: count,
    seenAt: instant,
  })
  .meta({ id: 'Drift' }) satisfies z.ZodType<DriftView>;

const byCause = counts(DRIFT_CAUSES);
export const driftPage = z
  .strictObject({
    counts: z
      .strictObject({
        fields: count,
        shadows: count,
        byCause,
        ignored: count,
        acknowledged: count,
        byAge: z
          .strictObject({ underHour: count, underDay: count, underWeek: count, older: count })
          .meta({ description: 'fields by how long they have differed; together all of `fields`' }),
      })
      .exactOptional()
      .meta({ description: 'of everything that fits; absent with counts=false' }),
    items: z.array(drift),
    next: text.exactOptional(),
  })
  .meta({ id: 'DriftPage' }) satisfies z.ZodType<DriftPageView>;

export const ignoreRule = z
  .strictObject({
    id: text,
    thing: text,
    shadowName: text.exactOptional(),
    field: text,
    reason: text,
    by: text,
    createdAt: instant,
    expiresAt: instant.exactOptional(),
  })
  .meta({ id: 'IgnoreRule' }) satisfies z.ZodType<IgnoreRuleView>;

export const thing = z
  .strictObject({ thingName: text, presence, shadows: z.array(shadowRef) })
  .meta({ id: 'Thing' }) satisfies z.ZodType<ThingView>;

export const model = z
  .strictObject({
    id: text,
    things: text,
    shadowName: text.exactOptional(),
    fields: z.array(z.strictObject({ field: pointer, annotations: jsonObject })),
    schema: jsonObject.exactOptional(),
  })
  .meta({ id: 'Model' }) satisfies z.ZodType<ModelView>;

export const overview = z
  .strictObject({
    things: z.strictObject({ online: count, offline: count, unknown: count }),
    shadows: z.strictObject({ total: count, inSync: count, pending: count, drifted: count, refused: count }),
    drift: z.strictObject({
      fields: count,
      byCause,
      ignored: count,
      acknowledged: count,
      ages: z.array(z.strictObject({ label: text, fields: count })),
    }),
  })
  .meta({ id: 'Overview' }) satisfies z.ZodType<OverviewView>;

const requestError = z.strictObject({ at: text, detail: text });
export const problemDetails = z
  .strictObject({
    type: text.meta({ format: 'uri-reference', description: 'a page about this code, on this server' }),
    title: text,
    status: z.int().min(400).max(599),
    detail: text,
    instance: text,
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    retry: z.enum(['never', 'backoff', 'after_get']),
    at: text.exactOptional(),
    errors: z.array(requestError).exactOptional(),
    requestId: uuid,
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' }) satisfies z.ZodType<ProblemDetails>;

const problemInList = z.strictObject({ code: problemDetails.shape.code, message: text, at: text.exactOptional() });

export const fanOut = z
  .strictObject({
    parentId: uuid,
    total: count,
    commands: z.array(command),
    problems: z
      .array(z.strictObject({ thingName: text, problem: problemInList }))
      .meta({ description: 'things for which no command could be stored; repeat with the same Idempotency-Key' }),
  })
  .meta({ id: 'FanOut' }) satisfies z.ZodType<FanOutView>;

export const plan = z
  .strictObject({
    total: count,
    changes: count.meta({ description: 'fields that would change, all things together' }),
    blocked: count.meta({ description: 'things for which the command would be refused' }),
    offline: count,
    things: z.array(
      z.strictObject({
        ...shadowRefMembers,
        exists: z.boolean(),
        version: count.exactOptional(),
        presence: z.enum(['online', 'offline', 'unknown']),
        fields: z.array(
          z.strictObject({
            field: pointer,
            change: z.enum(['add', 'change', 'remove', 'none']),
            from: json.exactOptional(),
            to: json.exactOptional(),
            reported: json.exactOptional(),
          }),
        ),
        conflicts: z.array(z.strictObject({ commandId: uuid, author: text, status, fields: z.array(pointer) })),
        problems: z.array(problemInList),
        bytes: count,
        bytesMax: count,
      }),
    ),
  })
  .meta({ id: 'Plan' }) satisfies z.ZodType<PlanView>;

export const identity = z
  .strictObject({
    name: text,
    accessControl: z.boolean(),
    roles: z.array(text),
    actions: z.array(z.enum(ACCESS_ACTIONS as [AccessAction, ...AccessAction[]])),
  })
  .meta({ id: 'Identity' }) satisfies z.ZodType<IdentityView>;

export const pageOf = <T extends z.ZodType>(item: T, id: string) =>
  z.strictObject({ items: z.array(item), next: text.exactOptional() }).meta({ id }) satisfies z.ZodType<
    PageView<z.output<T>>
  >;

export const streamEvent = z
  .strictObject({ ...timelineMembers, ...shadowRefMembers })
  .meta({ id: 'StreamEvent', description: 'the `data` of one event of the stream' });

export const health = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });
export const readiness = z
  .strictObject({
    ready: z.boolean(),
    transport: z.enum(['up', 'down']),
    ledger: z.strictObject({
      state: z.enum(['ok', 'full', 'corrupt', 'unavailable']),
      detail: text.exactOptional(),
      waiting: count,
    }),
    recovering: count,
    openCommands: count,
  })
  .meta({ id: 'Readiness' });
