import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { isUuidV7 } from '../../core/uuid.ts';

export function parseCommandId(text: string): Result<string> {
  if (isUuidV7(text)) return ok(text);
  const words = 'a command id looks like 019aa1b2-c3d4-7e5f-8a6b-0123456789ab; "shadowctl commands" lists them';
  return fail(problem('invalid_usage', words, { at: text }));
}
