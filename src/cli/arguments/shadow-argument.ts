import type { ShadowRef } from '../../core/shadow/shadow-ref.ts';
import { parseShadowKey, parseShadowRef } from '../../core/shadow/shadow-ref.ts';
import { problem } from '../../core/problem.ts';
import { fail, type Result } from '../../core/result.ts';

/** THING with `--shadow NAME`, or the printed form `thing/shadow` as one word. */
export function parseShadowArgument(thing: string, shadow: string | undefined): Result<ShadowRef> {
  if (!thing.includes('/')) return parseShadowRef(thing, shadow);
  const ref = parseShadowKey(thing);
  if (ref.ok && shadow !== undefined && ref.value.shadowName !== shadow) {
    return fail(problem('invalid_usage', `${thing} names one shadow and --shadow another one`));
  }
  return ref;
}
