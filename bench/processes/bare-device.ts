import { io, mqtt } from 'aws-iot-device-sdk-v2';
import { options, ready } from '../support/process.ts';

/** What people write first: one connection of the SDK, the delta at QoS 1, an answer a millisecond later. */
const { url, thing, applyMs } = options<{ url: string; thing: string; applyMs: number }>();
const { hostname, port } = new URL(url);
const connection = new mqtt.MqttClient().new_connection({
  client_id: thing,
  host_name: hostname,
  port: Number(port),
  socket_options: new io.SocketOptions(),
  keep_alive: 30,
  ping_timeout: 5_000,
  clean_session: true,
  disable_metrics: true,
});
await connection.connect();
const topic = `$aws/things/${thing}/shadow/update`;
await connection.subscribe(`${topic}/delta`, mqtt.QoS.AtLeastOnce, (_topic, payload) => {
  const { state } = JSON.parse(Buffer.from(payload).toString()) as { state: unknown };
  setTimeout(() => {
    void connection.publish(topic, JSON.stringify({ state: { reported: state } }), mqtt.QoS.AtLeastOnce);
  }, applyMs);
});
ready();
