import { once } from 'node:events';
import { io, mqtt5 } from 'aws-iot-device-sdk-v2';

/** One connection of the SDK and nothing else, without the stall: subscriptions at QoS 0. */
export async function bareClient(
  url: string,
  clientId: string,
  onMessage: (topic: string, payload: ArrayBuffer) => void,
): Promise<mqtt5.Mqtt5Client> {
  const { hostname, port } = new URL(url);
  const client = new mqtt5.Mqtt5Client({
    hostName: hostname,
    port: Number(port),
    socketOptions: new io.SocketOptions(),
    connectProperties: { clientId, keepAliveIntervalSeconds: 60 },
    disableMetrics: true,
  });
  client.on('messageReceived', ({ message }) => onMessage(message.topicName, message.payload as ArrayBuffer));
  const connected = once(client, 'connectionSuccess');
  client.start();
  await connected;
  return client;
}

export function subscription(topicFilter: string): mqtt5.SubscribePacket {
  return { subscriptions: [{ topicFilter, qos: mqtt5.QoS.AtMostOnce }] };
}

export function message(topicName: string, payload: string | ArrayBuffer): mqtt5.PublishPacket {
  return { topicName, payload, qos: mqtt5.QoS.AtLeastOnce };
}
