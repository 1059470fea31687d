import { z } from 'zod';
import {
  ARGS_BYTES_MAX,
  RESULT_BYTES_MAX,
  type DirectRequest,
  type DirectResponse,
  type ResponseStatus,
} from '../core/direct/messages.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json/json.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { MESSAGE_LIMITS, parseJsonObject } from './json-text.ts';
import { missingSaid } from './missing.ts';

/**
 * The messages of direct commands, from bytes to types and back. Published as `schemas/direct-request.schema.json` and
 * `schemas/direct-response.schema.json`; a test compares. Members that are not known are ignored.
 */

const ID = /^[a-zA-Z0-9:_-]{1,64}$/;
/** How a command is called, and what a sequence runs under. */
export const DIRECT_NAME = /^[a-zA-Z][a-zA-Z0-9_.-]{0,63}$/;

const STATUSES = ['accepted', 'in_progress', 'succeeded', 'failed', 'rejected'] as const satisfies ResponseStatus[];

/** `parseJson` has walked it: any object is plain JSON, `__proto__` an own key. */
const object = z
  .custom<JsonObject>((value) => isJsonObject(value), 'an object is expected')
  .meta({ type: 'object', additionalProperties: true });
const instant = z.int().min(0);
const sequenceOf = (least: number) => z.object({ key: z.string().regex(DIRECT_NAME), number: z.int().min(least) });

export const directRequestSchema = z.object({
  id: z.string().regex(ID),
  name: z.string().regex(DIRECT_NAME),
  args: object,
  issuedAt: instant,
  expiresAt: instant,
  attempt: z.int().min(1),
  sequence: sequenceOf(1).exactOptional(),
  group: z
    .string()
    .regex(/^[a-zA-Z0-9:_-]{1,128}$/)
    .exactOptional(),
  cancel: z.literal(true).exactOptional(),
});

const code = z.string().max(64);
const text = z.string().max(1_024);

export const directResponseSchema = z.object({
  id: z.string().regex(ID),
  status: z.enum(STATUSES),
  progress: z
    .object({
      percent: z.number().min(0).max(100).exactOptional(),
      code: code.exactOptional(),
      text: text.exactOptional(),
    })
    .exactOptional(),
  result: z.custom<JsonValue>().exactOptional(),
  problem: z.object({ code, message: text }).exactOptional(),
  state: object.exactOptional(),
  sequence: sequenceOf(0).exactOptional(),
});

/**
 * Errors   Those of the parser; `invalid_request` with the member's place; `payload_too_large` where `args` or `result`
 *          exceed their share of the message.
 */
export function parseDirectRequest(payload: Uint8Array): Result<DirectRequest> {
  const read = readMessage(payload, directRequestSchema, 'a direct request');
  if (!read.ok) return read;
  const tooLarge = excess(payload, read.value.args, ARGS_BYTES_MAX, '/args');
  if (tooLarge !== undefined) return fail(tooLarge);
  return ok(read.value as DirectRequest);
}

/** As `parseDirectRequest`. Whose response it is, the topic says. */
export function parseDirectResponse(payload: Uint8Array): Result<DirectResponse> {
  const read = readMessage(payload, directResponseSchema, 'a direct response');
  if (!read.ok) return read;
  const tooLarge = excess(payload, read.value.result, RESULT_BYTES_MAX, '/result');
  if (tooLarge !== undefined) return fail(tooLarge);
  return ok(read.value);
}

export function printDirectRequest(request: DirectRequest): string {
  return JSON.stringify(request);
}

/** Errors   `payload_too_large` if the result, or all of it, would not arrive. */
export function printDirectResponse(response: DirectResponse): Result<string> {
  const printed = JSON.stringify(response);
  const bytes = UTF8.encode(printed);
  const tooLarge =
    bytes.byteLength > MESSAGE_LIMITS.bytesMax
      ? problem('payload_too_large', `${bytes.byteLength} bytes; a message holds at most ${MESSAGE_LIMITS.bytesMax}`)
      : excess(bytes, response.result, RESULT_BYTES_MAX, '/result');
  return tooLarge === undefined ? ok(printed) : fail(tooLarge);
}

/** Bytes a value has as JSON. */
export function jsonBytes(value: JsonValue): number {
  return UTF8.encode(JSON.stringify(value)).byteLength;
}

const UTF8 = new TextEncoder();

/** Only a message that is larger than the limit can hold a value that is: others are not measured again. */
function excess(payload: Uint8Array, value: JsonValue | undefined, bytesMax: number, at: string) {
  if (value === undefined || payload.byteLength <= bytesMax) return undefined;
  const bytes = jsonBytes(value);
  return bytes <= bytesMax
    ? undefined
    : problem('payload_too_large', `${at} has ${bytes} bytes; at most ${bytesMax} are taken`, { at });
}

function readMessage<T extends z.ZodType>(payload: Uint8Array, schema: T, what: string): Result<z.output<T>> {
  const parsed = parseJsonObject(payload);
  if (!parsed.ok) return parsed;
  const read = schema.safeParse(parsed.value, missingSaid);
  if (read.success) return ok(read.data);
  const [issue] = read.error.issues;
  const at = `/${issue?.path.map(String).join('/') ?? ''}`;
  return fail(problem('invalid_request', `this is not ${what}: ${issue?.message ?? ''}`, { at }));
}
