import { MemoryLedger } from '../../simulators/ledger/memory-ledger.ts';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { SimulatedClock } from '../../simulators/time/simulated-clock.ts';
import type { CloudOptions } from '../../src/cloud/cloud-options.ts';
import { Engine } from '../../src/cloud/engine.ts';
import { monotonicMs } from '../../src/core/brand.ts';
import type { JsonObject } from '../../src/core/json/json.ts';
import type { Result } from '../../src/core/result.ts';
import { NO_METRICS } from '../../src/ports/metrics.ts';
import { SILENT } from '../../src/ports/log.ts';
import type { OutgoingMessage } from '../../src/ports/transport.ts';
import { got } from './cloud.ts';
import { RecordingTransport } from './recording-transport.ts';

/** A service that answers everything a moment later. No device is there. */
export class AnsweringService extends RecordingTransport {
  readonly #clock: SimulatedClock;
  readonly #shadows = new Map<string, { version: number; desired: JsonObject; reported: JsonObject }>();

  constructor(clock: SimulatedClock) {
    super();
    this.#clock = clock;
  }

  override async publish(message: OutgoingMessage): Promise<Result<void>> {
    const result = await super.publish(message);
    if (result.ok) this.#clock.at(monotonicMs(this.#clock.monotonic() + 1), () => this.#answer(message));
    return result;
  }

  #answer({ topic, payload }: OutgoingMessage): void {
    const { state, clientToken } = JSON.parse(String(payload)) as { state?: JsonObject; clientToken: string };
    const place = topic.replace(/\/(get|update)$/, '');
    const known = this.#shadows.get(place);
    if (topic.endsWith('/update')) {
      this.#update(place, state ?? {}, { clientToken });
    } else if (known === undefined) {
      this.say(`${topic}/rejected`, { code: 404, message: 'no shadow', clientToken });
    } else {
      const { version, desired, reported } = known;
      this.say(`${topic}/accepted`, { state: { desired, reported }, metadata: {}, version, timestamp: 1, clientToken });
    }
  }

  /** What a plain device says. */
  report(thing: string, reported: JsonObject): void {
    this.#update(`$aws/things/${thing}/shadow`, { reported }, {});
  }

  #update(place: string, state: JsonObject, rest: JsonObject): void {
    const known = this.#shadows.get(place);
    const version = (known?.version ?? 0) + 1;
    const desired = { ...known?.desired, ...(state['desired'] as JsonObject | undefined) };
    const reported = { ...known?.reported, ...(state['reported'] as JsonObject | undefined) };
    this.#shadows.set(place, { version, desired, reported });
    this.say(`${place}/update/accepted`, { state, metadata: {}, version, timestamp: 1, ...rest });
  }
}

/** Engines one after the other over one ledger, each with a service that forgot everything; time is simulated. */
export async function engineWorld(options: Partial<CloudOptions>) {
  const clock = new SimulatedClock();
  const ledger = new MemoryLedger();
  const gauges = new Map<string, number>();
  const start = async () => {
    const transport = new AnsweringService(clock);
    const cloud = new Engine({
      ...{ transport, clock, ledger, random: new SeededRandom(1), log: SILENT },
      metrics: {
        ...NO_METRICS,
        set: (name, value, labels = {}) => void gauges.set(`${name} ${Object.values(labels).join()}`, value),
      },
      ...options,
    });
    got(await cloud.start());
    return { cloud, transport };
  };
  const gauge = async (cloud: Engine, name: string): Promise<number | undefined> => {
    await cloud.measure();
    return gauges.get(name);
  };
  return { clock, ledger, start, gauge };
}
