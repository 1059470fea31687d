import { isDeepStrictEqual } from 'node:util';
import { iotshadow } from 'aws-iot-device-sdk-v2';
import { bareClient } from '../support/bare-client.ts';
import { pace } from '../support/pace.ts';
import { answer, options, ready } from '../support/process.ts';

/** What people write: set desired, ask for the shadow every so often, give up after a while. No record of anything. */
const { url, things, pollMs } = options<{ url: string; things: readonly string[]; pollMs: number }>();
const client = await bareClient(url, 'naive-app', () => undefined);
const shadow = iotshadow.IotShadowClientv2.newFromMqtt5(client, {
  maxRequestResponseSubscriptions: Math.max(10, things.length * 4),
  maxStreamingSubscriptions: 2,
  operationTimeoutInSeconds: 5,
});
ready();

let value = 1;

async function set(thingName: string): Promise<void> {
  const desired = { targetC: value++ };
  await shadow.updateShadow({ thingName, state: { desired } });
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    const found = await shadow.getShadow({ thingName });
    const reported = found.state?.reported as { targetC?: unknown } | undefined;
    if (isDeepStrictEqual(reported?.targetC, desired.targetC)) return;
    if (Date.now() > giveUpAt) throw new Error('timed out');
  }
}

answer<{ count: number; inFlight: number }>(async ({ count, inFlight }) => {
  let failed = 0;
  const paced = await pace(Array.from({ length: count }), inFlight, async (_, worker) => {
    await set(things[worker] ?? '').catch(() => failed++);
  });
  return { ...paced, failed };
});
