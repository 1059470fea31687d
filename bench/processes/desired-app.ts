import type { mqtt5 } from 'aws-iot-device-sdk-v2';
import { bareClient, message, subscription } from '../support/bare-client.ts';
import { pace } from '../support/pace.ts';
import { answer, options, ready } from '../support/process.ts';

/** Changes one desired field of each thing and waits until the device's report of it was accepted. No ledger, no HTTP. */
const { url, things } = options<{ url: string; things: readonly string[] }>();
const waiting = new Map<string, { readonly value: number; readonly done: () => void }>();
const text = new TextDecoder();
const client: mqtt5.Mqtt5Client = await bareClient(url, 'desired-app', (topic, payload) => {
  const thing = topic.split('/')[2] ?? '';
  const { state } = JSON.parse(text.decode(payload)) as { state: { reported?: { targetC?: number } } };
  const waits = waiting.get(thing);
  if (waits?.value === undefined || state.reported?.targetC !== waits.value) return;
  waiting.delete(thing);
  waits.done();
});
await client.subscribe(subscription('$aws/things/+/shadow/update/accepted'));
ready();

/** A start of its own for every process: the first value differs from whatever was left. */
let value = Date.now();

async function wish(thing: string): Promise<void> {
  value += 1;
  const wanted = value;
  const seen = new Promise<void>((done) => waiting.set(thing, { value: wanted, done }));
  const payload = JSON.stringify({ state: { desired: { targetC: wanted } }, clientToken: `app-${wanted}` });
  void client.publish(message(`$aws/things/${thing}/shadow/update`, payload)).catch(() => undefined);
  await seen;
}

answer<{ count: number; inFlight: number }>(({ count, inFlight }) =>
  pace(Array.from({ length: count }), inFlight, (_, worker) => wish(things[worker] ?? '')),
);
