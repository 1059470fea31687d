import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';

/** A whole number from 0 on. */
export function parseCount(text: string): Result<number> {
  const count = Number(text);
  if (/^\d{1,15}$/.test(text) && Number.isSafeInteger(count)) return ok(count);
  return fail(problem('invalid_usage', 'a whole number is expected', { at: text }));
}
