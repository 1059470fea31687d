import type { ProblemCode } from '../core/problem.ts';

/** The same words for what is not there and for what the caller may not know of (attack C-01). */
export const NOT_THERE: Readonly<Partial<Record<ProblemCode, string>>> = {
  shadow_not_found: 'there is no such shadow, or it is not yours to see',
  command_not_found: 'there is no such command, or it is not yours to see',
  not_found: 'there is nothing of that name or id, or it is not yours to see',
};
