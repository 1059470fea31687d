import { z } from 'zod';
import { count, instant, shadowRefMembers, text, uuid } from './parts.ts';
import { status, verdict } from './statuses.ts';

/** What every command has, whatever its kind. */
export const anyCommandMembers = {
  ...shadowRefMembers,
  id: uuid,
  verdict,
  status,
  statusReason: text.exactOptional(),
  author: text,
  reason: text.exactOptional(),
  createdAt: instant,
  sentAt: instant.exactOptional(),
  deliveredAt: instant.exactOptional(),
  endedAt: instant.exactOptional(),
  applyWithinMs: count,
  applyLeftMs: z.number(),
  applyRunsSince: instant.exactOptional(),
  expiresAt: instant,
  whenOffline: z.enum(['wait', 'fail']),
  retryOf: uuid.exactOptional(),
  parentId: uuid.exactOptional(),
  revision: count,
};
