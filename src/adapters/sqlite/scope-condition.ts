import type { Scope, ScopePart } from '../../core/access/decide.ts';
import { CLASSIC } from '../../core/access/pattern.ts';

export type ScopeCondition = readonly [sql: string, ...values: string[]];

/**
 * A scope as a condition on the columns `thing` and `shadow`. GLOB's `*` is ours; its other special characters (`?`, `[`)
 * can stand in no pattern, and its case counts, as that of names does.
 */
export function scopeCondition({ allow, deny }: Scope): ScopeCondition {
  const allowed = anyOf(allow);
  if (deny.length === 0) return allowed;
  const denied = anyOf(deny);
  return [`${allowed[0]} AND NOT ${denied[0]}`, ...allowed.slice(1), ...denied.slice(1)];
}

export function anyScope(scopes: readonly Scope[]): ScopeCondition {
  return joined(scopes.map(scopeCondition), 'OR');
}

function anyOf(parts: readonly ScopePart[]): ScopeCondition {
  return joined(
    parts.map(({ things, shadows }) => {
      const thing = joined(
        things.map((pattern): ScopeCondition => ['thing GLOB ?', pattern]),
        'OR',
      );
      return shadows === undefined ? thing : joined([thing, joined(shadows.map(shadowCondition), 'OR')], 'AND');
    }),
    'OR',
  );
}

function shadowCondition(pattern: string): ScopeCondition {
  if (pattern === '*') return ['1'];
  return pattern === CLASSIC ? ["shadow = ''"] : ["(shadow <> '' AND shadow GLOB ?)", pattern];
}

function joined(conditions: readonly ScopeCondition[], by: 'AND' | 'OR'): ScopeCondition {
  if (conditions.length === 0) return ['0'];
  return [`(${conditions.map(([sql]) => sql).join(` ${by} `)})`, ...conditions.flatMap(([, ...values]) => values)];
}
