/**
 * Every expected failure by its stable code, with what a caller may do about it. Codes never change their meaning;
 * `docs/PROBLEMS.md` explains each one (a test compares the two).
 *
 * retry  `never`: the same request fails again. `backoff`: later it may work. `after_get`: read the shadow, decide anew.
 * http   the status our API answers with; `exit` the exit code of the CLI.
 */
export const PROBLEMS = {
  // input
  invalid_json: { retry: 'never', http: 400, exit: 2 },
  invalid_request: { retry: 'never', http: 400, exit: 2 },
  invalid_usage: { retry: 'never', http: 400, exit: 2 },
  invalid_thing_name: { retry: 'never', http: 400, exit: 2 },
  invalid_shadow_name: { retry: 'never', http: 400, exit: 2 },
  invalid_pointer: { retry: 'never', http: 400, exit: 2 },
  invalid_config: { retry: 'never', http: 400, exit: 2 },
  payload_too_large: { retry: 'never', http: 413, exit: 2 },
  unsupported_media_type: { retry: 'never', http: 415, exit: 2 },
  method_not_allowed: { retry: 'never', http: 405, exit: 2 },
  too_deep: { retry: 'never', http: 400, exit: 2 },
  model_violation: { retry: 'never', http: 422, exit: 2 },
  invalid_model: { retry: 'never', http: 400, exit: 2 },
  // who asks
  unauthenticated: { retry: 'never', http: 401, exit: 3 },
  forbidden: { retry: 'never', http: 403, exit: 3 },
  rate_limited: { retry: 'backoff', http: 429, exit: 7 },
  // what is not there
  not_found: { retry: 'never', http: 404, exit: 4 },
  events_lost: { retry: 'after_get', http: 410, exit: 5 },
  command_not_found: { retry: 'never', http: 404, exit: 4 },
  shadow_not_found: { retry: 'never', http: 404, exit: 4 },
  // conflicts
  version_conflict: { retry: 'after_get', http: 409, exit: 5 },
  idempotency_mismatch: { retry: 'never', http: 422, exit: 5 },
  command_ended: { retry: 'never', http: 409, exit: 5 },
  too_many_commands: { retry: 'backoff', http: 429, exit: 7 },
  command_open: { retry: 'never', http: 409, exit: 5 },
  count_mismatch: { retry: 'never', http: 409, exit: 5 },
  // the shadow service's own refusals that are none of the above
  service_rejected: { retry: 'never', http: 502, exit: 6 },
  service_throttled: { retry: 'backoff', http: 503, exit: 7 },
  // reaching somebody
  transport_offline: { retry: 'backoff', http: 503, exit: 7 },
  transport_timeout: { retry: 'after_get', http: 504, exit: 7 },
  transport_refused: { retry: 'never', http: 502, exit: 7 },
  server_unreachable: { retry: 'backoff', http: 503, exit: 7 },
  answer_lost: { retry: 'after_get', http: 504, exit: 7 },
  part_died: { retry: 'backoff', http: 500, exit: 7 },
  address_in_use: { retry: 'never', http: 500, exit: 2 },
  // our own store
  ledger_unavailable: { retry: 'backoff', http: 503, exit: 7 },
  ledger_full: { retry: 'backoff', http: 507, exit: 7 },
  ledger_stale: { retry: 'after_get', http: 409, exit: 5 },
  ledger_corrupt: { retry: 'never', http: 503, exit: 2 },
  ledger_locked: { retry: 'backoff', http: 503, exit: 2 },
  ledger_newer: { retry: 'never', http: 503, exit: 2 },
  journal_unavailable: { retry: 'backoff', http: 503, exit: 7 },
  journal_locked: { retry: 'never', http: 503, exit: 5 },
  internal: { retry: 'backoff', http: 500, exit: 7 },
} as const satisfies Record<string, { retry: 'never' | 'backoff' | 'after_get'; http: number; exit: number }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** An expected failure as data. `at` is the place: a JSON Pointer, a file, a topic. `cause` is for the log only. */
export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly at?: string;
  readonly cause?: unknown;
}

export function problem(code: ProblemCode, message: string, more: { at?: string; cause?: unknown } = {}): Problem {
  return { code, message, ...more };
}
