import { connectAsync, type MqttClient } from 'mqtt';
import type { JsonObject } from '../../src/core/json/json.ts';

/** An app backend of a test: it writes desired state over MQTT, as anybody could. */
export class App {
  readonly #client: MqttClient;
  readonly messages: { topic: string; body: JsonObject }[] = [];

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on('message', (topic, payload) => {
      this.messages.push({ topic, body: JSON.parse(payload.toString()) as JsonObject });
    });
  }

  static async connect(url: string): Promise<App> {
    const client = await connectAsync(url);
    await client.subscribeAsync('$aws/things/+/shadow/#');
    return new App(client);
  }

  async desire(thingName: string, desired: JsonObject | null, shadow?: string): Promise<void> {
    await this.publish(topicOf(thingName, 'update', shadow), { state: { desired }, clientToken: 'app' });
  }

  async publish(topic: string, body: unknown): Promise<void> {
    await this.#client.publishAsync(topic, typeof body === 'string' ? body : JSON.stringify(body), { qos: 1 });
  }

  on(suffix: string): JsonObject[] {
    return this.messages.filter(({ topic }) => topic.endsWith(`/${suffix}`)).map(({ body }) => body);
  }

  async close(): Promise<void> {
    await this.#client.endAsync();
  }
}

export function topicOf(thingName: string, operation: string, shadow?: string): string {
  return `$aws/things/${thingName}/shadow${shadow === undefined ? '' : `/name/${shadow}`}/${operation}`;
}
