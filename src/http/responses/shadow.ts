import { z } from 'zod';
import type { ModelView, PresenceView, ShadowExplanationView, ShadowView, ThingView } from '../views/shadow.ts';
import { explanation } from './command.ts';
import { count, instant, json, jsonObject, pointer, shadowRef, shadowRefMembers, text, uuid } from './parts.ts';

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
