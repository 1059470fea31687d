import { z } from 'zod';
import { DRIFT_CAUSES, type DriftCause } from '../core/drift/drift.ts';
import { epochMs } from '../core/brand.ts';
import type { CommandId, EpochMs, FieldPointer } from '../core/brand.ts';
import { VERDICT_OF, type CommandStatus, type Verdict } from '../core/command/command.ts';
import { DIRECT_PLACE } from '../core/direct/place.ts';
import { isDirectName } from '../core/direct/new-direct-command.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json/json.ts';
import { parsePointer } from '../core/json/json-pointer.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parseShadowName, parseThingName } from '../core/shadow/shadow-ref.ts';
import { isUuidV7 } from '../core/uuid.ts';
import { missingSaid } from '../protocol/missing.ts';
import type { RequestProblem } from './problem-response.ts';

/** What callers may send, as zod schemas: unknown members are refused (attack C-03), every name has its one parser. */

/** Reads `input` by `schema`; what is wrong comes back as one problem that lists every place. */
export function readRequest<T extends z.ZodType>(
  schema: T,
  input: unknown,
  what: 'body' | 'query',
): Result<z.output<T>, RequestProblem> {
  const read = schema.safeParse(input, missingSaid);
  if (read.success) return ok(read.data);
  const errors = read.error.issues
    .flatMap(meant)
    .slice(0, ERRORS_MAX)
    .map(({ path, message }) => ({ at: `/${path.map(String).join('/')}`, detail: message }));
  const first = errors[0];
  const where = what === 'body' ? (first?.at ?? '/') : `query ${first?.at.slice(1) ?? ''}`.trim();
  return fail({ ...problem('invalid_request', `${where}: ${first?.detail ?? 'invalid'}`, { at: where }), errors });
}

const ERRORS_MAX = 20;

/** Of what may be one thing or another: what is wrong with the one it is most likely meant to be, if that can be told. */
function meant(issue: z.core.$ZodIssue): readonly Pick<z.core.$ZodIssue, 'path' | 'message'>[] {
  if (issue.code !== 'invalid_union') return [issue];
  const likely = issue.errors.filter(([first]) => first?.code !== 'invalid_type' || first.path.length > 0);
  const [only] = likely;
  if (likely.length !== 1 || only === undefined) return [issue];
  return only.map(({ path, message }) => ({ path: [...issue.path, ...path], message }));
}

/** Names and reasons are shown to people: one line of text, no control characters. */
const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'control characters are not allowed');

const instant = z.iso
  .datetime({ offset: true, error: 'an instant is written like 2026-11-20T13:45:00Z' })
  .transform((text): EpochMs => epochMs(Date.parse(text)));
/** Ten years: beyond any clock budget, well inside what a timer and a date can hold. */
const lengthMs = z
  .int()
  .min(1)
  .max(10 * 366 * 86_400_000);

/** The body was parsed by `parseJson`: any object in it is plain JSON, `__proto__` included as an own key. */
const jsonObject = z
  .custom<JsonObject>((value) => isJsonObject(value), 'a JSON object is expected')
  .meta({ type: 'object', additionalProperties: true });

const who = { author: line(128).optional(), reason: line(1_024).optional() };

const STATUSES = Object.keys(VERDICT_OF) as CommandStatus[];
const VERDICTS = [...new Set(Object.values(VERDICT_OF))];

const thing = z
  .string()
  .meta({ description: 'thing name', pattern: '^[a-zA-Z0-9:_-]{1,128}$' })
  .transform((text, context) => orIssue(parseThingName(text), context));
const shadow = z
  .string()
  .meta({ description: 'shadow name; absent for the classic shadow', pattern: '^[$a-zA-Z0-9:_-]{1,64}$' })
  .transform((text, context) => orIssue(parseShadowName(text), context));
const field = z
  .string()
  .max(1_024)
  .meta({ description: 'a JSON Pointer (RFC 6901) below desired', examples: ['/climate/targetC'] })
  .transform((text, context): FieldPointer => orIssue(parsePointer(text), context));
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const commandId = z
  .string()
  .meta({ format: 'uuid' })
  .refine(isUuidV7, 'an id is a UUIDv7 in lower case')
  .transform((text) => text as CommandId);
/** A thing name in which `*` stands for any characters; never a regular expression (attack C-21). */
const thingPattern = z
  .string()
  .regex(/^[a-zA-Z0-9:_*-]{1,128}$/, 'a thing name, in which * stands for any characters')
  .meta({ description: 'a thing name, in which * stands for any characters', examples: ['room-*'] });

function orIssue<T>(result: Result<T>, context: z.RefinementCtx): T {
  if (result.ok) return result.value;
  context.addIssue({ code: 'custom', message: result.problem.message });
  return z.NEVER;
}

