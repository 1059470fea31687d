import type { Socket } from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { eventually } from './eventually.ts';

export interface Heard {
  readonly topic: string;
  readonly payload: string;
}

/** A plain MQTT.js client that keeps everything it heard. */
export class MqttProbe {
  readonly heard: Heard[] = [];
  readonly client: MqttClient;

  private constructor(client: MqttClient) {
    this.client = client;
    client.on('message', (topic, payload) => this.heard.push({ topic, payload: payload.toString() }));
  }

  static async connect(url: string, options: IClientOptions = {}): Promise<MqttProbe> {
    const client = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0, ...options });
    // Listens before it is connected: a session's stored messages come right after the CONNACK.
    const probe = new MqttProbe(client);
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('error', reject);
      client.once('close', () => reject(new Error('closed before it was connected')));
    });
    client.on('error', () => undefined);
    // Without it every acknowledgement holds up the next message by 40 ms.
    (client.stream as Partial<Socket>).setNoDelay?.(true);
    return probe;
  }

  async subscribe(...filters: string[]): Promise<void> {
    for (let at = 0; at < filters.length; at += 8)
      await this.client.subscribeAsync(filters.slice(at, at + 8), { qos: 1 });
  }

  async publish(topic: string, body: unknown): Promise<void> {
    const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    await this.client.publishAsync(topic, payload, { qos: 1 });
  }

  bodies(topic: string): Record<string, unknown>[] {
    return this.heard
      .filter((message) => message.topic === topic)
      .map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);
  }

  /** Waits for the `count`th message on `topic` and returns its body. */
  async body(topic: string, count = 1): Promise<Record<string, unknown>> {
    await eventually(() => this.bodies(topic).length >= count);
    return this.bodies(topic)[count - 1]!;
  }

  async end(): Promise<void> {
    // What a cut connection still owes will never be acknowledged.
    await this.client.endAsync(!this.client.connected);
  }
}
