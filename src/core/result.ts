import type { Problem } from './problem.ts';

/** What the world can do to us comes back as a value; only our own mistakes are thrown (`assert`). */
export type Result<T, E = Problem> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: E };

export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value });
export const done: Result<void, never> = { ok: true, value: undefined };
export const fail = <E>(problem: E): Result<never, E> => ({ ok: false, problem });
