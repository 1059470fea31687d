import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { parseShadowArgument } from './shadow-argument.ts';

/** Which shadows a request for many things is meant for, as the API takes it. */
export interface Targets {
  readonly things: readonly string[] | { readonly pattern: string };
  readonly name?: string;
}

/** `a,b`, `a/light,b/light` or `room-*`, with `--shadow NAME` for a named shadow of all of them. */
export function readTargets(text: string, shadow: string | undefined): Result<Targets> {
  if (text.includes('*')) {
    return ok({ things: { pattern: text }, ...(shadow === undefined ? {} : { name: shadow }) });
  }
  const things: string[] = [];
  const shadows = new Set<string | undefined>();
  for (const part of text.split(',')) {
    const ref = parseShadowArgument(part, shadow);
    if (!ref.ok) return ref;
    things.push(ref.value.thingName);
    shadows.add(ref.value.shadowName);
  }
  const [name, other] = [...shadows];
  if (shadows.size > 1) {
    const names = `${name ?? 'the classic one'} and ${other ?? 'the classic one'}`;
    return fail(problem('invalid_usage', `one request is for one shadow of each thing, not for ${names}`));
  }
  return ok({ things, ...(name === undefined ? {} : { name }) });
}
