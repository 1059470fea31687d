import { z } from 'zod';
import { epochMs, monotonicMs, type EpochMs, type FieldPointer, type MonotonicMs } from '../core/brand.ts';
import { setMember, type JsonObject, type JsonValue } from '../core/json/json.ts';
import type { FieldMemory, Memory } from '../core/reconcile/memory.ts';

/**
 * What the device journals of one shadow. Monotonic instants mean nothing after a restart, so a lease is kept as what is
 * left of it, and a retry is due at once.
 */
export interface ShadowRecord {
  readonly incarnation: number;
  readonly lastOwnVersion?: number | undefined;
  readonly memory: Memory;
  /** Fields whose apply was under way: present after a restart only if the device went down in the middle. */
  readonly intent?: readonly FieldPointer[] | undefined;
  readonly lastPass?: LastPass | undefined;
}

/** For people (`agent status`); `at` is the device's own wall clock. */
export interface LastPass {
  readonly at: EpochMs;
  readonly version: number;
  readonly applied: number;
  readonly listed: number;
}

const jsonSchema = z.custom<JsonValue>((value) => value !== undefined);
const said = z.object({ code: z.string(), message: z.string() });
const fieldSchema = z.object({
  desired: jsonSchema,
  stampS: z.number().optional(),
  confirmed: z.literal(true).optional(),
  unverified: z.object({ before: jsonSchema.optional() }).optional(),
  attempts: z.number().int().nonnegative(),
  retry: said.extend({ at: z.number().optional() }).optional(),
  refused: said.optional(),
  deferred: z.object({ until: z.enum(['restart', 'window']), message: z.string().optional() }).optional(),
  lease: z.object({ by: z.string(), leftMs: z.number().nonnegative() }).optional(),
  crashes: z.number().int().nonnegative(),
});

const recordSchema = z.object({
  v: z.literal(1),
  incarnation: z.number().int().nonnegative(),
  lastOwnVersion: z.number().int().nonnegative().optional(),
  fields: z.record(z.string(), fieldSchema),
  intent: z.array(z.string()).optional(),
  lastPass: z.object({ at: z.number(), version: z.number(), applied: z.number(), listed: z.number() }).optional(),
});

/** Member by member: a device writes three of these for every change. */
export function shadowRecordAsJson(record: ShadowRecord, now: MonotonicMs): JsonObject {
  const { incarnation, lastOwnVersion, memory, intent, lastPass } = record;
  const fields: Record<string, JsonValue> = {};
  for (const [field, remembered] of memory) setMember(fields, field, fieldAsJson(remembered, now));
  const json: Record<string, JsonValue> = { v: 1, incarnation };
  if (lastOwnVersion !== undefined) json['lastOwnVersion'] = lastOwnVersion;
  json['fields'] = fields;
  if (intent !== undefined) json['intent'] = intent;
  if (lastPass !== undefined) json['lastPass'] = { ...lastPass };
  return json;
}

function fieldAsJson(memory: FieldMemory, now: MonotonicMs): JsonObject {
  const { desired, stampS, confirmedAt, unverified, attempts, retry, refused, deferred, lease, crashes } = memory;
  const json: Record<string, JsonValue> = { desired };
  if (stampS !== undefined) json['stampS'] = stampS;
  if (confirmedAt !== undefined) json['confirmed'] = true;
  if (unverified !== undefined) json['unverified'] = { ...unverified };
  json['attempts'] = attempts;
  if (retry !== undefined) json['retry'] = retryAsJson(retry);
  if (refused !== undefined) json['refused'] = { ...refused };
  if (deferred !== undefined) json['deferred'] = { ...deferred };
  if (lease !== undefined) json['lease'] = { by: lease.by, leftMs: Math.max(0, Math.round(lease.endsAt - now)) };
  json['crashes'] = crashes;
  return json;
}

function retryAsJson({ code, message, at }: NonNullable<FieldMemory['retry']>): JsonObject {
  return { code, message, ...(at === undefined ? {} : { at }) };
}

/** Undefined for a record that is none of ours, or of a later format: the device starts afresh then, from what it reads. */
export function parseShadowRecord(record: JsonObject, now: MonotonicMs): ShadowRecord | undefined {
  const parsed = recordSchema.safeParse(record);
  if (!parsed.success) return undefined;
  const { incarnation, lastOwnVersion, fields, intent, lastPass } = parsed.data;
  return {
    incarnation,
    ...(lastOwnVersion === undefined ? {} : { lastOwnVersion }),
    memory: new Map(Object.entries(fields).map(([field, stored]) => [field as FieldPointer, fieldFrom(stored, now)])),
    ...(intent === undefined ? {} : { intent: intent as FieldPointer[] }),
    ...(lastPass === undefined ? {} : { lastPass: { ...lastPass, at: epochMs(lastPass.at) } }),
  };
}

function fieldFrom(stored: z.infer<typeof fieldSchema>, now: MonotonicMs): FieldMemory {
  const { desired, stampS, confirmed, unverified, attempts, retry, refused, deferred, lease, crashes } = stored;
  return {
    desired,
    stampS,
    confirmedAt: confirmed === undefined ? undefined : now,
    unverified: unverified?.before === undefined ? unverified && {} : { before: unverified.before },
    attempts,
    contests: 0,
    retry: retry === undefined ? undefined : { code: retry.code, message: retry.message, dueAt: now },
    refused,
    // A restart is what a deferred value may have waited for: it is looked at anew.
    deferred: deferred === undefined || deferred.until === 'restart' ? undefined : tidy(deferred),
    lease: lease === undefined ? undefined : { by: lease.by, endsAt: monotonicMs(now + lease.leftMs) },
    crashes,
  };
}

function tidy({ until, message }: { until: 'restart' | 'window'; message?: string | undefined }) {
  return message === undefined ? { until } : { until, message };
}

/** The retries that a record speaks of, for `agent status`. */
export function retriesIn(record: JsonObject): { field: string; code: string; message: string; at?: number }[] {
  const parsed = recordSchema.safeParse(record);
  if (!parsed.success) return [];
  return Object.entries(parsed.data.fields).flatMap(([field, { retry }]) =>
    retry === undefined
      ? []
      : [{ field, code: retry.code, message: retry.message, ...(retry.at === undefined ? {} : { at: retry.at }) }],
  );
}
