import { iotshadow } from 'aws-iot-device-sdk-v2';
import { bareClient } from '../support/bare-client.ts';
import { options, ready } from '../support/process.ts';

/** What people write: the SDK's shadow client, a stream of deltas, and `reported` set to what was wished. */
const { url, things } = options<{ url: string; things: readonly string[] }>();
for (const thingName of things) {
  const client = await bareClient(url, thingName, () => undefined);
  const shadow = iotshadow.IotShadowClientv2.newFromMqtt5(client, {
    maxRequestResponseSubscriptions: 4,
    maxStreamingSubscriptions: 2,
    operationTimeoutInSeconds: 10,
  });
  const deltas = shadow.createShadowDeltaUpdatedStream({ thingName });
  const subscribed = new Promise<void>((resolve) => deltas.on('subscriptionStatus', () => resolve()));
  deltas.on('incomingPublish', ({ message }) => {
    void shadow.updateShadow({ thingName, state: { reported: message.state ?? {} } }).catch(() => undefined);
  });
  deltas.open();
  await subscribed;
}
ready();
