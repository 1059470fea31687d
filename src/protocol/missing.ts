import type { z } from 'zod';

/**
 * For `safeParse(value, missingSaid)`: says of a member that is not there that it is missing, and what belongs there.
 * zod's own words speak of `undefined`, which nobody wrote. What a schema says itself goes before this.
 */
export const missingSaid = { error: sayMissing };

function sayMissing(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input !== undefined) return undefined;
  switch (issue.code) {
    case 'invalid_type':
      return `is missing; ${article(issue.expected)} is expected`;
    case 'invalid_value':
      return `is missing; expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    default:
      return undefined;
  }
}

function article(type: string): string {
  const word = type === 'int' ? 'integer' : type === 'record' ? 'object' : type;
  return `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`;
}
