import { expect, test } from 'vitest';
import { MemoryLedger } from '../../../simulators/ledger/memory-ledger.ts';
import { SeededRandom } from '../../../simulators/time/seeded-random.ts';
import { SimulatedClock } from '../../../simulators/time/simulated-clock.ts';
import { Engine, type CloudOptions } from '../../../src/cloud/engine.ts';
import { monotonicMs } from '../../../src/core/brand.ts';
import type { JsonObject } from '../../../src/core/json/json.ts';
import type { Result } from '../../../src/core/result.ts';
import { NO_METRICS } from '../../../src/ports/metrics.ts';
import { SILENT } from '../../../src/ports/log.ts';
import type { OutgoingMessage } from '../../../src/ports/transport.ts';
import { aWish, got } from '../../support/cloud.ts';
import { RecordingTransport } from '../../support/recording-transport.ts';

/** A service that answers everything a moment later. No device is there. */
class Service extends RecordingTransport {
  readonly #clock: SimulatedClock;
  readonly #desired = new Map<string, { version: number; desired: JsonObject }>();

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
    const known = this.#desired.get(place);
    if (topic.endsWith('/update')) {
      const desired = { ...known?.desired, ...(state?.['desired'] as JsonObject) };
      const version = (known?.version ?? 0) + 1;
      this.#desired.set(place, { version, desired });
      this.say(`${topic}/accepted`, { state: state ?? {}, metadata: {}, version, timestamp: 1, clientToken });
    } else if (known === undefined) {
      this.say(`${topic}/rejected`, { code: 404, message: 'no shadow', clientToken });
    } else {
      const { version, desired } = known;
      this.say(`${topic}/accepted`, { state: { desired }, metadata: {}, version, timestamp: 1, clientToken });
    }
  }
}

async function world(options: Partial<CloudOptions>) {
  const clock = new SimulatedClock();
  const ledger = new MemoryLedger();
  const gauges = new Map<string, number>();
  const start = async () => {
    const transport = new Service(clock);
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

const WEEK_MS = 604_800_000;
const SHADOWS = 400;

test('after a restart many pending commands are published through a narrow way, each once', async () => {
  const { clock, ledger, start, gauge } = await world({ requestsPerSecond: 4 });
  const first = await start();
  first.transport.drop();
  const wish = { applyWithinMs: WEEK_MS, expiresInMs: WEEK_MS, onEnd: 'keep' as const };
  for (let number = 0; number < SHADOWS; number += 1) {
    got(await first.cloud.create({ ...aWish(`thing-${number}`, { on: true }), ...wish }));
  }
  await first.cloud.stop();
  ledger.reopen();
  const { cloud, transport } = await start();
  // A read and a write each, at four a second.
  await clock.advance(((SHADOWS * 2) / 4) * 1_000 * 1.1);
  expect(await gauge(cloud, 'shadow_commands_pending sent')).toBe(SHADOWS);
  expect(new Set(transport.sent('update')).size).toBe(SHADOWS);
  expect(transport.sent('update')).toHaveLength(SHADOWS);
  await cloud.stop();
});

test('looking again at many shadows never piles up, and a new command goes before all of it', async () => {
  const { clock, start, gauge } = await world({ requestsPerSecond: 4 });
  const { cloud, transport } = await start();
  for (let number = 0; number < SHADOWS; number += 1) {
    got(
      await cloud.create({ ...aWish(`thing-${number}`, { on: true }), expiresInMs: WEEK_MS, applyWithinMs: WEEK_MS }),
    );
  }
  await clock.advance(600_000);
  const reads = transport.sent('get').length;
  await clock.advance(600_000);
  expect(await gauge(cloud, 'shadow_outbox_depth ')).toBeLessThan(SHADOWS);
  expect(transport.sent('get').length).toBeGreaterThan(reads + SHADOWS);
  got(await cloud.create(aWish('new', { on: true })));
  await clock.advance(2_000);
  expect(transport.sent('update')).toContain('$aws/things/new/shadow/update');
  await cloud.stop();
});
