import { type io, mqtt5 } from 'aws-iot-device-sdk-v2';
import { done, fail, type Result } from '../../core/result.ts';
import type { OutgoingMessage, Subscription } from '../../ports/transport.ts';
import { forgotten, inUse } from './exit.ts';
import { Refusal, wordsOf, type Link, type LinkEvents } from '../mqtt/link.ts';
import type { Settled } from './options.ts';
import { bytesOf } from './payload.ts';
import { connectProblem } from './reasons.ts';
import { socketOptions } from './socket.ts';

/** The SDK would try again by itself; we stop it long before and try again ourselves, on our own clock. */
const NEVER_MS = 2_000_000_000;

/** MQTT 5. One native client for all attempts, `start` and `stop` around each: stopping empties its queue. */
export class LinkV5 implements Link {
  /** The limit of AWS IoT for one SUBSCRIBE. */
  readonly filtersPerSubscribe = 8;
  readonly #settled: Settled;
  readonly #client: mqtt5.Mqtt5Client;
  readonly #ticket = inUse();
  #events: LinkEvents | undefined;
  #running = false;
  #stopping: Promise<void> = Promise.resolve();

  constructor(settled: Settled, tlsCtx: io.ClientTlsContext | undefined) {
    this.#settled = settled;
    this.#client = new mqtt5.Mqtt5Client(clientConfig(settled, tlsCtx));
    this.#client.on('messageReceived', ({ message: { topicName, payload } }) => {
      this.#events?.message(topicName, bytesOf(payload));
    });
    this.#client.on('disconnection', ({ error, disconnect }) => {
      const events = this.#events;
      this.#events = undefined;
      if (events === undefined) return; // we asked for it
      const takenOver = disconnect?.reasonCode === mqtt5.DisconnectReasonCode.SessionTakenOver;
      const reason = disconnect === undefined ? undefined : mqtt5.DisconnectReasonCode[disconnect.reasonCode];
      void this.#stop().then(() => events.closed(takenOver ? 'taken_over' : 'closed', reason ?? wordsOf(error)));
    });
    this.#client.on('error', () => undefined); // told through the operation concerned; without a listener it throws
  }

  async connect(events: LinkEvents): Promise<Result<void>> {
    const settled = this.#settled;
    const outcome = await new Promise<Result<void>>((resolve) => {
      const off = () => {
        this.#client.off('connectionSuccess', success);
        this.#client.off('connectionFailure', failure);
        this.#client.off('stopped', stopped);
      };
      const success = () => {
        off();
        this.#events = events; // here, not after an await: the first message may be next
        resolve(done);
      };
      const failure = ({ error, connack }: mqtt5.ConnectionFailureEvent) => {
        off();
        const reason = connack === undefined ? undefined : mqtt5.ConnectReasonCode[connack.reasonCode];
        resolve(fail(connectProblem(settled, error, reason)));
      };
      const stopped = () => {
        off();
        resolve(fail(connectProblem(settled, 'stopped while connecting')));
      };
      this.#client.on('connectionSuccess', success);
      this.#client.on('connectionFailure', failure);
      this.#client.on('stopped', stopped);
      this.#running = true;
      this.#client.start();
    });
    if (!outcome.ok) await this.#stop();
    return outcome;
  }

  publish({ topic, payload, qos }: OutgoingMessage): Promise<void> {
    return this.#client.publish({ topicName: topic, payload, qos: qos === 0 ? 0 : 1 }).then(refused);
  }

  async subscribe(subscriptions: readonly Subscription[]): Promise<readonly string[]> {
    const suback = await this.#client.subscribe({
      subscriptions: subscriptions.map(({ filter, qos }) => ({ topicFilter: filter, qos: qos === 0 ? 0 : 1 })),
    });
    return subscriptions.filter((_, at) => (suback.reasonCodes[at] ?? 0x80) >= 0x80).map(({ filter }) => filter);
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    await this.#client.unsubscribe({ topicFilters: [...filters] });
  }

  async disconnect({ farewell }: { farewell: boolean }): Promise<void> {
    this.#events = undefined;
    await this.#stop(farewell ? { reasonCode: mqtt5.DisconnectReasonCode.NormalDisconnection } : undefined);
  }

  async dispose(): Promise<void> {
    await this.#stopping;
    this.#client.close();
    forgotten(this.#ticket);
  }

  /** A client that is stopped already would never say so again. */
  #stop(farewell?: mqtt5.DisconnectPacket): Promise<void> {
    if (!this.#running) return this.#stopping;
    this.#running = false;
    this.#stopping = new Promise((resolve) => this.#client.once('stopped', () => resolve()));
    this.#client.stop(farewell);
    return this.#stopping;
  }
}

/** An acknowledgement of 0x80 and above is a refusal; "no matching subscribers" is not. */
function refused(ack: mqtt5.PubackPacket | undefined): void {
  const code: number = ack?.reasonCode ?? 0;
  if (code >= 0x80) throw new Refusal(mqtt5.PubackReasonCode[code] ?? `reason ${code}`);
}

function clientConfig(settled: Settled, tlsCtx: io.ClientTlsContext | undefined): mqtt5.Mqtt5ClientConfig {
  const { endpoint, clientId, keepAliveSeconds, connectTimeoutMs, will, username, password } = settled;
  return {
    hostName: endpoint.host,
    port: endpoint.port,
    socketOptions: socketOptions(connectTimeoutMs),
    ...(tlsCtx === undefined ? {} : { tlsCtx }),
    connectProperties: {
      clientId,
      keepAliveIntervalSeconds: keepAliveSeconds,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
      ...(will === undefined ? {} : { will: { topicName: will.topic, payload: will.payload, qos: will.qos } }),
    },
    disableMetrics: true, // they would ride in the user name, which brokers other than AWS take for one
    sessionBehavior: mqtt5.ClientSessionBehavior.Clean,
    offlineQueueBehavior: mqtt5.ClientOperationQueueBehavior.FailAllOnDisconnect,
    retryJitterMode: mqtt5.RetryJitterType.None,
    minReconnectDelayMs: NEVER_MS,
    maxReconnectDelayMs: NEVER_MS,
    connackTimeoutMs: connectTimeoutMs,
    pingTimeoutMs: Math.min(10_000, keepAliveSeconds * 500),
    ackTimeoutSeconds: 0, // ours counts
  };
}
