import type { DirectRequest, DirectResponse } from '../../src/core/direct/messages.ts';
import { MqttProbe } from './mqtt-probe.ts';

type Answer = Omit<DirectResponse, 'id'>;

/** A device in the fewest words: it answers requests as the test says, over a real connection, and remembers nothing. */
export class DirectDevice {
  readonly requests: DirectRequest[] = [];
  readonly probe: MqttProbe;
  readonly #thing: string;
  #ended = false;

  private constructor(probe: MqttProbe, thing: string, answer: (request: DirectRequest) => readonly Answer[]) {
    this.probe = probe;
    this.#thing = thing;
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
    }: { answer?: (request: DirectRequest) => readonly Answer[]; groups?: readonly string[] } = {},
  ): Promise<DirectDevice> {
    const probe = await MqttProbe.connect(url, { clientId: thing });
    const device = new DirectDevice(probe, thing, answer);
    await probe.subscribe(`cmd/${thing}/req`, ...groups.map((group) => `cmd/groups/${group}/req`));
    return device;
  }

  async answer(response: DirectResponse): Promise<void> {
    await this.probe.publish(`cmd/${this.#thing}/resp`, response);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.probe.end();
  }
}
