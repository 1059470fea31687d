import type { DirectRequest, DirectResponse } from '../../src/core/direct/messages.ts';
import { eventually } from './eventually.ts';
import { MqttProbe } from './mqtt-probe.ts';

/** Sends direct commands over a real broker, as plainly as anybody could, and keeps every answer. */
export class DirectSender {
  readonly #probe: MqttProbe;
  readonly #thing: string;

  private constructor(probe: MqttProbe, thing: string) {
    this.#probe = probe;
    this.#thing = thing;
  }

  static async connect(url: string, thing: string): Promise<DirectSender> {
    const probe = await MqttProbe.connect(url);
    await probe.subscribe(`cmd/${thing}/resp`);
    return new DirectSender(probe, thing);
  }

  /** One transmission. */
  async ask(request: Pick<DirectRequest, 'id' | 'name'> & Partial<DirectRequest>, topic?: string): Promise<void> {
    const issuedAt = Date.now();
    const body = { args: {}, issuedAt, expiresAt: issuedAt + 120_000, attempt: 1, ...request };
    await this.#probe.publish(topic ?? `cmd/${this.#thing}/req`, body);
  }

  responses(id: string): DirectResponse[] {
    const all = this.#probe.bodies(`cmd/${this.#thing}/resp`) as unknown as DirectResponse[];
    return all.filter((response) => response.id === id);
  }

  finals(id: string): DirectResponse[] {
    return this.responses(id).filter(({ status }) => status !== 'accepted' && status !== 'in_progress');
  }

  /** Asks once and waits for the end. */
  async send(
    request: Pick<DirectRequest, 'id' | 'name'> & Partial<DirectRequest>,
    topic?: string,
  ): Promise<DirectResponse> {
    await this.ask(request, topic);
    return eventually(() => this.finals(request.id)[0], { withinMs: 20_000 });
  }

  async end(): Promise<void> {
    await this.#probe.end();
  }
}
