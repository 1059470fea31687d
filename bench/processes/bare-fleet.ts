import type { mqtt5 } from 'aws-iot-device-sdk-v2';
import { bareClient } from '../support/bare-client.ts';
import { options, ready, answer } from '../support/process.ts';
import { inChunks, residentBytes } from '../support/fleet.ts';

/** Connections of the SDK with the subscriptions that a device has, and nothing else. */
const { url, things } = options<{ url: string; things: readonly string[] }>();
const clients: mqtt5.Mqtt5Client[] = [];
ready();
answer(async () => {
  const before = residentBytes();
  const beganMs = performance.now();
  await inChunks(things, 100, async (thing) => {
    const client = await bareClient(url, thing, () => undefined);
    clients.push(client);
    const prefix = `$aws/things/${thing}/shadow`;
    const filters = ['get/+', 'update/delta', 'update/accepted', 'update/rejected', 'delete/accepted'];
    await client.subscribe({
      subscriptions: filters.map((filter) => ({ topicFilter: `${prefix}/${filter}`, qos: 0 })),
    });
  });
  const connectsPerSecond = things.length / ((performance.now() - beganMs) / 1_000);
  return { kilobytesEach: (residentBytes() - before) / things.length / 1_024, connectsPerSecond };
});
