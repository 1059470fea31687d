import { afterAll, beforeAll, describe, test } from 'vitest';
import { startSimulator, type Simulator } from '../../../simulators/testing.ts';
import { SimulatedClock } from '../../../simulators/time/simulated-clock.ts';
import { epochMs } from '../../../src/core/brand.ts';
import type { ShadowOperation } from '../../../src/protocol/topics.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';
import { loadVectors, play, type Outcome, type Vector, type VectorDriver } from '../../support/shadow-vectors.ts';

const clouds = new Map<string, { cloud: Simulator; probe: MqttProbe }>();
let things = 0;

beforeAll(async () => {
  for (const { rules = {} } of loadVectors()) {
    const key = JSON.stringify(rules);
    if (clouds.has(key)) continue;
    // Time stands still: the vectors name the seconds. One connection subscribes for all of them, beyond the quota.
    const cloud = await startSimulator({ rules, quotas: 'none', clock: new SimulatedClock() });
    clouds.set(key, { cloud, probe: await MqttProbe.connect(cloud.mqttUrl) });
  }
});

afterAll(async () => {
  for (const { cloud, probe } of clouds.values()) {
    await probe.end();
    await cloud.stop();
  }
});

interface Listener {
  readonly heard: (operation: ShadowOperation) => Promise<Outcome>;
  readonly prefix: string;
}

/** Collects what the shadow's topics carry until a message of our own, sent after the request, comes back. */
async function listen(probe: MqttProbe, prefix: string): Promise<Listener> {
  const kinds = ['accepted', 'rejected', 'delta', 'documents'] as const;
  await probe.subscribe(`${prefix}/get/+`, `${prefix}/update/+`, `${prefix}/delete/+`, `${prefix}/fence`);
  const from = probe.heard.length;
  let fences = 0;
  return {
    prefix,
    heard: async (operation) => {
      await probe.publish(`${prefix}/fence`, `${(fences += 1)}`);
      await probe.body(`${prefix}/fence`, fences);
      const heard = probe.heard.slice(from).filter(({ topic }) => topic.startsWith(`${prefix}/${operation}/`));
      const outcome: Record<string, string> = {};
      for (const kind of kinds) {
        const message = heard.find(({ topic }) => topic.endsWith(`/${kind}`));
        if (message !== undefined) outcome[kind] = message.payload;
      }
      probe.heard.splice(from);
      fences = 0;
      return outcome;
    },
  };
}

function driverOf(vector: Vector, http: boolean): VectorDriver {
  const { cloud, probe } = clouds.get(JSON.stringify(vector.rules ?? {}))!;
  const listeners = new Map<string, Listener>();
  const prefixOf = (thing: string, shadow?: string) =>
    `$aws/things/${thing}/shadow${shadow === undefined ? '' : `/name/${shadow}`}`;
  return {
    http,
    now: (ms) => cloud.control.setNow(epochMs(ms)),
    document: (key) => cloud.document(key),
    send: async ({ thing, shadow, operation, payload }) => {
      const prefix = prefixOf(thing, shadow);
      const listener = listeners.get(prefix) ?? (await listen(probe, prefix));
      listeners.set(prefix, listener);
      if (!http) {
        await probe.publish(`${prefix}/${operation}`, payload);
        return listener.heard(operation);
      }
      const method = { get: 'GET', update: 'POST', delete: 'DELETE' }[operation];
      const query = shadow === undefined ? '' : `?name=${encodeURIComponent(shadow)}`;
      const response = await fetch(`${cloud.httpUrl}/things/${thing}/shadow${query}`, {
        method,
        ...(operation === 'update' ? { body: new Uint8Array(payload) } : {}),
      });
      const text = await response.text();
      const { delta, documents } = await listener.heard(operation);
      if (response.ok) return { accepted: text, delta, documents };
      const { message } = JSON.parse(text) as { message: string };
      return { rejected: JSON.stringify({ code: response.status, message }), delta, documents };
    },
  };
}

describe.each([
  { over: 'MQTT', http: false },
  { over: 'HTTP', http: true },
])('over $over the rules of AWS hold', ({ http }) => {
  test.each(loadVectors())('$rule: $title', async (vector) => {
    await play(vector, driverOf(vector, http), `thing-${(things += 1)}`);
  });
});
