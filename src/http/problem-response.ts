import { PROBLEMS, type Problem } from '../core/problem.ts';

/** RFC 9457 problem details, as every error of the API is answered. `at` and `errors[].at` are JSON Pointers or names. */
export interface ProblemDetails {
  /** Relative to the server: a page about this code. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: Problem['code'];
  readonly retry: 'never' | 'backoff' | 'after_get';
  readonly at?: string;
  readonly errors?: readonly RequestError[];
  readonly requestId: string;
}

export interface RequestError {
  readonly at: string;
  readonly detail: string;
}

/** A problem with more than one place. */
export interface RequestProblem extends Problem {
  readonly errors?: readonly RequestError[];
  /** For `Retry-After`, where it is known better than by the code. */
  readonly retryAfterS?: number;
}

export const PROBLEM_TYPE = 'application/problem+json';

/** `cause` stays inside: it is for the log, never for a caller (attack C-22). */
export function problemDetails(
  { code, message, at, errors }: RequestProblem,
  { instance, requestId }: { instance: string; requestId: string },
): ProblemDetails {
  const { http, retry } = PROBLEMS[code];
  return {
    type: `/problems/${code}`,
    title: code.replaceAll('_', ' '),
    status: http,
    detail: message,
    instance,
    code,
    retry,
    ...(at === undefined ? {} : { at }),
    ...(errors === undefined || errors.length === 0 ? {} : { errors }),
    requestId,
  };
}
