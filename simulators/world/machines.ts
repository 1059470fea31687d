import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { Hardware } from '../hardware/hardware.ts';
import type { Store } from '../ledger/simulated-ledger.ts';
import { shadowsOf } from '../workload/draw-plan.ts';
import type { Plan, ThingPlan } from '../workload/plan.ts';
import { DeviceMachine } from './device-machine.ts';
import type { Environment, Machine } from './environment.ts';
import { PlainDevice } from './plain-device.ts';
import { ServerMachine } from './server-machine.ts';

/** The server and every device of a plan, with the hardware behind each shadow. */
export class Machines {
  readonly server: ServerMachine;
  /** All shadows that have a device. */
  readonly refs: readonly ShadowRef[];
  readonly #environment: Environment;
  readonly #machines = new Map<string, Machine>();
  readonly #hardware = new Map<string, Hardware>();

  constructor(environment: Environment, plan: Plan, store: Store) {
    this.#environment = environment;
    this.refs = plan.things.flatMap(shadowsOf).map(({ ref }) => ref);
    this.server = new ServerMachine(environment, store, plan.serverClock);
    this.#machines.set(this.server.name, this.server);
    for (const thing of plan.things) this.#furnish(thing, plan.direct === true);
  }

  get all(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  by(name: string): Machine | undefined {
    return this.#machines.get(name);
  }

  hardwareOf(ref: ShadowRef): Hardware | undefined {
    return this.#hardware.get(shadowKey(ref));
  }

  /** From now on all hardware does what it is told. */
  repair(): void {
    for (const hardware of this.#hardware.values()) hardware.ailments.clear();
  }

  /** Whatever is down comes up, with room on its disk; what waits for a restart gets one. */
  restart(): void {
    this.server.resume();
    for (const machine of this.all) {
      if (machine instanceof DeviceMachine) {
        machine.disk.full = false;
        if (machine.hardware.some(({ hardware }) => hardware.hasDeferred)) machine.crash(0);
      }
      machine.boot();
    }
  }

  #furnish(thing: ThingPlan, acts: boolean): void {
    const shadows = shadowsOf(thing).map(({ ref, kit }) => {
      const { emit } = this.#environment;
      const { thingName, shadowName } = ref;
      const shadow = shadowName === undefined ? {} : { shadow: shadowName };
      const hardware = new Hardware({ thing: thingName, ...shadow, kit, emit });
      this.#hardware.set(shadowKey(ref), hardware);
      return { ref, hardware };
    });
    const [classic] = shadows;
    if (classic === undefined) return;
    const machine =
      thing.kind === 'member'
        ? new DeviceMachine(this.#environment, thing, shadows, { acts })
        : new PlainDevice(this.#environment, classic.ref, classic.hardware);
    this.#machines.set(machine.name, machine);
  }
}
