import { shadowTopic, type ShadowTopicKind } from '../../src/protocol/topics.ts';
import type { Store } from '../ledger/simulated-ledger.ts';
import type { Apps } from '../workload/apps.ts';
import type { DirectApps } from '../workload/direct-apps.ts';
import { BACKEND } from '../workload/draw-plan.ts';
import type { PlannedStep, Step } from '../workload/plan.ts';
import { DeviceMachine } from './device-machine.ts';
import type { Environment } from './environment.ts';
import type { Machines } from './machines.ts';

export interface PlanRunnerOptions {
  readonly environment: Environment;
  readonly machines: Machines;
  readonly store: Store;
  readonly apps: Apps;
  readonly directApps: DirectApps;
}

/** Does what a plan says, each step at its time, until the faults are over: what people do, and what goes wrong. */
export class PlanRunner {
  readonly #options: PlanRunnerOptions;
  #backwardMs = 0;

  constructor(options: PlanRunnerOptions) {
    this.#options = options;
  }

  /** By how much wall clocks were set back: so much later what hangs on them ends. */
  get backwardMs(): number {
    return this.#backwardMs;
  }

  schedule(steps: readonly PlannedStep[]): void {
    for (const step of steps) this.#options.environment.after(step.atMs, () => this.#do(step));
  }

  #do(step: PlannedStep): void {
    const { environment, machines, apps, directApps } = this.#options;
    const { network, coverage, failpoints, after, healed } = environment;
    if (healed()) return;
    switch (step.do) {
      case 'command':
        return void apps.command(step);
      case 'act':
        return void apps.act(step.nth, step.action);
      case 'direct':
        return void directApps.send(step);
      case 'group':
        return void directApps.sendToGroup(step);
      case 'actDirect':
        return void directApps.act(step);
      case 'look':
        return void apps.lookAtNth(step.nth);
      case 'report':
        return void apps.report(step);
      case 'foreign':
        return this.#foreign(step);
      case 'delete':
        return network.request(BACKEND, step.ref, 'delete', '{}');
      case 'press':
        if (machines.hardwareOf(step.ref)?.press(step.field, step.value, step.person)) coverage.hit('device.button');
        return;
      case 'ail':
        return this.#ail(step);
      case 'flap':
        return this.#flap(step, step.times);
      case 'crash':
        return machines.by(step.machine)?.crash(step.downMs, 'fault');
      case 'stop':
        return machines.by(step.machine)?.stop(step.downMs);
      case 'arm':
        return failpoints.arm(step.machine, step.point, step.visit);
      case 'pause':
        return machines.server.pause(step.forMs);
      case 'partition':
        network.partition(step.machine, step.direction);
        return after(step.forMs, () => network.mend(step.machine));
      case 'impersonate':
        return network.impersonate(step.machine);
      case 'brokerRestart':
        return network.restartBroker(step.downMs);
      case 'poison':
        return network.inject(shadowTopic(step.ref, step.kind as ShadowTopicKind), Buffer.from(step.payload));
      case 'jump':
        if (step.byMs < 0) this.#backwardMs -= step.byMs;
        return machines.by(step.machine)?.jump(step.byMs);
      case 'ledgerFull':
      case 'ledgerDown':
        return this.#ledgerTrouble(step);
      case 'journalFull':
        return this.#journalFull(step);
    }
  }

  #foreign({ ref, state, locked }: Extract<Step, { do: 'foreign' }>): void {
    const { network } = this.#options.environment;
    const version = network.document(ref)?.version;
    const lock = locked && version !== undefined ? { version } : {};
    network.request(BACKEND, ref, 'update', JSON.stringify({ state, ...lock }));
  }

  #ail({ ref, field, ailment, forMs }: Extract<Step, { do: 'ail' }>): void {
    const { environment, machines } = this.#options;
    const ailments = machines.hardwareOf(ref)?.ailments;
    ailments?.set(field, ailment);
    environment.after(forMs, () => {
      if (ailments?.get(field) === ailment) ailments.delete(field);
    });
  }

  #flap(step: Extract<Step, { do: 'flap' }>, left: number): void {
    const { environment, machines } = this.#options;
    if (left === 0 || environment.healed()) return;
    const value = step.values[left % 2] ?? null;
    const flapped = machines.hardwareOf(step.ref)?.changeByItself(step.field, value);
    if (flapped) environment.coverage.hit('adapter.flaps');
    environment.after(step.everyMs, () => this.#flap(step, left - 1));
  }

  #ledgerTrouble(step: Extract<Step, { do: 'ledgerFull' | 'ledgerDown' }>): void {
    const { environment, store } = this.#options;
    store.refusing = step.do === 'ledgerFull' ? 'ledger_full' : 'ledger_unavailable';
    environment.after(step.forMs, () => {
      store.refusing = undefined;
    });
  }

  #journalFull({ machine, forMs }: Extract<Step, { do: 'journalFull' }>): void {
    const { environment, machines } = this.#options;
    const device = machines.by(machine);
    if (!(device instanceof DeviceMachine)) return;
    device.disk.full = true;
    environment.after(forMs, () => {
      device.disk.full = false;
    });
  }
}
