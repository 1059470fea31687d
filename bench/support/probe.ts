import mqtt from 'mqtt';

type Client = ReturnType<typeof mqtt.connect>;

/** An independent MQTT client with TCP_NODELAY, for asking and for looking on. */
export class Probe {
  readonly #client: Client;
  readonly #handlers = new Map<string, (payload: Buffer, atMs: number) => void>();

  private constructor(client: Client) {
    this.#client = client;
    client.on('message', (topic, payload) => this.#handlers.get(topic)?.(payload, performance.now()));
  }

  static async connect(url: string): Promise<Probe> {
    const client = await mqtt.connectAsync(url, { protocolVersion: 5 });
    const { stream } = client as unknown as { stream: { setNoDelay?: (on: boolean) => void } };
    stream.setNoDelay?.(true);
    return new Probe(client);
  }

  async listen(topic: string, handler: (payload: Buffer, atMs: number) => void): Promise<void> {
    this.#handlers.set(topic, handler);
    await this.#client.subscribeAsync(topic, { qos: 0 });
  }

  publish(topic: string, payload: string): void {
    this.#client.publish(topic, payload, { qos: 0 });
  }

  async end(): Promise<void> {
    await this.#client.endAsync();
  }
}
