import { describe, test } from 'vitest';
import { MemoryShadowStore } from '../../../simulators/shadow-service/shadow-store.ts';
import { ShadowService } from '../../../simulators/shadow-service/shadow-service.ts';
import { epochMs } from '../../../src/core/brand.ts';
import { AWS_RULES } from '../../../src/core/shadow/limits.ts';
import { parseShadowKey, parseShadowRef } from '../../../src/core/shadow/shadow-ref.ts';
import { loadVectors, play, type Outcome, type Vector, type VectorDriver } from '../../support/shadow-vectors.ts';

function serviceDriver({ rules }: Vector): VectorDriver {
  const store = new MemoryShadowStore();
  const service = new ShadowService({ store, rules: { ...AWS_RULES, ...rules } });
  let now = 0;
  return {
    now: (ms) => (now = ms),
    send: async ({ thing, shadow, operation, payload }) => {
      const ref = parseShadowRef(thing, shadow);
      if (!ref.ok) throw new Error(ref.problem.message);
      const { messages } = service.handle({ ref: ref.value, operation, payload }, epochMs(now));
      const entries = messages.map(({ kind, body }) => [kind.slice(kind.indexOf('/') + 1), body] as const);
      return Object.fromEntries(entries) as Outcome;
    },
    document: (key) => {
      const ref = parseShadowKey(key);
      const entry = ref.ok ? store.entry(ref.value) : undefined;
      return entry !== undefined && 'record' in entry ? entry.record.document : undefined;
    },
  };
}

describe('the service keeps the rules of AWS', () => {
  test.each(loadVectors())('$rule: $title', async (vector) => {
    await play(vector, serviceDriver(vector), 'heater');
  });
});
