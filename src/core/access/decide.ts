import type { FieldPointer } from '../brand.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';
import type { AccessAction, AccessDecision, AccessQuestion, AccessRule } from './access.ts';
import { coversField, filledIn, fitsPattern, fitsShadow, touchesField } from './pattern.ts';

/**
 * The one decision, for every route, for the event stream, and again when a queued command is published.
 *
 * Default   Deny: what no rule allows is forbidden.
 * Deny      Overrides: a fitting deny rule forbids whatever any other rule allows; adding one never allows anything.
 * Fields    Each is judged alone; one forbidden field forbids the whole question, and all forbidden ones are named. A field
 *           is allowed by rules that stand for it or for a section around it; it is denied by rules that it touches from
 *           above, too: removing `/climate` removes a protected `/climate/limit`.
 * Commands  A direct command is judged by its name alone, by the rules that speak of direct commands.
 * Errors    None.
 */
export function decide(rules: readonly AccessRule[], question: AccessQuestion): AccessDecision {
  const { action, ref, fields = [], command } = question;
  const fitting = rules
    .filter((rule) => rule.actions.includes(action) && fitsRef(rule, ref))
    .flatMap((rule) => aboutKind(rule, command));
  const forbidden = fields.filter((field) => !allowsField(fitting, field));
  if (forbidden.length === 0 && allowsShadow(fitting)) return { allowed: true };
  return { allowed: false, visible: ref === undefined || knows(rules, ref), forbidden };
}

/** The part of a rule that speaks of direct commands, or of fields; whatever it does not narrow, it speaks of both. */
function aboutKind(rule: AccessRule, command: string | undefined): AccessRule[] {
  const { fields, commands, ...rest } = rule;
  if (command === undefined) return commands !== undefined && fields === undefined ? [] : [rule];
  if (commands === undefined) return fields === undefined ? [rule] : [];
  return commands.some((pattern) => fitsPattern({ pattern, text: command })) ? [rest] : [];
}

function allowsShadow(fitting: readonly AccessRule[]): boolean {
  return (
    fitting.some(({ effect }) => effect === 'allow') &&
    !fitting.some(({ effect, fields }) => effect === 'deny' && fields === undefined)
  );
}

function allowsField(fitting: readonly AccessRule[], field: FieldPointer): boolean {
  const allowed = fitting.some(
    ({ effect, fields }) =>
      effect === 'allow' && (fields === undefined || fields.some((pattern) => coversField({ pattern, field }))),
  );
  return (
    allowed &&
    !fitting.some(
      ({ effect, fields }) =>
        effect === 'deny' && (fields === undefined || fields.some((pattern) => touchesField({ pattern, field }))),
    )
  );
}

/** Whoever may do anything at all with a shadow may know that it is there. */
function knows(rules: readonly AccessRule[], ref: ShadowRef): boolean {
  const actions = new Set(rules.flatMap((rule) => (rule.effect === 'allow' ? rule.actions : [])));
  return [...actions].some((action) =>
    allowsShadow(rules.filter((rule) => rule.actions.includes(action) && fitsRef(rule, ref))),
  );
}

function fitsRef({ things, shadows }: AccessRule, ref: ShadowRef | undefined): boolean {
  if (ref === undefined) return true;
  return (
    things.some((pattern) => fitsPattern({ pattern, text: ref.thingName })) &&
    (shadows === undefined || shadows.some((pattern) => fitsShadow({ pattern, name: ref.shadowName })))
  );
}

/** The shadows on which one action is allowed, for stores and streams to filter by. `deny` overrides. */
export interface Scope {
  readonly allow: readonly ScopePart[];
  readonly deny: readonly ScopePart[];
}

export interface ScopePart {
  readonly things: readonly string[];
  /** Absent: every shadow. */
  readonly shadows?: readonly string[];
}

/** As `decide` without fields, for all shadows at once; undefined means every shadow. */
export function scopeOf(rules: readonly AccessRule[], action: AccessAction): Scope | undefined {
  const about = rules.filter((rule) => rule.actions.includes(action));
  const part = ({ things, shadows }: AccessRule): ScopePart =>
    shadows === undefined ? { things } : { things, shadows };
  const allow = about.filter(({ effect }) => effect === 'allow');
  const deny = about.filter(({ effect, fields }) => effect === 'deny' && fields === undefined);
  if (deny.length === 0 && allow.some(({ things, shadows }) => things.includes('*') && shadows === undefined)) {
    return undefined;
  }
  return { allow: allow.map(part), deny: deny.map(part) };
}

export function inScope(scope: Scope | undefined, ref: ShadowRef): boolean {
  if (scope === undefined) return true;
  const fits = (part: ScopePart): boolean => fitsRef({ effect: 'allow', actions: [], ...part }, ref);
  return scope.allow.some(fits) && !scope.deny.some(fits);
}

/**
 * The rules of roles with their variables filled in. A pattern whose variable is missing fits nothing in an allow rule
 * and everything in a deny rule: what cannot be known never widens a right (attack A-11).
 */
export function resolveRules(
  rules: readonly AccessRule[],
  variables: Readonly<Record<string, string>>,
): readonly AccessRule[] {
  return rules.map((rule) => ({
    ...rule,
    things: rule.things.flatMap((pattern) => {
      const filled = filledIn(pattern, variables);
      if (filled !== undefined) return [filled];
      return rule.effect === 'deny' ? ['*'] : [];
    }),
  }));
}