const wish = {
  kind: z.literal('shadow').optional(),
  desired: jsonObject
    .refine((patch) => Object.keys(patch).length > 0, 'at least one field is needed')
    .meta({
      type: 'object',
      additionalProperties: true,
      minProperties: 1,
      description: 'the patch to desired; null removes a field',
      examples: [{ climate: { targetC: 21.5 } }],
    }),
};

const policy = {
  ...who,
  applyWithinMs: lengthMs.optional(),
  expiresAt: instant.optional(),
  expiresInMs: lengthMs.optional(),
  whenOffline: z.enum(['wait', 'fail']).optional(),
  onEnd: z.enum(['restore', 'withdraw', 'keep']).optional(),
  ifVersion: z.int().min(0).optional(),
};

export const createCommandBody = z.strictObject({ ...wish, ...policy }).meta({ id: 'CreateCommand' });

const action = {
  kind: z.literal('direct'),
  name: z
    .string()
    .refine(isDirectName, 'starts with a letter and has up to 64 of a-z A-Z 0-9 _ . -')
    .meta({ description: 'what to do', examples: ['unlock'] }),
  args: jsonObject.optional().meta({ type: 'object', additionalProperties: true, examples: [{ visitor: 'Ada' }] }),
  ...who,
  applyWithinMs: lengthMs.optional(),
  expiresAt: instant.optional(),
  expiresInMs: lengthMs.optional().meta({ description: 'default 5 minutes' }),
  whenOffline: z.enum(['wait', 'fail']).optional(),
};

export const sendBody = z
  .strictObject({
    ...action,
    sequence: z
      .string()
      .refine(isDirectName, 'starts with a letter and has up to 64 of a-z A-Z 0-9 _ . -')
      .optional()
      .meta({ description: 'a key: commands of one key are done one after the other, in the order of their creation' }),
  })
  .meta({ id: 'SendCommand' });

/** What `POST /v1/things/{thing}/commands` takes; `kind` says which, and `shadow` may be left out. */
export const anyCommandBody = z.union([createCommandBody, sendBody]);

export const sendGroupBody = z
  .strictObject({
    ...action,
    expectedCount: z.int().min(0).max(100_000).optional().meta({
      description: 'refuse with count_mismatch if the group has another number of members',
    }),
    abortAfter: z.int().min(1).max(100_000).optional().meta({
      description: 'when so many members have failed or timed out, the rest is cancelled',
    }),
  })
  .meta({ id: 'SendGroupCommand' });

/** How many things one request may be meant for; more is a job for several requests. */
export const THINGS_MAX = 1_000;

const targets = {
  things: z
    .union([z.array(thing).min(1).max(THINGS_MAX), z.strictObject({ pattern: thingPattern })], {
      error: `1 to ${THINGS_MAX} thing names, or {"pattern": "room-*"}, are expected`,
    })
    .meta({ description: 'thing names, or a pattern over the things this server knows and the caller may look at' }),
  name: shadow.optional(),
  expectedCount: z.int().min(0).max(THINGS_MAX).optional().meta({
    description: 'refuse with count_mismatch if it is another number of things; needed with a pattern',
  }),
};

/** `ifVersion` names a version of one shadow and means nothing for many. */
export const fanOutBody = z
  .strictObject({ ...wish, ...policy, ...targets })
  .omit({ ifVersion: true })
  .meta({ id: 'CreateCommands' });
export const planBody = z.strictObject({ ...wish, ...targets }).meta({ id: 'AskPlan' });

export const acknowledgeBody = z.strictObject({ field, ...who }).meta({ id: 'AcknowledgeDrift' });

const starred = (words: string, max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^*\p{Cc}]*\*?$/u, words)
    .meta({ description: words });

