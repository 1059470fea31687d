import type { z } from 'zod';
import type { AccessAction } from '../../core/access/access.ts';
import type { ProblemCode } from '../../core/problem.ts';

/**
 * Every operation of the API: the server registers its routes from here, the OpenAPI document is written from here, and
 * what is not here does not exist. `access` says what a caller needs; a route without it cannot be registered.
 *
 * public  anybody     known   any credential that is valid
 * others  the action; on which shadow is decided in the route, lists are cut to what the caller may look at
 */
export interface Operation {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As OpenAPI writes it. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: 'Commands' | 'Shadows' | 'Drift' | 'Events' | 'Server';
  readonly access: 'public' | 'known' | AccessAction;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Request headers that the operation reads. */
  readonly headers?: readonly ('idempotency-key' | 'prefer' | 'last-event-id')[];
  readonly responses: Readonly<Record<number, Answer>>;
  /** Besides those that any operation can end with. */
  readonly problems: readonly ProblemCode[];
}

export interface Answer {
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: z.ZodType;
  /** Default `application/json`. */
  readonly type?: string;
  readonly headers?: readonly ('location' | 'idempotency-replayed' | 'preference-applied')[];
}

/** Problems that several operations have in common. */
export const ledger = ['ledger_unavailable', 'ledger_full', 'ledger_stale', 'ledger_corrupt'] as const;
export const names = ['invalid_request', 'invalid_thing_name', 'invalid_shadow_name'] as const;
export const creating = [
  ...names,
  'invalid_json',
  'invalid_pointer',
  'too_deep',
  'payload_too_large',
  'unsupported_media_type',
] as const;
export const refusing = [
  'model_violation',
  'idempotency_mismatch',
  'version_conflict',
  'forbidden',
  ...ledger,
] as const;
