import { type io, mqtt } from 'aws-iot-device-sdk-v2';
import { done, fail, type Result } from '../../core/result.ts';
import type { OutgoingMessage, Subscription } from '../../ports/transport.ts';
import { wordsOf, type Link, type LinkEvents } from '../mqtt/link.ts';
import type { Settled } from './options.ts';
import { bytesOf } from './payload.ts';
import { connectProblem } from './reasons.ts';
import { socketOptions } from './socket.ts';

/**
 * The SDK would try again by itself after this time. We leave the connection at once, but it lets go only when the time
 * is over (without trying), so the shortest is best.
 */
const RECONNECT_SECONDS = 1;

/**
 * MQTT 3.1.1. A new native connection for each attempt: this one keeps unacknowledged publishes for its next
 * connection, and none of ours may reach the wire so late.
 */
export class LinkV311 implements Link {
  /** The SDK puts one filter into a SUBSCRIBE. */
  readonly filtersPerSubscribe = 1;
  readonly #settled: Settled;
  readonly #tls: io.ClientTlsContext | undefined;
  #client: mqtt.MqttClient | undefined;
  #connection: mqtt.MqttClientConnection | undefined;
  #attempt: Promise<void> = Promise.resolve();
  #left: Promise<void> = Promise.resolve();

  constructor(settled: Settled, tls: io.ClientTlsContext | undefined) {
    this.#settled = settled;
    this.#tls = tls;
  }

  async connect(events: LinkEvents): Promise<Result<void>> {
    this.#client ??= new mqtt.MqttClient();
    const connection = this.#client.new_connection(connectionConfig(this.#settled, this.#tls));
    connection.on('message', (topic, payload) => {
      if (this.#connection === connection) events.message(topic, bytesOf(payload));
    });
    connection.on('interrupt', (error) => {
      if (this.#connection !== connection) return; // we asked for it
      this.#connection = undefined;
      this.#left = leave(connection);
      events.closed('closed', wordsOf(error));
    });
    this.#connection = connection;
    const attempt = connection.connect();
    this.#attempt = attempt.then(
      () => undefined,
      () => undefined,
    );
    try {
      await attempt;
    } catch (reason) {
      this.#connection = undefined;
      return fail(connectProblem(this.#settled, reason));
    }
    if (this.#connection === connection) return done;
    await leave(connection); // `disconnect` was called meanwhile, when there was nothing to leave yet
    return fail(connectProblem(this.#settled, 'stopped while connecting'));
  }

  async publish({ topic, payload, qos }: OutgoingMessage): Promise<void> {
    await this.#connected().publish(topic, payload, qos === 0 ? mqtt.QoS.AtMostOnce : mqtt.QoS.AtLeastOnce);
  }

  async subscribe(subscriptions: readonly Subscription[]): Promise<readonly string[]> {
    const connection = this.#connected();
    const answers = subscriptions.map(async ({ filter, qos }) => {
      const answer = await connection.subscribe(filter, qos === 0 ? mqtt.QoS.AtMostOnce : mqtt.QoS.AtLeastOnce);
      const granted: number = answer.qos;
      return granted >= 0x80 ? [filter] : [];
    });
    return (await Promise.all(answers)).flat();
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    const connection = this.#connected();
    await Promise.all(filters.map((filter) => connection.unsubscribe(filter)));
  }

  /** This version says farewell whenever it closes an open connection. */
  async disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await this.#attempt;
    if (connection !== undefined) await leave(connection);
  }

  async dispose(): Promise<void> {
    this.#client = undefined;
    await this.#left;
  }

  #connected(): mqtt.MqttClientConnection {
    if (this.#connection === undefined) throw new Error('not connected');
    return this.#connection;
  }
}

/** Rejects only when there was no connection to leave. */
async function leave(connection: mqtt.MqttClientConnection): Promise<void> {
  await connection.disconnect().catch(() => undefined);
}

function connectionConfig(settled: Settled, tls: io.ClientTlsContext | undefined): mqtt.MqttConnectionConfig {
  const { endpoint, clientId, keepAliveSeconds, connectTimeoutMs, will, username, password } = settled;
  return {
    client_id: clientId,
    host_name: endpoint.host,
    port: endpoint.port,
    socket_options: socketOptions(connectTimeoutMs),
    ...(tls === undefined ? {} : { tls_ctx: tls }),
    keep_alive: keepAliveSeconds,
    ping_timeout: Math.min(10_000, keepAliveSeconds * 500),
    clean_session: true,
    reconnect_min_sec: RECONNECT_SECONDS,
    reconnect_max_sec: RECONNECT_SECONDS,
    disable_metrics: true,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(will === undefined ? {} : { will: new mqtt.MqttWill(will.topic, will.qos, will.payload, false) }),
  };
}
