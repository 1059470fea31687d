import { z } from 'zod';
import { DRIFT_CAUSES, type DriftCause } from '../../core/drift/drift.ts';
import type { DriftPageView, DriftView, IgnoreRuleView, OverviewView } from '../views/drift.ts';
import { count, counts, instant, json, pointer, shadowRefMembers, text, uuid } from './parts.ts';

const cause = z.enum(DRIFT_CAUSES as [DriftCause, ...DriftCause[]]).meta({ id: 'DriftCause' });

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
    openCommandId: uuid
      .exactOptional()
      .meta({ description: 'the newest open command that asks for the field again, after `endedCommandId`' }),
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
    hides: count.meta({
      description: 'so many fields it leaves out of the report just now; what two rules cover counts for the older one',
    }),
  })
  .meta({ id: 'IgnoreRule' }) satisfies z.ZodType<IgnoreRuleView>;

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
