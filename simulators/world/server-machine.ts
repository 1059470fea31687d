import { MqttTransport } from '../../src/adapters/mqtt/mqtt-transport.ts';
import type { Cloud } from '../../src/cloud/cloud.ts';
import { VERDICT_OF, type TimelineEntry } from '../../src/core/command/command.ts';
import { PROBLEMS } from '../../src/core/problem.ts';
import { openSimulatedLedger, type Store } from '../ledger/simulated-ledger.ts';
import type { DirectFailpoint, Failpoint } from '../machine/failpoints.ts';
import { Process } from '../machine/process.ts';
import { WallClock } from '../machine/wall-clock.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import { policyOf, WeatherLink } from '../weather/weather-link.ts';
import { SERVER } from '../workload/draw-plan.ts';
import { GROUPS } from '../workload/group.ts';
import type { MachineClock } from '../workload/plan.ts';
import type { Environment, Machine } from './environment.ts';
import { lookedAt } from './sighting.ts';

const REBOOT_MS = 2_000;
const RESTART_MS = 5_000;
const RESUME_RETRY_MS = 1_000;
const PAGE = 200;

/** The server: one life of the cloud program after the other, over a store that outlives them, with one subscriber. */
export class ServerMachine implements Machine {
  readonly name = SERVER;
  readonly store: Store;
  readonly #environment: Environment;
  readonly #wall: WallClock;
  readonly #rate: number;
  readonly #random: SeededRandom;
  #process: Process | undefined;
  #cloud: Cloud | undefined;
  #ready = false;
  #lives = 0;
  /** The newest event the subscriber has, over all lives of the server. */
  #seen = 0;

  constructor(environment: Environment, store: Store, clock: MachineClock) {
    this.#environment = environment;
    this.store = store;
    this.#random = environment.random.fork(SERVER);
    this.#wall = new WallClock(environment.clock, clock);
    this.#rate = clock.rate;
    if (clock.rate !== 1) environment.coverage.hit('clock.serverDrift');
    if (clock.offsetMs !== 0) environment.coverage.hit('clock.serverOffset');
  }

