import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { openSqliteLedger } from '../src/adapters/sqlite/sqlite-ledger.ts';
import { SystemClock } from '../src/adapters/system/clock.ts';
import { SystemRandom } from '../src/adapters/system/random.ts';
import { Engine } from '../src/cloud/engine.ts';
import type { ThingName } from '../src/core/brand.ts';
import { SILENT } from '../src/ports/log.ts';
import { NO_METRICS } from '../src/ports/metrics.ts';
import { InstantCloud } from './support/instant-cloud.ts';
import { machine, print, table } from './support/report.ts';
import { median } from './support/statistics.ts';

/**
 * `npm run bench -- pending` (`BENCH_PENDING=1000,10000` for other sizes, `BENCH_DIR` for another disk)
 *
 * The cloud side with its SQLite ledger (every commit durable) and Node's default heap, no broker: a service that
 * answers at once. At each size, with so many commands pending, one on each shadow, their devices away:
 *
 *   new      a command on a shadow that nobody knew, until the service has accepted it
 *   success  a report on any of the shadows that wait, until its command has succeeded
 *
 * in CPU time of this process, which other work on the machine does not touch. Memory is what the process holds after
 * the waiting desks left it and a full collection, less what it held with nothing pending.
 */

const TOGETHER = 50;
const BLOCK = 500;
const ROUNDS = 5;
const WEEK_MS = 604_800_000;

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

const residentBytes = (): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1_024;

/** The longest pause of the collector since the last question, in ms. */
function pauses(): () => Promise<number> {
  let longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
  }).observe({ entryTypes: ['gc'] });
  return async () => {
    await turn();
    const ms = longest;
    longest = 0;
    return ms;
  };
}

interface Sample {
  readonly pending: number;
  readonly newUs: number;
  readonly successUs: number;
  readonly desks: number;
  readonly residentMb: number;
  readonly bytesEach: number;
  readonly heapEach: number;
  readonly pauseMs: number;
}

class Fleet {
  readonly #world = new InstantCloud();
  readonly #gauges = new Map<string, number>();
  readonly #cloud: Engine;
  /** Shadows number 0 to this have had a command; which of them still wait. */
  #made = 0;
  readonly #waiting: number[] = [];

  private constructor(ledger: ConstructorParameters<typeof Engine>[0]['ledger']) {
    const metrics = { ...NO_METRICS, set: (name: string, value: number) => void this.#gauges.set(name, value) };
    const clock = new SystemClock();
    const ports = { transport: this.#world, ledger, clock, random: new SystemRandom(), log: SILENT, metrics };
    this.#cloud = new Engine(ports);
  }

  static async start(path: string): Promise<Fleet> {
    const opened = await openSqliteLedger({ path });
    if (!opened.ok) throw new Error(opened.problem.message);
    const fleet = new Fleet(opened.value);
    await fleet.#cloud.start();
    return fleet;
  }

  /** So many new commands that wait, some at a time; CPU microseconds each. */
  async create(count: number): Promise<number> {
    const began = cpuMs();
    const to = this.#made + count;
    const one = async (): Promise<void> => {
      while (this.#made < to) {
        const number = this.#made;
        this.#made += 1;
        await this.#command(`away-${number}`);
        this.#waiting.push(number);
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, one));
    await this.#accepted();
    return ((cpuMs() - began) * 1_000) / count;
  }

  /** So many of those that wait, from anywhere, succeed; CPU microseconds each. */
  async succeed(count: number): Promise<number> {
    const chosen = Array.from({ length: count }, () => {
      const at = Math.floor(Math.random() * this.#waiting.length);
      const last = this.#waiting.pop() as number;
      if (at >= this.#waiting.length) return last;
      const number = this.#waiting[at] as number;
      this.#waiting[at] = last;
      return number;
    });
    const left = (await this.#cloud.health()).openCommands - count;
    const began = cpuMs();
    for (const [index, number] of chosen.entries()) {
      this.#world.obey(`away-${number}`);
      if (index % TOGETHER === 0) await turn();
    }
    while ((await this.#cloud.health()).openCommands > left) await pause(1);
    return ((cpuMs() - began) * 1_000) / count;
  }

  async gauge(name: string): Promise<number> {
    await this.#cloud.measure();
    return this.#gauges.get(name) ?? 0;
  }

  get pending(): number {
    return this.#waiting.length;
  }

  async stop(): Promise<void> {
    await this.#cloud.stop();
  }

  async #command(thing: string): Promise<void> {
    const created = await this.#cloud.create({
      ref: { thingName: thing as ThingName },
      patch: { targetC: 21, mode: 'eco' },
      by: { name: 'bench' },
      ...{ expiresInMs: WEEK_MS, applyWithinMs: WEEK_MS },
    });
    if (!created.ok) throw new Error(created.problem.message);
  }

  async #accepted(): Promise<void> {
    while (this.#world.updates < this.#made) await pause(1);
  }
}

/** Until nobody leaves the memory any more. */
async function rested(fleet: Fleet): Promise<number> {
  for (let before = Infinity; ;) {
    await pause(3_000);
    const desks = await fleet.gauge('shadow_desks');
    if (desks >= before || desks <= 10_000) return desks;
    before = desks;
  }
}

async function run(path: string, sizes: readonly number[]): Promise<Sample[]> {
  const fleet = await Fleet.start(path);
  const samples: Sample[] = [];
  // Compiled and warm before anything counts.
  await fleet.create(5_000);
  await fleet.succeed(5_000);
  await rested(fleet);
  global.gc?.();
  const before = { resident: residentBytes(), heap: process.memoryUsage().heapUsed };
  const longest = pauses();
  for (const size of sizes) {
    await longest();
    const began = performance.now();
    await fleet.create(Math.max(0, size - fleet.pending));
    const [newUs, successUs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      successUs.push(await fleet.succeed(Math.min(BLOCK, size / 2)));
      newUs.push(await fleet.create(Math.min(BLOCK, size / 2)));
    }
    const pauseMs = await longest();
    const desks = await rested(fleet);
    global.gc?.();
    samples.push({
      ...{ pending: fleet.pending, newUs: median(newUs), successUs: median(successUs), pauseMs, desks },
      residentMb: residentBytes() / 1e6,
      bytesEach: (residentBytes() - before.resident) / fleet.pending,
      heapEach: (process.memoryUsage().heapUsed - before.heap) / fleet.pending,
    });
    print(`${size} pending after ${((performance.now() - began) / 1_000).toFixed(0)} s`);
  }
  await fleet.stop();
  return samples;
}

const sizes = (process.env['BENCH_PENDING'] ?? '1000,10000,100000,1000000').split(',').map(Number);
const folder = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'bench-pending-'));
try {
  const samples = await run(join(folder, 'ledger.sqlite'), sizes);
  const [first] = samples;
  const ratio = (us: number, of: number | undefined): string => `${us.toFixed(0)} (${(us / (of ?? us)).toFixed(2)} x)`;
  print(`\nPending commands, one on each shadow. ${machine()}\n`);
  print(
    table(
      [
        'pending',
        'new, us',
        'success, us',
        'desks in memory',
        'resident, MB',
        'bytes each',
        'heap each',
        'longest pause, ms',
      ],
      samples.map((one) => [
        one.pending.toLocaleString('en-US'),
        ratio(one.newUs, first?.newUs),
        ratio(one.successUs, first?.successUs),
        one.desks.toLocaleString('en-US'),
        one.residentMb.toFixed(0),
        one.bytesEach.toFixed(0),
        one.heapEach.toFixed(0),
        one.pauseMs.toFixed(0),
      ]),
    ),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
