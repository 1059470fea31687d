import type { EpochMs, FieldPointer } from '../brand.ts';
import type { Model } from '../model/model.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';
import type { DriftEntry, IgnoreRule } from './drift.ts';

/** The id of what stands in models, beside those of rules. */
export const MODEL_RULE = 'model';

/** The rule that covers a field now: the model's own word first, then the oldest rule that fits and has not expired. */
export function ignoredBy(
  { ref, field }: { ref: ShadowRef; field: FieldPointer },
  { model, rules, now }: { model: Model; rules: readonly IgnoreRule[]; now: EpochMs },
): DriftEntry['ignoredBy'] {
  const own = model.annotations(field).ignore;
  if (own !== undefined) return { ruleId: MODEL_RULE, reason: own.reason };
  const rule = rules.find(
    ({ thing, shadowName, field: pattern, expiresAt }) =>
      (expiresAt === undefined || now < expiresAt) &&
      fits({ pattern: thing, name: ref.thingName }) &&
      (shadowName === undefined || shadowName === ref.shadowName) &&
      fits({ pattern, name: field }),
  );
  return rule === undefined ? undefined : { ruleId: rule.id, reason: rule.reason };
}

/** Exact, or a prefix followed by `*`. */
function fits({ pattern, name }: { pattern: string; name: string }): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
