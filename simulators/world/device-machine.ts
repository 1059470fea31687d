import { MqttTransport } from '../../src/adapters/mqtt/mqtt-transport.ts';
import type { DeviceShadow } from '../../src/device/index.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { ACTIONS, Actuator, type Action } from '../hardware/actuator.ts';
import { HardwareAdapter } from '../hardware/hardware-adapter.ts';
import type { Hardware } from '../hardware/hardware.ts';
import type { DirectFailpoint, Failpoint } from '../machine/failpoints.ts';
import { Process } from '../machine/process.ts';
import { Disk, SimulatedJournal } from '../machine/simulated-journal.ts';
import { WallClock } from '../machine/wall-clock.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import { policyOf, WeatherLink } from '../weather/weather-link.ts';
import { GROUP } from '../workload/group.ts';
import type { ThingPlan } from '../workload/plan.ts';
import type { Environment, Machine } from './environment.ts';
import type { Programs } from './programs.ts';

const REBOOT_MS = 3_000;
/** A supervisor's patience with a program that cannot start. */
const RESTART_MS = 5_000;

/** A device with our reconciler: hardware and disk, and one life of the program after the other. */
export class DeviceMachine implements Machine {
  readonly name: string;
  readonly disk: Disk;
  readonly hardware: readonly { readonly ref: ShadowRef; readonly hardware: Hardware }[];
  readonly #environment: Environment;
  readonly #plan: ThingPlan;
  /** Offers direct commands. */
  readonly #acts: boolean;
  readonly #wall: WallClock;
  readonly #random: SeededRandom;
  #process: Process | undefined;
  #program: ReturnType<Programs['device']> | undefined;
  #ready = false;
  #lives = 0;

  constructor(
    environment: Environment,
    plan: ThingPlan,
    hardware: readonly { readonly ref: ShadowRef; readonly hardware: Hardware }[],
    { acts }: { readonly acts: boolean },
  ) {
    this.#acts = acts;
    this.#environment = environment;
    this.#plan = plan;
    this.name = plan.thingName;
    this.hardware = hardware;
    this.#random = environment.random.fork(plan.thingName);
    this.disk = new Disk(this.#random.fork('disk'), environment.coverage);
    this.#wall = new WallClock(environment.clock, plan.clock);
    const { offsetMs } = plan.clock;
    if (offsetMs !== 0) environment.coverage.hit(offsetMs < -1e12 ? 'clock.deviceUnset' : 'clock.deviceOffset');
    if (plan.clock.rate !== 1) environment.coverage.hit('clock.deviceDrift');
  }

  get process(): Process | undefined {
    return this.#process;
  }

  get ready(): boolean {
    return this.#ready;
  }

  boot(): void {
    if (this.#process !== undefined) return;
    const { clock, emit } = this.#environment;
    this.#lives += 1;
    const random = this.#random.fork(`life ${this.#lives}`);
    const process = new Process({
      name: this.name,
      master: clock,
      wall: this.#wall,
      originMs: random.integer(0, 100_000),
    });
    this.#process = process;
    for (const { hardware } of this.hardware) hardware.restart();
    emit({ type: 'boot', process: this.name });
    this.#program = this.#load(process, random);
    void this.#program.start().then((started) => {
      if (this.#process !== process || !process.alive) return;
      if (started.ok) {
        this.#ready = true;
        emit({ type: 'ready', process: this.name });
      } else this.#down(RESTART_MS);
    });
  }

  crash(downMs: number, why?: 'fault'): void {
    if (this.#process === undefined) return;
    if (why === 'fault') this.#environment.coverage.hit('device.crash');
    this.#down(downMs);
  }

  stop(downMs: number): void {
    const process = this.#process;
    if (process === undefined || this.#program === undefined) return;
    void this.#program.stop().then(() => {
      if (this.#process !== process || !process.alive) return;
      this.#environment.coverage.hit('device.stop');
      this.#down(downMs);
    });
  }

  jump(byMs: number): void {
    this.#environment.coverage.hit('clock.deviceJump');
    this.#wall.jump(byMs);
  }

  /** The process is gone, whoever ended it. */
  #down(downMs: number): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    this.#program = undefined;
    this.#ready = false;
    process.kill();
    this.disk.cut();
    this.#environment.emit({ type: 'crash', process: this.name });
    this.#environment.after(this.#environment.healed() ? REBOOT_MS : downMs, () => this.boot());
  }

  #load(process: Process, random: SeededRandom): ReturnType<Programs['device']> {
    const { network, coverage, emit, failpoints, logOf, modelOf, programs } = this.#environment;
    const dies = (point: Failpoint | DirectFailpoint): boolean => {
      if (!process.alive || !failpoints.hit(this.name, point)) return false;
      process.kill(); // what runs after this line in the same turn meets dead ports
      this.#environment.after(0, () => this.crash(REBOOT_MS));
      return true;
    };
    const answers = (topic: string): boolean => topic.endsWith('/resp');
    const reports = (topic: string): boolean => topic.endsWith('/update');
    const link = new WeatherLink({
      clientId: this.name,
      network,
      process,
      random: random.fork('link'),
      hooks: {
        beforePublish: (topic) =>
          (reports(topic) && dies('device.beforeReport')) || (answers(topic) && dies('device.beforeAnswer')),
        afterPublish: (topic) =>
          (reports(topic) && dies('device.afterReport')) || (answers(topic) && dies('device.afterAnswer')),
        acknowledged: (topic, payload) => {
          if (!answers(topic)) return;
          const text = Buffer.from(payload).toString('utf8');
          emit({ type: 'acknowledged', client: this.name, topic, payload: text });
        },
        afterReceive: () => dies('device.afterReceive'),
        received: (topic, payload) =>
          emit({ type: 'delivered', client: this.name, topic, payload: Buffer.from(payload).toString('utf8') }),
      },
    });
    const log = logOf(this.name);
    const ports = { clock: process.clock, random: random.fork('transport'), log };
    const shadows = this.hardware.map(({ ref, hardware }): DeviceShadow => {
      const names = [...new Set(hardware.kit.fields.map(({ adapter }) => adapter))];
      const adapters = names.map(
        (name) => new HardwareAdapter({ name, hardware, process, random: random.fork(name), coverage, emit, dies }),
      );
      const { shadowName } = ref;
      return { model: modelOf(ref), adapters, ...(shadowName === undefined ? {} : { shadowName }) };
    });
    const program = programs.device({
      thingName: this.#plan.thingName,
      shadows,
      transport: new MqttTransport(policyOf(this.name), link, ports),
      journal: new SimulatedJournal({ disk: this.disk, process, random: random.fork('journal'), coverage, dies }),
      clock: process.clock,
      random: random.fork('device'),
      log,
      limits: { pollMs: this.#plan.pollMs },
      ...(this.#acts ? { direct: { groups: [GROUP] } } : {}),
    });
    if (this.#acts) {
      const actuator = new Actuator({ thing: this.#plan.thingName, process, coverage, emit, dies });
      for (const name of Object.keys(ACTIONS) as Action[]) program.onCommand(name, actuator.offer(name));
    }
    return program;
  }
}
