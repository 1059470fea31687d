import { PROBLEMS } from '../core/problem.ts';
import type { Result } from '../core/result.ts';
import type { ServerProblem } from './api.ts';
import { ShadowctlError } from './error.ts';

const BACKOFF_MS = 250;
const BACKOFF_MS_MAX = 8_000;
/** Who is asked to come back later than that hears of it instead of waiting. */
const RETRY_AFTER_MS_MAX = 60_000;

/**
 * Again while the server is away or asks for patience, or where its answer was lost: who lets a call be repeated has seen
 * to it that a second one does no more than the first. Every other problem is thrown at once.
 */
export async function patiently<T>(
  call: () => Promise<Result<T, ServerProblem>>,
  retriesMax: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  let lost: ServerProblem | undefined;
  for (let retries = 0; ; retries += 1) {
    const result = await call();
    if (result.ok) return result.value;
    const { code, retryAfterMs = 0 } = result.problem;
    if (code === 'answer_lost') lost = result.problem;
    const mayHelp = PROBLEMS[code].retry === 'backoff' || code === 'answer_lost';
    const again = mayHelp && retries < retriesMax && retryAfterMs <= RETRY_AFTER_MS_MAX;
    if (!again || signal?.aborted === true) {
      // That nobody is there now says nothing of the attempt that was.
      throw new ShadowctlError(code === 'server_unreachable' && lost !== undefined ? lost : result.problem);
    }
    await pause({ failures: retries, atLeastMs: retryAfterMs, signal });
  }
}

/** Exponential with full jitter, so that a thousand backends do not come back in step; never before `atLeastMs`. */
export function pause({
  failures,
  atLeastMs = 0,
  signal,
}: {
  failures: number;
  atLeastMs?: number;
  signal: AbortSignal | undefined;
}): Promise<void> {
  const ms = atLeastMs + Math.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** failures);
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}
