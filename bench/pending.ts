import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { MemoryLedger } from '../simulators/ledger/memory-ledger.ts';
import { SystemClock } from '../src/adapters/system/clock.ts';
import { SystemRandom } from '../src/adapters/system/random.ts';
import { Engine } from '../src/cloud/engine.ts';
import type { JsonObject } from '../src/core/json/json.ts';
import { done, ok, type Result } from '../src/core/result.ts';
import type { ThingName } from '../src/core/brand.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { Ledger } from '../src/ports/ledger.ts';
import { SILENT } from '../src/ports/log.ts';
import type {
  ConnectionEvent,
  MessageHandler,
  OutgoingMessage,
  Subscription,
  Transport,
} from '../src/ports/transport.ts';
import { median, spread } from './support/statistics.ts';

/**
 * `npm run bench -- pending` (`BENCH_PENDING=1000,10000,1000000` for other sizes)
 *
 * The cloud side alone, no broker and no disk: what a command costs from creation to `succeeded`, in CPU time, while
 * others wait for devices that are away, and what one that waits costs in memory. The cost should stay flat.
 */

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const encode = new TextEncoder();

/** A service that accepts every update at once, and devices that obey at once unless they are called `away-…`. */
class InstantCloud implements Transport {
  connected = true;
  readonly #handlers: MessageHandler[] = [];
  readonly #versions = new Map<string, number>();

  async start(): Promise<Result<void>> {
    return done;
  }

  async publish({ topic, payload }: OutgoingMessage): Promise<Result<void>> {
    const [, , thing = '', , kind] = topic.split('/');
    const body = JSON.parse(String(payload)) as { state?: { desired?: JsonObject }; clientToken: string };
    queueMicrotask(() => (kind === 'get' ? this.#absent(thing, body.clientToken) : this.#update(thing, body)));
    return done;
  }

  async subscribe(_subscriptions: readonly Subscription[], handler: MessageHandler): Promise<Result<Cancel>> {
    if (this.#handlers.length === 0) this.#handlers.push(handler);
    return ok(() => undefined);
  }

  onConnection(_listener: (event: ConnectionEvent) => void): Cancel {
    return () => undefined;
  }

  async stop(): Promise<void> {
    this.connected = false;
  }

  tell(topic: string, payload: Uint8Array): void {
    for (const handler of this.#handlers) handler({ topic, payload });
  }

  report(thing: string, reported: JsonObject): void {
    const version = this.#next(thing);
    const metadata = {
      reported: Object.fromEntries(Object.keys(reported).map((key) => [key, { timestamp: SECONDS }])),
    };
    this.#say(thing, 'update/accepted', { state: { reported }, metadata, version, timestamp: SECONDS });
  }

  #update(thing: string, { state, clientToken }: { state?: { desired?: JsonObject }; clientToken: string }): void {
    const version = this.#next(thing);
    const desired = state?.desired ?? {};
    const metadata = { desired: Object.fromEntries(Object.keys(desired).map((key) => [key, { timestamp: SECONDS }])) };
    this.#say(thing, 'update/accepted', { state: { desired }, metadata, version, timestamp: SECONDS, clientToken });
    if (!thing.startsWith('away-')) this.report(thing, { ...desired, reconciler: { version } });
  }

  #absent(thing: string, clientToken: string): void {
    this.#say(thing, 'get/rejected', { code: 404, message: `No shadow exists with name: '${thing}'`, clientToken });
  }

  #next(thing: string): number {
    const version = (this.#versions.get(thing) ?? 0) + 1;
    this.#versions.set(thing, version);
    return version;
  }

  #say(thing: string, kind: string, body: object): void {
    this.tell(`$aws/things/${thing}/shadow/${kind}`, encode.encode(JSON.stringify(body)));
  }
}

/** CPU time of this process: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const SECONDS = Math.floor(Date.now() / 1000);

/** Durable at once, remembers nothing: what is measured is the engine. */
function forgetfulLedger(): Ledger {
  const ledger: Ledger = new MemoryLedger();
  let sequence = 0;
  ledger.commit = async (changes) => {
    const lines = changes.filter(({ type }) => type === 'timeline').length;
    sequence += lines;
    return ok({ firstSequence: sequence - lines + 1 });
  };
  return ledger;
}

async function engine(): Promise<{ cloud: Engine; world: InstantCloud }> {
  const world = new InstantCloud();
  const clock = new SystemClock();
  const ledger = forgetfulLedger();
  const cloud = new Engine({ transport: world, ledger, clock, random: new SystemRandom(), log: SILENT });
  await cloud.start();
  return { cloud, world };
}

async function command(cloud: Engine, thing: string, value: number): Promise<void> {
  const created = await cloud.create({
    ref: { thingName: thing as ThingName },
    patch: { targetC: value },
    by: { name: 'bench' },
  });
  if (!created.ok) throw new Error(created.problem.message);
}

/** Commands one after the other on shadows that are known, until `succeeded`; microseconds each. */
async function perCommand(cloud: Engine, count: number, offset: number): Promise<number> {
  const started = cpuMs();
  for (let number = 0; number < count; number += 1) await command(cloud, `here-${number % 100}`, offset + number);
  return ((cpuMs() - started) * 1000) / count;
}

/** The longest pauses of the collector since the last question, in ms. */
function gcPauses(): () => Promise<number> {
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

async function pending(): Promise<void> {
  const steps = (process.env['BENCH_PENDING'] ?? '1000,10000,100000,300000').split(',').map(Number);
  const { cloud } = await engine();
  await perCommand(cloud, 5_000, 0);
  global.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  let there = 0;
  const longestPause = gcPauses();
  let offset = 10_000;
  let first: number | undefined;
  for (const step of steps) {
    await longestPause();
    for (; there < step; there += 1) {
      await command(cloud, `away-${there}`, 1);
      if (there % 1_000 === 0) await turn();
    }
    const whileFilling = await longestPause();
    global.gc?.();
    const whole = await longestPause();
    const bytes = (process.memoryUsage().heapUsed - heapBefore) / there;
    const runs: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      runs.push(await perCommand(cloud, 4_000, offset));
      offset += 4_000;
    }
    const typical = median(runs);
    first ??= typical;
    say(
      `pending ${there}: ${typical.toFixed(1)} us a command (${spread(runs, 0)}), ${(typical / first).toFixed(2)} x of the first, ${bytes.toFixed(0)} bytes of heap each; longest pause of the collector ${whileFilling.toFixed(0)} ms while they came, ${whole.toFixed(0)} ms for all of it`,
    );
  }
  await cloud.stop();
}

await pending();
process.exit(0);
