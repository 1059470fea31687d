import { isUtf8 } from 'node:buffer';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json/json.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import type { ShadowRules } from '../../src/core/shadow/limits.ts';
import { REJECTIONS, type ShadowRejection } from '../../src/core/shadow/rejection.ts';
import { requestToken } from '../../src/core/shadow/update.ts';

/** Bytes of a request as a JSON object. Duplicate keys: the last one wins (R44). Source R14, R27. */
export function parseBody(payload: Uint8Array, rules: ShadowRules): Result<JsonObject, ShadowRejection> {
  if (!isUtf8(payload)) return fail(rules.brokenUtf8 === 415 ? REJECTIONS.notUtf8 : REJECTIONS.invalidJson);
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
  let body: JsonValue;
  try {
    body = JSON.parse(text) as JsonValue;
  } catch {
    return fail(REJECTIONS.invalidJson);
  }
  return isJsonObject(body) ? ok(body) : fail(REJECTIONS.invalidJson);
}

/** The body of get and delete: empty, or an object of which only the token counts (R71). */
export function parseOptionalBody(
  payload: Uint8Array,
  rules: ShadowRules,
): Result<{ clientToken?: string }, ShadowRejection> {
  if (payload.byteLength === 0) return ok({});
  const body = parseBody(payload, rules);
  if (!body.ok) return body;
  const token = requestToken(body.value, rules);
  if (!token.ok) return token;
  return ok(token.value === undefined ? {} : { clientToken: token.value });
}

/** The token to echo with a rejection: any that would have been accepted (R69). */
export function echoedToken(body: JsonObject, rules: ShadowRules): string | undefined {
  const token = requestToken(body, rules);
  return token.ok ? token.value : undefined;
}
