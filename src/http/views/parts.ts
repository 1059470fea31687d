import type { EpochMs } from '../../core/brand.ts';
import { instantText } from '../../core/instant-text.ts';
import type { ProblemCode } from '../../core/problem.ts';
import { shadowKey, type ShadowRef } from '../../core/shadow/shadow-ref.ts';

/**
 * What the API answers: core types with instants as RFC 3339 text, and nothing internal in them. Adding a member is
 * fine, changing one needs /v2. Here is what all answers have in common.
 */

/** Which shadow, both ways: apart for programs, printed for people. */
export interface ShadowRefView {
  readonly thingName: string;
  /** Absent for the classic shadow. */
  readonly shadowName?: string;
  /** `thing` or `thing/shadow`. */
  readonly shadow: string;
}

export interface PageView<T> {
  readonly items: readonly T[];
  /** Pass as `cursor` for the next page; absent on the last one. */
  readonly next?: string;
}

export interface ProblemView {
  readonly code: ProblemCode;
  readonly message: string;
  readonly at?: string;
}

export function countBy<T extends string>(values: readonly T[]): Partial<Record<T, number>> {
  const counts: Partial<Record<T, number>> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

export function shadowRefView(ref: ShadowRef): ShadowRefView {
  const shadow = shadowKey(ref);
  const { thingName, shadowName } = ref;
  return shadowName === undefined ? { thingName, shadow } : { thingName, shadowName, shadow };
}

export function instant(at: EpochMs): string;

export function instant(at: EpochMs | undefined): string | undefined;

export function instant(at: EpochMs | undefined): string | undefined {
  return at === undefined ? undefined : instantText(at);
}

type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Readers never see a member that is undefined: JSON leaves it out, and a view is printed as JSON and nothing else. */
export function compact<T extends object>(object: T): Compact<T> {
  return object as Compact<T>;
}
