import { PROBLEMS, type ProblemCode } from '../core/problem.ts';
import type { ServerProblem } from './api.ts';

/** Every failure of a call: `code` is stable (docs/PROBLEMS.md), `retry` says what may help. */
export class ShadowctlError extends Error {
  readonly code: ProblemCode;
  readonly retry: 'never' | 'backoff' | 'after_get';
  /** The place, where there is one: a JSON Pointer, a member, a URL. */
  readonly at: string | undefined;
  /** Every place that is wrong: of a refused request all fields, or all things, that were refused. */
  readonly errors: readonly { readonly at: string; readonly detail: string }[];

  constructor({ code, message, at, cause, errors = [] }: ServerProblem) {
    super(message, { cause });
    this.name = 'ShadowctlError';
    this.code = code;
    this.retry = PROBLEMS[code].retry;
    this.at = at;
    this.errors = errors;
  }
}