export const ignoreRuleBody = z
  .strictObject({
    thing: starred('a thing name, or its beginning and *', 129).regex(/^[a-zA-Z0-9:_-]*\*?$/),
    name: shadow.optional(),
    field: starred('a field, or its beginning and *', 1_024).regex(/^[/*]/, 'a field starts with "/"'),
    reason: line(1_024),
    author: line(128).optional(),
    expiresAt: instant.optional(),
  })
  .meta({ id: 'CreateIgnoreRule' });

export const actBody = z.strictObject(who).meta({ id: 'Act' });
export const extendBody = z
  .strictObject({ ...who, expiresAt: instant.optional(), applyMoreMs: lengthMs.optional() })
  .refine(
    (body) => body.expiresAt !== undefined || body.applyMoreMs !== undefined,
    'expiresAt or applyMoreMs is needed',
  )
  .meta({ id: 'Extend' });

/** `?status=queued,sent` and `?status=queued&status=sent` mean the same. */
function listOf<T extends string>(values: readonly T[]) {
  return z
    .union([z.string(), z.array(z.string())])
    .meta({ description: `one or more of ${values.join(', ')}, with commas between` })
    .transform((given) => [given].flat().flatMap((text) => text.split(',')))
    .pipe(z.array(z.enum(values as [T, ...T[]])).min(1));
}

/** Digits only: `limit=1e9` and `limit=0x10` are slips, not numbers. */
function number({ min, max }: { min: number; max: number }) {
  return z
    .string()
    .regex(/^\d{1,16}$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

const page = {
  limit: number({ min: 1, max: 100 })
    .optional()
    .default(50)
    .meta({ type: 'integer', minimum: 1, maximum: 100, default: 50 }),
  cursor: z.string().min(1).max(512).optional().meta({ description: '`next` of the page before' }),
};

const thingPrefix = z.string().regex(/^[a-zA-Z0-9:_-]{1,128}$/, 'the beginning of a thing name');

/** Shadows by `name`; `classic=true` asks for unnamed ones only. */
const shadows = { thing: thing.optional(), name: shadow.optional(), classic: flag.optional() };

/** Direct commands stand beside the shadows of their thing, in lists as in rules of access. */
const shadowOrDirect = z
  .string()
  .meta({
    description: 'shadow name, or (direct) for direct commands only',
    pattern: '^(\\(direct\\)|[$a-zA-Z0-9:_-]{1,64})$',
  })
  .transform((text, context) => (text === DIRECT_PLACE ? DIRECT_PLACE : orIssue(parseShadowName(text), context)));

export const commandsQuery = z
  .strictObject({
    ...shadows,
    name: shadowOrDirect.optional(),
    status: listOf<CommandStatus>(STATUSES).optional(),
    verdict: listOf<Verdict>(VERDICTS).optional(),
    author: line(128).optional(),
    from: instant.optional(),
    before: instant.optional(),
    parent: commandId.optional(),
    ...page,
    // The page before names its last command.
    cursor: commandId.optional().meta({ description: '`next` of the page before' }),
  })
  .refine((query) => query.classic !== true || query.name === undefined, 'name and classic exclude each other');

export const driftQuery = z.strictObject({
  ...shadows,
  thingPrefix: thingPrefix.optional(),
  things: thingPattern.optional(),
  model: z
    .string()
    .regex(/^[^\p{Cc}\s]{1,128}$/u)
    .optional()
    .meta({ description: 'id of a model, such as heater@2' }),
  field: field.optional(),
  cause: listOf<DriftCause>(DRIFT_CAUSES).optional(),
  author: line(128).optional(),
  rule: line(64).optional().meta({
    description:
      'only what this ignore rule leaves out of the report, acknowledged or not; `model`: what models leave out',
  }),
  firstSeenBefore: instant.optional(),
  olderThanMs: number({ min: 0, max: 10 * 366 * 86_400_000 })
    .optional()
    .meta({ type: 'integer', description: 'only fields that have differed for longer' }),
  counts: flag.optional().meta({ description: 'false: without counts, which cost more than the page' }),
  includeIgnored: flag.optional(),
  includeAcknowledged: flag.optional(),
  sort: z.enum(['oldest', 'newest', 'thing', 'flaps']).optional(),
  ...page,
});

export const shadowQuery = z.strictObject({ name: shadow.optional(), refresh: flag.optional() });
export const pageQuery = z.strictObject(page);
export const thingsQuery = z.strictObject({ prefix: thingPrefix.optional(), ...page });
export const nameQuery = z.strictObject({ name: shadow.optional() });
export const emptyQuery = z.strictObject({});

/** `after` as Last-Event-ID; the members narrow the stream together. */
export const eventsQuery = z.strictObject({
  after: number({ min: 0, max: Number.MAX_SAFE_INTEGER }).optional().meta({ type: 'integer', minimum: 0 }),
  command: commandId.optional(),
  parent: commandId.optional(),
  thing: thing.optional(),
  name: shadow.optional(),
});

/** A command id that is none cannot exist: the same answer as for an unknown one. */
export function readCommandId(text: string): Result<CommandId> {
  return isUuidV7(text)
    ? ok(text as CommandId)
    : fail(problem('command_not_found', 'a command id is a UUIDv7 in lower case', { at: text.slice(0, 64) }));
}

/** Source   RFC 8941 would quote it; real callers do not, so both forms are taken. */
export function readIdempotencyKey(header: JsonValue | undefined): Result<string | undefined> {
  if (header === undefined) return ok(undefined);
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return ok(header);
  return fail(problem('invalid_request', 'Idempotency-Key has 1 to 255 printable ASCII characters and no spaces'));
}

/** Longer waits are cut, not refused (RFC 7240: a preference may be ignored). */
const WAIT_MS_MAX = 60_000;

/** `Prefer: wait=20` in milliseconds; 0 where none is asked for or it cannot be read (RFC 7240). */
export function readWaitMs(prefer: string | readonly string[] | undefined): number {
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})/i.exec([prefer].flat().join(','))?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds) * 1_000, WAIT_MS_MAX);
}
