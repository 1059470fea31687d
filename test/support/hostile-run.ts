import { expect } from 'vitest';
import { startSimulator } from '../../simulators/testing.ts';
import { eventually } from './eventually.ts';
import { hostilePayloads } from './hostile-payloads.ts';
import { MqttProbe } from './mqtt-probe.ts';

const SHADOW = '$aws/things/target/shadow';

/**
 * Sends `count` hostile payloads over MQTT and HTTP, checks that each request has one well-formed answer and that the
 * service works as before. Returns what it counted.
 */
export async function sendHostilePayloads(seed: number, count: number): Promise<Record<string, number>> {
  const cloud = await startSimulator();
  const probe = await MqttProbe.connect(cloud.mqttUrl);
  // Not documents: each is a hundred times as long as what it tells.
  await probe.subscribe(`${SHADOW}/+/accepted`, `${SHADOW}/+/rejected`, `${SHADOW}/update/delta`);
  const codes: Record<string, number> = {};
  let mqtt = 0;
  let heapAfterWarmUp = 0;
  let sent = 0;
  const countUp = (code: string) => (codes[code] = (codes[code] ?? 0) + 1);

  const drain = async (answers: number) => {
    await eventually(() => probe.heard.filter(({ topic }) => /(accepted|rejected)$/.test(topic)).length >= answers, {
      withinMs: 60_000,
    });
    for (const { topic, payload } of probe.heard.splice(0))
      wellFormed(topic.slice(SHADOW.length + 1), payload, countUp);
  };

  for (const payload of hostilePayloads(seed, count)) {
    sent += 1;
    if (sent % 5 === 0) {
      const response = await fetch(`${cloud.httpUrl}/things/target/shadow`, {
        method: 'POST',
        body: new Uint8Array(payload),
      });
      const body = (await response.json()) as { message?: unknown };
      if (!response.ok) expect(typeof body.message).toBe('string');
      if (!response.ok) countUp(`http ${response.status}`);
      // A success is told over MQTT too, and counted there.
      else mqtt += 1;
    } else {
      const operation = sent % 97 === 0 ? 'delete' : sent % 13 === 0 ? 'get' : 'update';
      probe.client.publish(`${SHADOW}/${operation}`, payload, { qos: 1 });
      mqtt += 1;
    }
    if (sent % 200 === 0) {
      await drain(mqtt);
      mqtt = 0;
    }
    if (sent === Math.floor(count / 2)) heapAfterWarmUp = heapUsed();
  }
  await drain(mqtt);

  // The same service, still right.
  await probe.publish(`${SHADOW}/update`, { state: null });
  await probe.publish(`${SHADOW}/update`, { state: { desired: { fine: true } }, clientToken: 'after' });
  await eventually(() => probe.bodies(`${SHADOW}/update/accepted`).some(({ clientToken }) => clientToken === 'after'));
  expect(cloud.document('target')?.state).toEqual({ desired: { fine: true } });
  expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  const grownMb = (heapUsed() - heapAfterWarmUp) / 2 ** 20;
  await probe.end();
  await cloud.stop();
  return { ...codes, grownMb: Math.round(grownMb * 10) / 10 };
}

function wellFormed(kind: string, payload: string, countUp: (code: string) => void): void {
  const body = JSON.parse(payload) as Record<string, unknown>;
  if (kind.endsWith('/rejected')) {
    expect(body['code']).toBeTypeOf('number');
    expect(body['code'], payload).not.toBe(500);
    expect(body['message']).toBeTypeOf('string');
    countUp(`${body['code'] as number}`);
  } else if (kind.endsWith('/accepted')) {
    expect(body['version']).toBeTypeOf('number');
    expect(body['timestamp']).toBeTypeOf('number');
    countUp('accepted');
  }
}

function heapUsed(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}
