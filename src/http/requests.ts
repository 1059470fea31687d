import { z } from 'zod';
import { DRIFT_CAUSES, type DriftCause } from '../core/drift/drift.ts';
import { epochMs } from '../core/brand.ts';
import type { CommandId, EpochMs, FieldPointer } from '../core/brand.ts';
import { VERDICT_OF, type CommandStatus, type Verdict } from '../core/command/command.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json/json.ts';
import { parsePointer } from '../core/json/json-pointer.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parseShadowName, parseThingName } from '../core/shadow/shadow-ref.ts';
import { isUuidV7 } from '../core/uuid.ts';
import type { RequestProblem } from './problem-response.ts';

/** What callers may send, as zod schemas: unknown members are refused (attack C-03), every name has its one parser. */

/** Reads `input` by `schema`; what is wrong comes back as one problem that lists every place. */
export function readRequest<T extends z.ZodType>(
  schema: T,
  input: unknown,
  what: 'body' | 'query',
): Result<z.output<T>, RequestProblem> {
  const read = schema.safeParse(input);
  if (read.success) return ok(read.data);
  const errors = read.error.issues.slice(0, ERRORS_MAX).map((issue) => ({
    at: `/${issue.path.map(String).join('/')}`,
    detail: issue.message,
  }));
  const first = errors[0];
  const where = what === 'body' ? (first?.at ?? '/') : `query ${first?.at.slice(1) ?? ''}`.trim();
  return fail({ ...problem('invalid_request', `${where}: ${first?.detail ?? 'invalid'}`, { at: where }), errors });
}

const ERRORS_MAX = 20;

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
const jsonObject = z.custom<JsonObject>((value) => isJsonObject(value), 'a JSON object is expected');

const who = { author: line(128).optional(), reason: line(1_024).optional() };

const field = z.string().transform((text, context): FieldPointer => orIssue(parsePointer(text), context));

export const createCommandBody = z.strictObject({
  kind: z.literal('shadow').optional(),
  desired: jsonObject.refine((patch) => Object.keys(patch).length > 0, 'at least one field is needed'),
  ...who,
  applyWithinMs: lengthMs.optional(),
  expiresAt: instant.optional(),
  expiresInMs: lengthMs.optional(),
  whenOffline: z.enum(['wait', 'fail']).optional(),
  onEnd: z.enum(['restore', 'withdraw', 'keep']).optional(),
  ifVersion: z.int().min(0).optional(),
});

export const actBody = z.strictObject(who);
export const acknowledgeBody = z.strictObject({ ...who, field });
export const extendBody = z
  .strictObject({ ...who, expiresAt: instant.optional(), applyMoreMs: lengthMs.optional() })
  .refine(
    (body) => body.expiresAt !== undefined || body.applyMoreMs !== undefined,
    'expiresAt or applyMoreMs is needed',
  );

const STATUSES = Object.keys(VERDICT_OF) as CommandStatus[];
const VERDICTS = [...new Set(Object.values(VERDICT_OF))];

const thing = z.string().transform((text, context) => orIssue(parseThingName(text), context));
const shadow = z.string().transform((text, context) => orIssue(parseShadowName(text), context));
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

function orIssue<T>(result: Result<T>, context: z.RefinementCtx): T {
  if (result.ok) return result.value;
  context.addIssue({ code: 'custom', message: result.problem.message });
  return z.NEVER;
}

/** `?status=queued,sent` and `?status=queued&status=sent` mean the same. */
function listOf<T extends string>(values: readonly T[]) {
  return z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat().flatMap((text) => text.split(',')))
    .pipe(z.array(z.enum(values as [T, ...T[]])).min(1));
}

const page = {
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().min(1).max(512).optional(),
};

/** Shadows by `name`; `classic=true` asks for unnamed ones only. */
const shadows = { thing: thing.optional(), name: shadow.optional(), classic: flag.optional() };

export const commandsQuery = z
  .strictObject({
    ...shadows,
    status: listOf<CommandStatus>(STATUSES).optional(),
    verdict: listOf<Verdict>(VERDICTS).optional(),
    author: line(128).optional(),
    from: instant.optional(),
    before: instant.optional(),
    ...page,
  })
  .refine((query) => query.classic !== true || query.name === undefined, 'name and classic exclude each other');

export const driftQuery = z.strictObject({
  ...shadows,
  thingPrefix: z
    .string()
    .regex(/^[a-zA-Z0-9:_-]{1,128}$/)
    .optional(),
  field: field.optional(),
  cause: listOf<DriftCause>(DRIFT_CAUSES).optional(),
  author: line(128).optional(),
  firstSeenBefore: instant.optional(),
  includeIgnored: flag.optional(),
  includeAcknowledged: flag.optional(),
  sort: z.enum(['oldest', 'newest', 'thing', 'flaps']).optional(),
  ...page,
});

export const shadowQuery = z.strictObject({ name: shadow.optional(), refresh: flag.optional() });
export const pageQuery = z.strictObject(page);
export const eventsQuery = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  command: z.string().refine(isUuidV7, 'a command id is a UUIDv7 in lower case').optional(),
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
