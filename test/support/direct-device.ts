import type { DirectRequest, DirectResponse } from '../../src/core/direct/messages.ts';
import { MqttProbe } from './mqtt-probe.ts';

type Answer = Omit<DirectResponse, 'id'>;

/** A device in the fewest words: it answers requests as the test says, over a real connection, and remembers nothing. */
export class DirectDevice {
  readonly requests: DirectRequest[] = [];
  readonly probe: MqttProbe;
  readonly #responseTopic: string;
  #ended = false;

  private constructor(probe: MqttProbe, responseTopic: string, answer: (request: DirectRequest) => readonly Answer[]) {
    this.probe = probe;
    this.#responseTopic = responseTopic;
    probe.client.on('message', (_topic, payload) => {
      if (this.#ended) return;
      const request = JSON.parse(payload.toString()) as DirectRequest;
      this.requests.push(request);
      for (const each of answer(request)) void this.answer({ id: request.id, ...each });
    });
  }

  static async connect(
    url: string,
    thing: string,
    {
      answer = () => [{ status: 'succeeded' }],
      groups = [],
      responseTopic = `cmd/${thing}/resp`,
    }: {
      answer?: (request: DirectRequest) => readonly Answer[];
      groups?: readonly string[];
      responseTopic?: string;
    } = {},
  ): Promise<DirectDevice> {
    const probe = await MqttProbe.connect(url, { clientId: thing });
    const device = new DirectDevice(probe, responseTopic, answer);
    await probe.subscribe(`cmd/${thing}/req`, ...groups.map((group) => `cmd/groups/${group}/req`));
    return device;
  }

  async answer(response: DirectResponse): Promise<void> {
    await this.probe.publish(this.#responseTopic, response);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.probe.end();
  }
}
