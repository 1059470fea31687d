import { composeDevice } from '../../src/compose-device.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import type { ThingName } from '../../src/core/brand.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import type { Device } from '../../src/device/device.ts';
import { inChunks, residentBytes } from '../support/fleet.ts';
import { answer, options, ready } from '../support/process.ts';
import { TimedAdapter } from '../support/timed-adapter.ts';

/** Many devices in one process, with the real reconciler. */
const { url, things } = options<{ url: string; things: readonly string[] }>();
/** Shared, as a program with many devices does. */
const clock = new SystemClock();
const random = new SystemRandom();
const hardware = new Map(things.map((thing) => [thing, new TimedAdapter({ '/targetC': 0 }, 0)]));
let fleet: Device[] = [];

async function connect(): Promise<void> {
  await inChunks(things, 100, async (thing) => {
    const adapter = hardware.get(thing);
    if (adapter === undefined) return;
    const device = composeDevice({
      thingName: thing as ThingName,
      shadows: [{ model: NO_MODEL, adapters: [adapter] }],
      mqtt: { url },
      clock,
      random,
    });
    if (!device.ok) throw new Error(device.problem.message);
    fleet.push(device.value);
    const started = await device.value.start();
    if (!started.ok) throw new Error(started.problem.message);
  });
}

const converged = (value: number) =>
  [...hardware.values()].filter((adapter) => adapter.get('/targetC') === value).length;

ready();
answer<{ do: 'connect' | 'stop' | 'return'; value?: number }>(async (question) => {
  if (question.do === 'stop') {
    await Promise.all(fleet.map((device) => device.stop()));
    fleet = [];
    return {};
  }
  const before = residentBytes();
  const beganMs = performance.now();
  await connect();
  const connectsPerSecond = things.length / ((performance.now() - beganMs) / 1_000);
  if (question.do === 'connect') {
    return { kilobytesEach: (residentBytes() - before) / things.length / 1_024, connectsPerSecond };
  }
  const value = question.value ?? 0;
  const connectedMs = performance.now();
  while (converged(value) < things.length && performance.now() - connectedMs < 60_000) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { seconds: (performance.now() - beganMs) / 1_000, lost: things.length - converged(value) };
});
