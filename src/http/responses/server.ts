import { z } from 'zod';
import { ACCESS_ACTIONS, type AccessAction } from '../../core/access/access.ts';
import type { IdentityView } from '../views/server.ts';
import { count, text } from './parts.ts';

export const identity = z
  .strictObject({
    name: text,
    accessControl: z.boolean(),
    roles: z.array(text),
    actions: z.array(z.enum(ACCESS_ACTIONS as [AccessAction, ...AccessAction[]])),
  })
  .meta({ id: 'Identity' }) satisfies z.ZodType<IdentityView>;

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
