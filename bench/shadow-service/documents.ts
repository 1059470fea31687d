import type { JsonObject } from '../../src/core/json/json.ts';

/** A device's state of about `bytes`: groups of settings, numbers, words and short arrays. */
export function stateOf(bytes: number): JsonObject {
  const state: Record<string, JsonObject> = {};
  for (let group = 0; JSON.stringify(state).length < bytes - 60; group++) {
    state[`zone${group}`] = {
      targetC: 21.5 + group,
      mode: 'auto',
      enabled: group % 2 === 0,
      limits: { low: 5, high: 30 + group },
      schedule: [6, 9, 17, 22],
    };
  }
  return state;
}
