import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';

/** Reads `sqlite:PATH`; gives the path. */
export function parseStore(text: string): Result<string> {
  const match = /^sqlite:(.+)$/.exec(text);
  if (match?.[1] !== undefined) return ok(match[1]);
  return fail(
    problem('invalid_usage', 'a store is written sqlite:PATH, such as sqlite:/var/lib/shadowctl/ledger.sqlite', {
      at: text,
    }),
  );
}
