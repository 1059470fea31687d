import type { z } from 'zod';
import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import { filterMatches } from '../../src/protocol/topic-filter.ts';
import { parseShadowTopic, type ShadowTopicKind } from '../../src/protocol/topics.ts';
import { lateSchema } from '../late-schema.ts';

/**
 * What goes wrong on purpose. `drop`, `duplicate`, `delay` and `reorder` work on any message, request or answer;
 * `disconnect`, `reject` and `throttle` on requests only.
 */
export const FAULT_KINDS = ['drop', 'duplicate', 'delay', 'reorder', 'disconnect', 'reject', 'throttle'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

const REQUESTS: ReadonlySet<string> = new Set<ShadowTopicKind>(['get', 'update', 'delete']);
const REQUEST_FAULTS: ReadonlySet<FaultKind> = new Set<FaultKind>(['disconnect', 'reject', 'throttle']);

const schema = lateSchema((z) => {
  const milliseconds = z.number().int().min(0).max(86_400_000);
  return z
    .array(
      z.strictObject({
        /** Names the rule in the record; the same id, seed and topic give the same draws. */
        id: z.string().min(1).max(64).optional(),
        kind: z.enum(FAULT_KINDS),
        /** An MQTT filter. Without it: `thing`, `shadow` and `message`, each of which may be left out. */
        topic: z.string().min(1).max(512).optional(),
        thing: z.string().optional(),
        /** A name, or `` for the classic shadow. */
        shadow: z.string().optional(),
        /** `update`, `update/accepted`, `update/delta`, … */
        message: z.string().optional(),
        probability: z.number().min(0).max(1).default(1),
        /** Strikes at most so often per topic. */
        times: z.number().int().min(1).optional(),
        /** For `delay`, or the longest wait of `reorder`: a length, or the bounds between which one is drawn. */
        delayMs: z.union([milliseconds, z.tuple([milliseconds, milliseconds])]).default(1_000),
        /** For `reject`. */
        code: z.number().int().min(400).max(599).default(500),
        text: z.string().max(256).default('Internal service failure'),
        /** For `disconnect`: was the request still carried out? */
        when: z.enum(['before', 'after']).default('before'),
      }),
    )
    .max(1_000);
});

export type FaultRule = z.output<ReturnType<typeof schema>>[number] & { readonly id: string };

export function parseFaultRules(input: unknown): Result<FaultRule[]> {
  const parsed = schema().safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const at = `/${issue?.path.join('/') ?? ''}`;
    return fail(problem('invalid_config', `a fault is wrong: ${issue?.message ?? 'not a list'}`, { at }));
  }
  return ok(parsed.data.map((rule, index) => ({ ...rule, id: rule.id ?? `${rule.kind}-${index + 1}` })));
}

export function ruleMatches(rule: FaultRule, topic: string): boolean {
  if (rule.topic !== undefined && !filterMatches(rule.topic, topic)) return false;
  const parsed = parseShadowTopic(topic);
  const isRequest = parsed !== undefined && REQUESTS.has(parsed.kind);
  if (REQUEST_FAULTS.has(rule.kind) && !isRequest) return false;
  if (rule.topic !== undefined) return true;
  if (parsed === undefined) return false;
  const { ref, kind } = parsed;
  return (
    (rule.thing === undefined || rule.thing === ref.thingName) &&
    (rule.shadow === undefined || rule.shadow === (ref.shadowName ?? '')) &&
    (rule.message === undefined || rule.message === kind)
  );
}
