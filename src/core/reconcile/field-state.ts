import type { JsonObject } from '../json/json.ts';

/**
 * What a field that is not simply confirmed says of itself in `reported.reconciler.fields` (DESIGN.md section 4). The same
 * shape as `protocol/reconciler-member.ts` reads.
 *
 * Units  `retryAt` and a numeric `until` are milliseconds since the epoch by service time.
 */
export interface FieldState {
  readonly outcome: 'applying' | 'retrying' | 'deferred' | 'overridden' | 'refused';
  readonly code?: string;
  readonly message?: string;
  readonly retryAt?: number;
  readonly until?: 'restart' | 'window' | number;
  readonly by?: string;
}

/** Longest code, message and author that readers accept. */
export const CODE_CHARACTERS_MAX = 64;
export const MESSAGE_CHARACTERS_MAX = 256;

const CODE = /^[a-z0-9][a-z0-9_]{0,63}$/;

/** A code as readers expect it. Whatever an adapter thought of is squeezed into shape rather than lost. */
export function tidyCode(code: string): string {
  if (CODE.test(code)) return code;
  const squeezed = code
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, CODE_CHARACTERS_MAX);
  return squeezed === '' ? 'unspecified' : squeezed;
}

/** One line of at most `MESSAGE_CHARACTERS_MAX` characters; never cut inside a surrogate pair. */
export function tidyMessage(message: string, max: number = MESSAGE_CHARACTERS_MAX): string {
  const line = message
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .trim();
  if (line.length <= max) return line;
  return `${line.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

export function refused(code: string, message: string): FieldState {
  return { outcome: 'refused', code: tidyCode(code), message: tidyMessage(message) };
}

export function retrying(code: string, message: string, retryAt?: number): FieldState {
  const said = { outcome: 'retrying' as const, code: tidyCode(code), message: tidyMessage(message) };
  return retryAt === undefined ? said : { ...said, retryAt };
}

/** As JSON, members in a fixed order and without undefined ones. */
export function fieldStateAsJson({ outcome, code, message, retryAt, until, by }: FieldState): JsonObject {
  return {
    outcome,
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
    ...(retryAt === undefined ? {} : { retryAt: Math.round(retryAt) }),
    ...(until === undefined ? {} : { until: typeof until === 'number' ? Math.round(until) : until }),
    ...(by === undefined ? {} : { by }),
  };
}
