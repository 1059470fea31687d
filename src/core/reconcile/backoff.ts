/**
 * How long to wait before the next attempt: full jitter, anywhere between nothing and a ceiling that doubles.
 *
 * Units    Milliseconds; `attempt` counts from 1; `fraction` is uniform in [0, 1).
 * Source   "Exponential backoff and jitter", AWS Architecture Blog: full jitter spreads a returning fleet best.
 */
export function fullJitter({ attempt, baseMs, capMs, fraction }: BackoffInput): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 32));
  return Math.round(ceiling * fraction);
}

export interface BackoffInput {
  readonly attempt: number;
  readonly baseMs: number;
  readonly capMs: number;
  readonly fraction: number;
}

/** `lengthMs` give or take a share of it, so that devices that started together do not stay together. */
export function spread({ lengthMs, share, fraction }: { lengthMs: number; share: number; fraction: number }): number {
  return Math.round(lengthMs * (1 - share + 2 * share * fraction));
}
