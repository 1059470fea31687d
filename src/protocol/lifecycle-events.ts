import { z } from 'zod';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parseJsonObject } from './json-text.ts';

/** `$aws/events/presence/{connected|disconnected}/{clientId}` (R91 to R94). Reasons are an open list. */
export interface LifecycleEvent {
  readonly clientId: string;
  readonly type: 'connected' | 'disconnected';
  readonly version: number;
  readonly reason: string;
}

export const LIFECYCLE_FILTERS = ['$aws/events/presence/connected/+', '$aws/events/presence/disconnected/+'] as const;

const schema = z.object({
  clientId: z.string().min(1).max(128),
  eventType: z.enum(['connected', 'disconnected']),
  versionNumber: z.number().int().nonnegative(),
  disconnectReason: z.string().max(64).optional(),
});

/** Errors   Those of the parser; `invalid_request` for an event that is none. */
export function parseLifecycleEvent(payload: Uint8Array): Result<LifecycleEvent> {
  const parsed = parseJsonObject(payload);
  if (!parsed.ok) return parsed;
  const read = schema.safeParse(parsed.value);
  if (!read.success) return fail(problem('invalid_request', 'the message is no lifecycle event'));
  const { clientId, eventType, versionNumber, disconnectReason } = read.data;
  return ok({ clientId, type: eventType, version: versionNumber, reason: disconnectReason ?? '' });
}
