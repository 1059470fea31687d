import type { Model } from '../../src/core/model/model.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { Violation } from '../checkers/checker.ts';
import type { Store } from '../ledger/simulated-ledger.ts';
import { Failpoints } from '../machine/failpoints.ts';
import { SeededRandom } from '../time/seeded-random.ts';
import { settlesQuickly, SimulatedClock, SIMULATION_START } from '../time/simulated-clock.ts';
import { Network } from '../weather/network.ts';
import type { Hold } from '../weather/passage.ts';
import { Apps } from '../workload/apps.ts';
import { DirectApps } from '../workload/direct-apps.ts';
import type { Plan } from '../workload/plan.ts';
import type { Coverage } from './coverage.ts';
import type { Environment } from './environment.ts';
import { LastLook } from './last-look.ts';
import { Machines } from './machines.ts';
import { Onlooker } from './onlooker.ts';
import { PassingTime } from './passing-time.ts';
import { PlanRunner } from './plan-runner.ts';
import type { Programs } from './programs.ts';
import { Rest } from './rest.ts';
import type { Trace } from './trace.ts';
import { worldLog } from './world-log.ts';

const MINUTE = 60_000;
const QUIET_MS = 60 * MINUTE;
/** After the faults: longest command, longest lease, retries up to the device's cap, a resync. */
const CONVERGE_MS = 90 * MINUTE;
const CALM_MINUTES = 21;

export interface WorldOptions {
  readonly plan: Plan;
  readonly programs: Programs;
  readonly store: Store;
  readonly modelOf: (ref: ShadowRef) => Model;
  readonly keepLines?: boolean;
  /** Somebody else decides which message arrives next. */
  readonly hold?: Hold;
}

/**
 * Devices, shadow service, network, ledger and server in one process, under one virtual clock and one seed. First safety:
 * faults happen and checkers look at everything. Then liveness: faults stop, and everything must converge. Then quiet:
 * nobody has anything to say.
 */
export class World {
  readonly clock = new SimulatedClock(SIMULATION_START, settlesQuickly());
  readonly #plan: Plan;
  readonly #store: Store;
  readonly #onlooker: Onlooker;
  readonly #time: PassingTime;
  readonly #environment: Environment;
  readonly #machines: Machines;
  readonly #planRunner: PlanRunner;
  readonly #rest: Rest;
  readonly #lastLook: LastLook;
  #healed = false;

  constructor(options: WorldOptions) {
    const { plan, store, modelOf, keepLines = false } = options;
    store.unavailable = plan.ledgerUnavailable;
    this.#plan = plan;
    this.#store = store;
    const onlooker = new Onlooker({ clock: this.clock, plan, store, modelOf, keepLines });
    this.#onlooker = onlooker;
    const time = new PassingTime(this.clock, store, onlooker);
    this.#time = time;
    const environment = this.#environmentFor(options);
    this.#environment = environment;
    const machines = new Machines(environment, plan, store);
    this.#machines = machines;
    const apps = new Apps(environment, machines.server);
    const directApps = new DirectApps(environment, machines.server);
    this.#planRunner = new PlanRunner({ environment, machines, store, apps, directApps });
    this.#rest = new Rest({ environment, machines, things: plan.things, time });
    this.#lastLook = new LastLook({ onlooker, machines, apps, directApps, time });
  }

  get trace(): Trace {
    return this.#onlooker.trace;
  }

  get coverage(): Coverage {
    return this.#onlooker.coverage;
  }

  get violations(): readonly Violation[] {
    return this.#onlooker.violations;
  }

  /** Device-hours lived so far. */
  get deviceHours(): number {
    return (this.#plan.things.length * this.#time.nowMs) / (60 * MINUTE);
  }

  violated(invariant: string, words: string): void {
    this.#onlooker.violated(invariant, words);
  }

  async run(): Promise<void> {
    const onlooker = this.#onlooker;
    const time = this.#time;
    onlooker.see({ type: 'phase', phase: 'faults' });
    for (const machine of this.#machines.all) time.after(machine.name.length * 10, () => machine.boot());
    this.#planRunner.schedule(this.#plan.steps);
    await time.advance(this.#plan.faultsMs);
    if (onlooker.over) return;
    this.#heal();
    const deadline = time.nowMs + CONVERGE_MS + this.#planRunner.backwardMs;
    let reason = await this.pending();
    // Calm for longer than a resync: a device may answer once to what it then finds.
    for (let calm = 0; calm < CALM_MINUTES; calm = reason === undefined ? calm + 1 : 0) {
      if (onlooker.over) return;
      if (time.nowMs > deadline) return this.violated('I1 Converge', reason ?? 'it never stayed calm');
      await time.advance(MINUTE);
      reason = await this.pending();
    }
    onlooker.see({ type: 'phase', phase: 'quiet' });
    await time.advance(QUIET_MS);
    onlooker.see({ type: 'phase', phase: 'end' });
    await this.#lastLook.take();
    const drifted = onlooker.over ? undefined : await this.pending();
    if (drifted !== undefined) this.violated('I1 Converge', `after a quiet hour: ${drifted}`);
  }

  /** Why it has not come to rest, or nothing. */
  pending(): Promise<string | undefined> {
    return this.#rest.pending();
  }

  // A run that somebody else directs.

  boot(): void {
    this.#onlooker.see({ type: 'phase', phase: 'faults' });
    for (const machine of this.#machines.all) machine.boot();
    this.#planRunner.schedule(this.#plan.steps);
  }

  async pass(byMs: number): Promise<void> {
    await this.#time.advance(byMs);
  }

  crash(machine: string): void {
    this.#machines.by(machine)?.crash(100);
  }

  /** Everything an onlooker can tell two moments apart by: documents, hardware, who is up. */
  portrait(): string {
    const parts = this.#machines.refs.map((ref) => {
      const hardware = this.#machines.hardwareOf(ref);
      const values = hardware?.kit.fields.map(({ field }) => hardware.value(field)) ?? [];
      const document = this.#environment.network.document(ref);
      return [document?.version, document?.state, values];
    });
    const up = this.#machines.all.map(({ ready }) => ready);
    return JSON.stringify([parts, up]);
  }

  #environmentFor({ plan, programs, modelOf, hold }: WorldOptions): Environment {
    const { clock } = this;
    const { trace, coverage } = this.#onlooker;
    const random = new SeededRandom(plan.seed).fork('world');
    const emit: Environment['emit'] = (sighting) => this.#onlooker.see(sighting);
    const network = new Network({
      ...{ clock, random: random.fork('network'), emit, coverage },
      weather: { ...plan.weather },
      tombstoneSeconds: plan.tombstoneSeconds,
      ...(hold === undefined ? {} : { hold }),
    });
    const nowMs = (): number => this.#time.nowMs;
    const broken = (words: string): void => this.violated('I12 Isolation', words);
    return {
      ...{ clock, random, network, coverage, programs, modelOf, emit },
      failpoints: new Failpoints((point) => coverage.hit(point)),
      after: (delayMs, action) => this.#time.after(delayMs, action),
      logOf: (name) => worldLog(name, trace, nowMs, broken),
      healed: () => this.#healed,
    };
  }

  #heal(): void {
    const { network, failpoints } = this.#environment;
    this.#healed = true;
    network.heal();
    failpoints.disarm();
    this.#store.refusing = undefined;
    this.#store.unavailable = 0;
    this.#machines.repair();
    this.#onlooker.see({ type: 'phase', phase: 'healed' });
    this.#machines.restart();
  }
}
