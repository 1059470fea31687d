import { z } from 'zod';
import type { FieldPointer } from '../core/brand.ts';
import { member, type JsonObject } from '../core/json/json.ts';

/**
 * The reserved member `reconciler` of `reported`: what the device says about its own work (DESIGN.md section 4,
 * `schemas/reconciler-member.schema.json`, `docs/device-protocol.md`).
 */
export const RECONCILER_KEY = 'reconciler';

/** What a field that is not simply confirmed may say. */
export const reconcilerFieldSchema = z.object({
  outcome: z.enum(['applying', 'retrying', 'deferred', 'overridden', 'refused']),
  code: z.string().max(64).optional(),
  message: z.string().max(256).optional(),
  /** Milliseconds since the epoch by service time, never by an unset device clock. */
  retryAt: z.number().int().nonnegative().optional(),
  until: z.union([z.enum(['restart', 'window']), z.number().int().nonnegative()]).optional(),
  by: z.string().max(64).optional(),
});

export const reconcilerMemberSchema = z.object({
  /** The newest document version whose desired state was taken into account. */
  version: z.number().int().nonnegative(),
  model: z.string().max(128).optional(),
  fields: z.record(z.string(), reconcilerFieldSchema).optional(),
});

export type ReconcilerField = z.infer<typeof reconcilerFieldSchema>;

export interface ReconcilerMember {
  readonly version: number;
  readonly model?: string;
  /** By field pointer; only fields that are not simply confirmed. */
  readonly fields: ReadonlyMap<FieldPointer, ReconcilerField>;
  /** Entries that break the schema. They are kept apart, so that one bad entry does not silence the others. */
  readonly unreadable: readonly string[];
}

const envelopeSchema = reconcilerMemberSchema.extend({ fields: z.record(z.string(), z.unknown()).optional() });

/**
 * Reads the member out of `reported`.
 *
 * Result   Undefined where there is none (a plain device); `'unreadable'` where there is one without a usable version.
 */
export function readReconcilerMember(reported: JsonObject | undefined): ReconcilerMember | 'unreadable' | undefined {
  const raw = reported === undefined ? undefined : member(reported, RECONCILER_KEY);
  if (raw === undefined) return undefined;
  const envelope = envelopeSchema.safeParse(raw);
  if (!envelope.success) return 'unreadable';
  const fields = new Map<FieldPointer, ReconcilerField>();
  const unreadable: string[] = [];
  for (const [pointer, entry] of Object.entries(envelope.data.fields ?? {})) {
    const field = reconcilerFieldSchema.safeParse(entry);
    if (field.success && pointer.startsWith('/')) fields.set(pointer as FieldPointer, field.data);
    else unreadable.push(pointer);
  }
  const { version, model } = envelope.data;
  return { version, ...(model === undefined ? {} : { model }), fields, unreadable };
}
