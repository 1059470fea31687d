import type { DevicesOptions } from './processes/devices.ts';
import { startChild, type Child } from './support/child.ts';
import { interleave } from './support/interleave.ts';
import { Probe } from './support/probe.ts';
import { machine, print, table } from './support/report.ts';
import { median, number, spread } from './support/stats.ts';

/**
 * `npm run bench -- device [footprint] [return] [cost] [--devices N] [--repetitions N]`
 *
 * Memory and connect rate of many devices in one process beside bare connections of the SDK with the same
 * subscriptions; how long they take to converge when all of them come back at once to a changed wish; and the processor
 * time that a command costs the device. The latency of one device is in `bench -- loop stall`.
 */
const argument = (name: string, fallback: number) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const devices = argument('--devices', 1_000);
const repetitions = argument('--repetitions', 3);
const things = Array.from({ length: devices }, (_, at) => `fleet-${at}`);

interface Footprint {
  readonly kilobytesEach: number;
  readonly connectsPerSecond: number;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

print(`# bench device\n\n${machine()}, ${new Date().toISOString().slice(0, 10)}, ${devices} devices in one process`);
const PARTS: Readonly<Record<string, () => Promise<void>>> = { footprint, return: everybodyReturns, cost };
const names = process.argv.slice(2).filter((name) => name in PARTS);
for (const [name, run] of Object.entries(PARTS)) if (names.length === 0 || names.includes(name)) await run();
process.exit(0);

async function footprint(): Promise<void> {
  print('\n## Memory and connect rate\n');
  const measure = (program: string) => async (): Promise<Footprint> => {
    const cloud = await startChild<{ mqttUrl: string }>('simulator');
    const fleet = await startChild(program, { url: cloud.ready.mqttUrl, things });
    const result = await fleet.ask<Footprint>({ do: 'connect' });
    await fleet.stop();
    await cloud.stop();
    return result;
  };
  const results = await interleave(repetitions, {
    'bare SDK connections, MQTT 5, 5 subscriptions': measure('bare-fleet'),
    'shadowctl devices': measure('fleet'),
  });
  const [bare, ours] = Object.values(results);
  const rows = Object.entries(results).map(([name, all]) => [
    name,
    spread(
      all.map(({ kilobytesEach }) => kilobytesEach),
      1,
    ),
    spread(
      all.map(({ connectsPerSecond }) => connectsPerSecond),
      0,
    ),
  ]);
  print(table(['', 'KB each (lowest to highest)', 'connects/s'], rows));
  const ratio = mean(ours?.map(({ kilobytesEach }) => kilobytesEach)) / mean(bare?.map((each) => each.kilobytesEach));
  print(`\nmemory: ${number(ratio)} x of a bare connection (aim 1.3)`);
}

/** All devices are online and converged, the broker goes away, every wish changes, the broker comes back. */
async function everybodyReturns(): Promise<void> {
  print('\n## Everybody returns at once to a changed wish\n');
  const cloud = await startChild<{ mqttUrl: string }>('simulator');
  const url = cloud.ready.mqttUrl;
  const fleet = await startChild('fleet', { url, things });
  await fleet.ask({ do: 'connect' });
  const probe = await Probe.connect(url);
  const secondsByRun: number[] = [];
  let lost = 0;
  for (let run = 1; run <= repetitions; run++) {
    await fleet.ask({ do: 'stop' });
    for (const thing of things) {
      probe.publish(`$aws/things/${thing}/shadow/update`, JSON.stringify({ state: { desired: { targetC: run } } }));
    }
    const seconds = await returns(fleet, run);
    secondsByRun.push(seconds.seconds);
    lost += seconds.lost;
  }
  await probe.end();
  await fleet.stop();
  await cloud.stop();
  print(`${devices} devices connect and converge in ${spread(secondsByRun, 2)} s; not converged: ${lost}`);
}

/** Processor time of the process of the devices per command, from the desired update to the accepted report. */
async function cost(): Promise<void> {
  const few = things.slice(0, 100);
  print(`\n## Processor time per command, ${few.length} devices in one process, one command in flight on each\n`);
  const cloud = await startChild<{ mqttUrl: string }>('simulator');
  const url = cloud.ready.mqttUrl;
  const app = await startChild('desired-app', { url, things: few });
  const fleet: DevicesOptions = { mqtt: { url }, things: few, fields: { '/targetC': 0 }, applyMs: 0 };
  const programs: Readonly<Record<string, readonly [string, unknown]>> = {
    'bare SDK connections that parse and answer': ['bare-reporters', { url, things: few }],
    'shadowctl devices': ['devices', fleet],
  };
  const measure = (program: readonly [string, unknown]) => async (): Promise<number> => {
    const devices = await startChild(...program);
    await app.ask({ count: 3_000, inFlight: few.length });
    const before = await devices.ask<{ cpuMs: number }>({});
    const count = 5_000;
    await app.ask({ count, inFlight: few.length });
    const after = await devices.ask<{ cpuMs: number }>({});
    await devices.stop();
    return ((after.cpuMs - before.cpuMs) / count) * 1_000;
  };
  const variants = Object.entries(programs).map(([name, program]) => [name, measure(program)] as const);
  const results = await interleave(repetitions, Object.fromEntries(variants));
  await app.stop();
  await cloud.stop();
  print(
    table(
      ['', 'µs per command (lowest to highest)'],
      Object.entries(results).map(([name, all]) => [name, spread(all, 0)]),
    ),
  );
  const [bare = [], ours = []] = Object.values(results);
  print(`\nratio: ${number(median(ours) / median(bare))} x of bare connections`);
}

async function returns(fleet: Child<unknown>, run: number): Promise<{ seconds: number; lost: number }> {
  return fleet.ask({ do: 'return', value: run });
}

function mean(values: readonly number[] = []): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
