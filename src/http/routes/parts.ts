import { createHash } from 'node:crypto';
import { problem, type Problem } from '../../core/problem.ts';
import { canonicalJson } from '../canonical-json.ts';

/** The same request, however its members are ordered, has the same fingerprint. */
export function fingerprintOf(place: string, body: unknown): string {
  return createHash('sha256')
    .update(`${place}\n${canonicalJson(body)}`)
    .digest('hex');
}

/** So many things fit, and whoever asks expects another number. */
export function countMismatch(found: number, expected: number): Problem {
  return problem('count_mismatch', `${found} ${found === 1 ? 'thing is' : 'things are'} meant, not ${expected}`);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are undefined; zod gives optional ones as such. */
export function defined<T extends object>(object: T): Defined<T> {
  const kept: Defined<T> = {};
  for (const name of Object.keys(object) as (keyof T)[]) {
    const value = object[name];
    if (value !== undefined) kept[name] = value as Defined<T>[typeof name];
  }
  return kept;
}