  get process(): Process | undefined {
    return this.#process;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** The API, while the server answers. */
  get api(): Cloud | undefined {
    return this.#ready && this.#process?.paused === false ? this.#cloud : undefined;
  }

  boot(): void {
    if (this.#process !== undefined) return;
    const { clock, emit } = this.#environment;
    this.#lives += 1;
    const random = this.#random.fork(`life ${this.#lives}`);
    const process = new Process({
      name: SERVER,
      master: clock,
      wall: this.#wall,
      originMs: random.integer(0, 100_000),
    });
    this.#process = process;
    emit({ type: 'boot', process: SERVER });
    this.#showClock('boot');
    const cloud = this.#load(process, random);
    this.#cloud = cloud;
    cloud.onEvent((entry) => this.#saw(process, cloud, entry));
    void cloud.start().then((started) => {
      if (this.#process !== process || !process.alive) return;
      if (started.ok) {
        this.#ready = true;
        emit({ type: 'ready', process: SERVER });
        void this.#resume(process, cloud, this.#seen);
      } else {
        if (PROBLEMS[started.problem.code].retry === 'never') emit({ type: 'refused', process: SERVER });
        this.#down(RESTART_MS);
      }
    });
  }

  crash(downMs: number, why?: 'fault'): void {
    if (this.#process === undefined) return;
    if (why === 'fault') this.#environment.coverage.hit('server.crash');
    this.#down(downMs);
  }

  stop(downMs: number): void {
    const process = this.#process;
    if (process === undefined || this.#cloud === undefined) return;
    this.#ready = false;
    void this.#cloud.stop().then(() => {
      if (this.#process !== process || !process.alive) return;
      this.#environment.coverage.hit('server.stop');
      this.#down(downMs);
    });
  }

  pause(forMs: number): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#environment.coverage.hit('server.pause');
    this.#environment.emit({ type: 'pause', process: SERVER });
    process.pause();
    this.#environment.after(forMs, () => this.resume(process));
  }

  resume(process = this.#process): void {
    if (process?.paused !== true || !process.alive) return;
    this.#environment.emit({ type: 'resume', process: SERVER });
    process.resume();
  }

  jump(byMs: number): void {
    this.#environment.coverage.hit('clock.serverJump');
    this.#wall.jump(byMs);
    this.#showClock('jump');
  }

  #showClock(at: 'boot' | 'jump'): void {
    const { clock, emit } = this.#environment;
    emit({ type: 'clock', at, aheadMs: this.#wall.now() - clock.wall(), rate: this.#rate });
  }

  #down(downMs: number): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    this.#cloud = undefined;
    this.#ready = false;
    process.kill();
    this.#environment.emit({ type: 'crash', process: SERVER });
    this.#environment.after(this.#environment.healed() ? REBOOT_MS : downMs, () => this.boot());
  }

  #saw(process: Process, cloud: Cloud, entry: TimelineEntry): void {
    if (this.#process !== process) return;
    const { emit } = this.#environment;
    emit({ type: 'event', entry });
    // Only what follows on is known to be complete; a gap is closed by reading back.
    if (entry.sequence === this.#seen + 1) this.#seen = entry.sequence;
    if (VERDICT_OF[entry.status] === 'pending') return;
    void cloud.command(entry.commandId).then((found) => {
      if (this.#process !== process || !process.alive) return;
      if (found.ok) emit(lookedAt(found.value));
    });
  }

  /** The subscriber comes back with the number of the last event it has. */
  async #resume(process: Process, cloud: Cloud, after: number): Promise<void> {
    const page = await cloud.events(after, PAGE);
    if (this.#process !== process || !process.alive) return;
    if (!page.ok) {
      process.after(RESUME_RETRY_MS, () => void this.#resume(process, cloud, after));
      return;
    }
    const { entries, oldest } = page.value;
    this.#environment.emit({ type: 'resumed', after, entries, oldest });
    const last = entries.at(-1)?.sequence;
    if (last === undefined) return;
    this.#seen = Math.max(this.#seen, last);
    if (entries.length === PAGE) await this.#resume(process, cloud, last);
  }

  #load(process: Process, random: SeededRandom): Cloud {
    const { network, coverage, emit, failpoints, logOf, modelOf, programs } = this.#environment;
    const dies = (point: Failpoint | DirectFailpoint): boolean => {
      if (!process.alive || !failpoints.hit(SERVER, point)) return false;
      process.kill();
      this.#environment.after(0, () => this.crash(REBOOT_MS));
      return true;
    };
    const link = new WeatherLink({
      clientId: SERVER,
      network,
      process,
      random: random.fork('link'),
      hooks: {
        beforePublish: (topic) =>
          (topic.endsWith('/update') && dies('server.beforePublish')) ||
          (topic.endsWith('/req') && dies('server.beforeRequest')),
        afterPublish: (topic) =>
          (topic.endsWith('/update') && dies('server.afterPublish')) ||
          (topic.endsWith('/req') && dies('server.afterRequest')),
        afterReceive: () => dies('server.afterReceive'),
        received: (topic, payload) =>
          emit({ type: 'delivered', client: SERVER, topic, payload: Buffer.from(payload).toString('utf8') }),
      },
    });
    const log = logOf(SERVER);
    const ports = { clock: process.clock, random: random.fork('transport'), log };
    return programs.cloud({
      ledger: openSimulatedLedger({ store: this.store, process, random: random.fork('ledger'), coverage, dies }),
      transport: new MqttTransport(policyOf(SERVER), link, ports),
      clock: process.clock,
      random: random.fork('cloud'),
      log,
      modelOf,
      groups: GROUPS,
    });
  }
}
