import { z } from 'zod';
import type { JsonObject, JsonValue } from '../../core/json/json.ts';
import { type ProblemCode, PROBLEMS } from '../../core/problem.ts';
import type { ProblemDetails } from '../problem-response.ts';
import type { PageView, ShadowRefView } from '../views/parts.ts';

/**
 * What the API answers, as zod schemas: the source of the OpenAPI document. The types stand in `../views`, with their
 * words; `satisfies` keeps the two together at compile time, and the tests hold every answer against them at run time.
 */

export const instant = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' });

export const text = z.string();

export const count = z.int().min(0);

export const json = z.custom<JsonValue>().meta({ description: 'any JSON value' });

export const jsonObject = z.custom<JsonObject>().meta({ type: 'object', additionalProperties: true });

export const pointer = z
  .string()
  .meta({ description: 'JSON Pointer (RFC 6901) below desired', examples: ['/climate/targetC'] });

export const uuid = z.string().meta({ format: 'uuid' });

export const counts = <T extends string>(keys: readonly T[]) =>
  z.strictObject(
    Object.fromEntries(keys.map((key) => [key, count.exactOptional()])) as Record<T, z.ZodExactOptional<typeof count>>,
  );

export const shadowRefMembers = {
  thingName: text,
  shadowName: text.exactOptional().meta({ description: 'absent for the classic shadow' }),
  shadow: text.meta({ description: '`thing` or `thing/shadow`' }),
};

export const shadowRef = z.strictObject(shadowRefMembers).meta({ id: 'ShadowRef' }) satisfies z.ZodType<ShadowRefView>;

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

export const problemInList = z.strictObject({
  code: problemDetails.shape.code,
  message: text,
  at: text.exactOptional(),
});

export const pageOf = <T extends z.ZodType>(item: T, id: string) =>
  z.strictObject({ items: z.array(item), next: text.exactOptional() }).meta({ id }) satisfies z.ZodType<
    PageView<z.output<T>>
  >;
