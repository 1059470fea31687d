import { monotonicMs, type CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type CommandStatus, type TimelineEntry } from '../../src/core/command/command.ts';
import type { AnyCommand } from '../../src/core/direct/direct-command.ts';
import { modelEqual } from '../../src/core/model/model-equal.ts';
import { leavesOf, valueAt } from '../../src/core/json/json-pointer.ts';
import { isJsonObject, member, type JsonObject } from '../../src/core/json/json.ts';
import { jsonEqual } from '../../src/core/json/json-equal.ts';
import type { Model } from '../../src/core/model/model.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { shadowTopic, type ShadowTopicKind } from '../../src/protocol/topics.ts';
import { CHECKERS } from '../checkers/checkers.ts';
import type { CheckContext, Checker, Violation } from '../checkers/checker.ts';
import { ServiceHistory } from '../checkers/service-history.ts';
import { Hardware } from '../hardware/hardware.ts';
import type { Store } from '../ledger/simulated-ledger.ts';
import { Failpoints } from '../machine/failpoints.ts';
import { SeededRandom } from '../time/seeded-random.ts';
import { settled, settlesQuickly, SimulatedClock, SIMULATION_START } from '../time/simulated-clock.ts';
import { Network } from '../weather/network.ts';
import type { Hold } from '../weather/passage.ts';
import { Apps } from '../workload/apps.ts';
import { DirectApps } from '../workload/direct-apps.ts';
import { SERVER, shadowsOf } from '../workload/draw-plan.ts';
import { GROUP } from '../workload/group.ts';
import type { Plan, PlannedStep, Step } from '../workload/plan.ts';
import { Coverage } from './coverage.ts';
import { DeviceMachine } from './device-machine.ts';
import type { Environment, Machine } from './environment.ts';
import { PlainDevice } from './plain-device.ts';
import type { Programs } from './programs.ts';
import { ServerMachine } from './server-machine.ts';
import type { Sighting } from './sighting.ts';
import { Trace } from './trace.ts';
import { worldLog } from './world-log.ts';

const MINUTE = 60_000;
const QUIET_MS = 60 * MINUTE;
/** After the faults: longest command, longest lease, retries up to the device's cap, a resync. */
const CONVERGE_MS = 90 * MINUTE;
const CALM_MINUTES = 21;
const VIOLATIONS_MAX = 5;
/** Another team's. */
const BACKEND = 'backend';
const OPEN: readonly CommandStatus[] = (Object.keys(VERDICT_OF) as CommandStatus[]).filter(
  (status) => VERDICT_OF[status] === 'pending',
);

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
  readonly trace: Trace;
  readonly coverage = new Coverage();
  readonly violations: Violation[] = [];
  readonly #plan: Plan;
  readonly #options: WorldOptions;
  readonly #environment: Environment;
  readonly #network: Network;
  readonly #server: ServerMachine;
  readonly #apps: Apps;
  readonly #directApps: DirectApps;
  readonly #machines = new Map<string, Machine>();
  readonly #hardware = new Map<string, Hardware>();
  readonly #history: ServiceHistory;
  readonly #checkers: Checker[] = [];
  readonly #failpoints: Failpoints;
  #healed = false;
  #backwardMs = 0;

  constructor(options: WorldOptions) {
    const { plan, programs, store, modelOf, keepLines = false, hold } = options;
    this.#plan = plan;
    this.#options = options;
    this.trace = new Trace({ keep: keepLines });
    const random = new SeededRandom(plan.seed).fork('world');
    const emit = (sighting: Sighting): void => this.#see(sighting);
    this.#failpoints = new Failpoints((point) => this.coverage.hit(point));
    this.#network = new Network({
      clock: this.clock,
      random: random.fork('network'),
      emit,
      coverage: this.coverage,
      weather: { ...plan.weather },
      tombstoneSeconds: plan.tombstoneSeconds,
      ...(hold === undefined ? {} : { hold }),
    });
    this.#environment = {
      clock: this.clock,
      random,
      network: this.#network,
      coverage: this.coverage,
      failpoints: this.#failpoints,
      programs,
      modelOf,
      emit,
      after: (delayMs, action) => this.#after(delayMs, action),
      logOf: (name) =>
        worldLog(
          name,
          this.trace,
          () => this.#nowMs(),
          (words) => this.violated('I12 Isolation', words),
        ),
      healed: () => this.#healed,
    };
    store.unavailable = plan.ledgerUnavailable;
    this.#history = new ServiceHistory((key) => store.lives.get(key));
    this.#server = new ServerMachine(this.#environment, store, plan.serverClock);
    this.#machines.set(SERVER, this.#server);
    this.#apps = new Apps(this.#environment, this.#server);
    this.#directApps = new DirectApps(this.#environment, this.#server);
    this.#furnish();
    for (const [name, make] of Object.entries(CHECKERS)) this.#checkers.push(make(this.#contextFor(name)));
  }

  /** Device-hours lived so far. */
  get deviceHours(): number {
    return (this.#plan.things.length * this.#nowMs()) / (60 * MINUTE);
  }

  violated(invariant: string, words: string): void {
    if (this.violations.length >= VIOLATIONS_MAX) return;
    this.violations.push({ invariant, atMs: this.#nowMs(), words });
    this.trace.note(`${this.#nowMs()} VIOLATED ${invariant}: ${words}`);
  }

  /** A step of a run that somebody else directs. */
  async pass(byMs: number): Promise<void> {
    await this.#advance(byMs);
  }

  boot(): void {
    this.#see({ type: 'phase', phase: 'faults' });
    for (const machine of this.#machines.values()) machine.boot();
    for (const step of this.#plan.steps) this.#after(step.atMs, () => this.#do(step));
  }

  crash(machine: string): void {
    this.#machines.get(machine)?.crash(100);
  }

  /** Everything an onlooker can tell two moments apart by: documents, hardware, who is up. */
  portrait(): string {
    const parts = this.#refs().map((ref) => {
      const { fields } = this.#hardwareOf(ref)?.kit ?? { fields: [] };
      const values = fields.map(({ field }) => this.#hardwareOf(ref)?.value(field));
      const document = this.#network.document(ref);
      return [document?.version, document?.state, values];
    });
    const up = [...this.#machines.values()].map(({ ready }) => ready);
    return JSON.stringify([parts, up]);
  }

  /** Why it has not come to rest, or nothing. */
  pending(): Promise<string | undefined> {
    return this.#pending();
  }

  lookAtEverything(): Promise<void> {
    this.#see({ type: 'phase', phase: 'end' });
    return this.#lookAtEverything();
  }

  async run(): Promise<void> {
    this.#see({ type: 'phase', phase: 'faults' });
    for (const machine of this.#machines.values()) this.#after(machine.name.length * 10, () => machine.boot());
    for (const step of this.#plan.steps) this.#after(step.atMs, () => this.#do(step));
    await this.#advance(this.#plan.faultsMs);
    if (this.#over) return;
    this.#heal();
    const deadline = this.#nowMs() + CONVERGE_MS + this.#backwardMs;
    let reason = await this.#pending();
    // Calm for longer than a resync: a device may answer once to what it then finds.
    for (let calm = 0; calm < CALM_MINUTES; calm = reason === undefined ? calm + 1 : 0) {
      if (this.#over) return;
      if (this.#nowMs() > deadline) return this.violated('I1 Converge', reason ?? 'it never stayed calm');
      await this.#advance(MINUTE);
      reason = await this.#pending();
    }
    this.#see({ type: 'phase', phase: 'quiet' });
    await this.#advance(QUIET_MS);
    this.#see({ type: 'phase', phase: 'end' });
    await this.#lookAtEverything();
    const drifted = this.#over ? undefined : await this.#pending();
    if (drifted !== undefined) this.violated('I1 Converge', `after a quiet hour: ${drifted}`);
  }

  get #over(): boolean {
    return this.violations.length > 0 && this.trace.lines === undefined;
  }

  // ── time ──

  #nowMs(): number {
    return this.clock.monotonic();
  }

  #after(delayMs: number, action: () => void): void {
    this.clock.at(monotonicMs(this.clock.monotonic() + delayMs), action);
  }

  async #advance(byMs: number): Promise<void> {
    const end = monotonicMs(this.clock.monotonic() + byMs);
    const { store } = this.#options;
    await settled();
    while (this.violations.length < VIOLATIONS_MAX && (await this.clock.step(end))) {
      while (store.busy > 0) await settled();
      if (this.#over) return;
    }
    await this.clock.advanceTo(end);
  }

  /** Lets virtual time pass until the answer is there. */
  async #await<T>(call: Promise<T>): Promise<T> {
    const box: { value?: T; here: boolean } = { here: false };
    void call.then((value) => {
      box.value = value;
      box.here = true;
    });
    await settled();
    while (!box.here) if (!(await this.clock.step())) throw new Error('an answer that never comes');
    return box.value as T;
  }

  // ── seeing ──

  #see(sighting: Sighting): void {
    const atMs = this.#nowMs();
    this.trace.add(atMs, sighting);
    this.#history.see(atMs, sighting);
    if (sighting.type === 'service') this.#countService(sighting);
    if (sighting.type === 'wire' && isAskedAlone(sighting)) this.coverage.hit('direct.groupMemberAsked');
    if (sighting.type === 'event' && isAbort(sighting.entry)) this.coverage.hit('direct.groupAborted');
    for (const checker of this.#checkers) checker.see(atMs, sighting);
  }

  #countService({
    client,
    ref,
    operation,
    code,
    payload,
    before,
    after,
  }: Extract<Sighting, { type: 'service' }>): void {
    if (code !== 200) return;
    if (operation === 'delete') this.coverage.hit('service.deleted');
    if (operation === 'update' && client === BACKEND)
      this.coverage.hit(clears(payload) ? 'foreign.clear' : 'foreign.write');
    if (operation !== 'update' || before !== undefined || after === undefined) return;
    const wasThere = this.#history.of(shadowKey(ref)).length > 1;
    if (wasThere) this.coverage.hit(after.version > 1 ? 'service.recreated' : 'service.recreatedAfterTombstone');
  }

  #contextFor(name: string): CheckContext {
    const { store, modelOf } = this.#options;
    const models = new Map(this.#refs().map((ref) => [shadowKey(ref), modelOf(ref)]));
    return {
      things: this.#plan.things,
      history: this.#history,
      modelOf: (key) => models.get(key) ?? modelOf({ thingName: key as ShadowRef['thingName'] }),
      serviceNow: () => this.clock.wall(),
      durableWrite: (token) => store.writes.get(token),
      durableDirects: (transaction) => store.directs.get(transaction) ?? new Map(),
      violated: (words) => this.violated(name, words),
    };
  }

  // ── the plan ──

  #furnish(): void {
    for (const thing of this.#plan.things) {
      const shadows = shadowsOf(thing).map(({ ref, kit }) => {
        const { emit } = this.#environment;
        const { thingName, shadowName } = ref;
        const shadow = shadowName === undefined ? {} : { shadow: shadowName };
        const hardware = new Hardware({ thing: thingName, ...shadow, kit, emit });
        this.#hardware.set(shadowKey(ref), hardware);
        return { ref, hardware };
      });
      const [classic] = shadows;
      if (classic === undefined) continue;
      const machine =
        thing.kind === 'member'
          ? new DeviceMachine(this.#environment, thing, shadows, { acts: this.#plan.direct === true })
          : new PlainDevice(this.#environment, classic.ref, classic.hardware);
      this.#machines.set(machine.name, machine);
    }
  }

  #refs(): ShadowRef[] {
    return this.#plan.things.flatMap((thing) => shadowsOf(thing).map(({ ref }) => ref));
  }

  #do(step: PlannedStep): void {
    if (this.#healed) return;
    switch (step.do) {
      case 'command':
        return void this.#apps.command(step);
      case 'act':
        return void this.#apps.act(step.nth, step.action);
      case 'direct':
        return void this.#directApps.send(step);
      case 'group':
        return void this.#directApps.sendToGroup(step);
      case 'actDirect':
        return void this.#directApps.act(step);
      case 'look':
        return void this.#apps.lookAtNth(step.nth);
      case 'report':
        return void this.#apps.report(step);
      case 'foreign':
        return this.#foreign(step);
      case 'delete':
        return this.#network.request(BACKEND, step.ref, 'delete', '{}');
      case 'press':
        if (this.#hardwareOf(step.ref)?.press(step.field, step.value, step.person)) this.coverage.hit('device.button');
        return;
      case 'ail':
        return this.#ail(step);
      case 'flap':
        return this.#flap(step, step.times);
      case 'crash':
        return this.#machines.get(step.machine)?.crash(step.downMs, 'fault');
      case 'stop':
        return this.#machines.get(step.machine)?.stop(step.downMs);
      case 'arm':
        return this.#failpoints.arm(step.machine, step.point, step.visit);
      case 'pause':
        return this.#server.pause(step.forMs);
      case 'partition':
        this.#network.partition(step.machine, step.direction);
        return this.#after(step.forMs, () => this.#network.mend(step.machine));
      case 'impersonate':
        return this.#network.impersonate(step.machine);
      case 'brokerRestart':
        return this.#network.restartBroker(step.downMs);
      case 'poison':
        return this.#network.inject(shadowTopic(step.ref, step.kind as ShadowTopicKind), Buffer.from(step.payload));
      case 'jump':
        if (step.byMs < 0) this.#backwardMs -= step.byMs;
        return this.#machines.get(step.machine)?.jump(step.byMs);
      case 'ledgerFull':
      case 'ledgerDown':
        return this.#ledgerTrouble(step);
      case 'journalFull':
        return this.#journalFull(step);
    }
  }

  #foreign({ ref, state, locked }: Extract<Step, { do: 'foreign' }>): void {
    const version = this.#network.document(ref)?.version;
    const lock = locked && version !== undefined ? { version } : {};
    this.#network.request(BACKEND, ref, 'update', JSON.stringify({ state, ...lock }));
  }

  #ail({ ref, field, ailment, forMs }: Extract<Step, { do: 'ail' }>): void {
    const ailments = this.#hardwareOf(ref)?.ailments;
    ailments?.set(field, ailment);
    this.#after(forMs, () => {
      if (ailments?.get(field) === ailment) ailments.delete(field);
    });
  }

  #flap(step: Extract<Step, { do: 'flap' }>, left: number): void {
    if (left === 0 || this.#healed) return;
    const value = step.values[left % 2] ?? null;
    if (this.#hardwareOf(step.ref)?.changeByItself(step.field, value)) this.coverage.hit('adapter.flaps');
    this.#after(step.everyMs, () => this.#flap(step, left - 1));
  }

  #ledgerTrouble(step: Extract<Step, { do: 'ledgerFull' | 'ledgerDown' }>): void {
    const { store } = this.#options;
    store.refusing = step.do === 'ledgerFull' ? 'ledger_full' : 'ledger_unavailable';
    this.#after(step.forMs, () => {
      store.refusing = undefined;
    });
  }

  #journalFull({ machine, forMs }: Extract<Step, { do: 'journalFull' }>): void {
    const device = this.#machines.get(machine);
    if (!(device instanceof DeviceMachine)) return;
    device.disk.full = true;
    this.#after(forMs, () => {
      device.disk.full = false;
    });
  }

  #hardwareOf(ref: ShadowRef): Hardware | undefined {
    return this.#hardware.get(shadowKey(ref));
  }

  // ── afterwards ──

  #heal(): void {
    this.#healed = true;
    this.#network.heal();
    this.#failpoints.disarm();
    const { store } = this.#options;
    store.refusing = undefined;
    store.unavailable = 0;
    for (const hardware of this.#hardware.values()) hardware.ailments.clear();
    this.#see({ type: 'phase', phase: 'healed' });
    this.#server.resume();
    for (const machine of this.#machines.values()) {
      if (machine instanceof DeviceMachine) {
        machine.disk.full = false;
        // What waits for a restart gets one.
        if (machine.hardware.some(({ hardware }) => hardware.hasDeferred)) machine.crash(0);
      }
      machine.boot();
    }
  }

  /** Why the world has not come to rest, or nothing. */
  async #pending(): Promise<string | undefined> {
    for (const { name, ready } of this.#machines.values()) if (!ready) return `${name} is not up`;
    for (const ref of this.#refs()) {
      const reason = this.#shadowPending(ref);
      if (reason !== undefined) return reason;
    }
    return this.#commandPending();
  }

  #shadowPending(ref: ShadowRef): string | undefined {
    const hardware = this.#hardwareOf(ref);
    const document = this.#network.document(ref);
    if (document === undefined || hardware === undefined) return undefined;
    const { desired, reported } = document.state;
    const member_ = reported === undefined ? undefined : member(reported, 'reconciler');
    const listed = isJsonObject(member_) ? member(member_, 'fields') : undefined;
    const model = this.#options.modelOf(ref);
    const key = shadowKey(ref);
    const plain = this.#plan.things.some(({ thingName, kind }) => thingName === ref.thingName && kind === 'plain');
    for (const { field } of hardware.kit.fields) {
      const shown = valueAt(reported, field);
      if (shown === undefined) return `${key} does not report ${field}`;
      if (!jsonEqual(shown, hardware.value(field)))
        return `${key} reports ${field} = ${JSON.stringify(shown)}, which is ${JSON.stringify(hardware.value(field))}`;
    }
    for (const [field, wish] of leavesOf(desired ?? {})) {
      const shown = valueAt(reported, field);
      // An emptied object asks for nothing (R39, R59).
      if (isJsonObject(wish) && isJsonObject(shown)) continue;
      if (modelEqual({ desired: wish, reported: shown, annotations: model.annotations(field) })) continue;
      const entry = isJsonObject(listed) ? member(listed, field) : undefined;
      if (isJsonObject(entry) && member(entry, 'outcome') === 'refused') continue;
      if (plain && !model.knows(field)) continue;
      return `${key} ${field}: desired ${JSON.stringify(wish)}, reported ${JSON.stringify(shown)}, says ${JSON.stringify(entry)}`;
    }
    return undefined;
  }

  async #commandPending(): Promise<string | undefined> {
    const { api } = this.#server;
    if (api === undefined) return 'the server is not up';
    const open = await this.#await(api.commands({ statuses: OPEN }, { limit: 100 }));
    if (!open.ok) return open.problem.message;
    const [command] = open.value.items;
    if (command !== undefined) return `command ${words(command)}`;
    const ended = await this.#await(api.commands({}, { limit: 500 }));
    if (!ended.ok) return ended.problem.message;
    const unfinished = ended.value.items.find((each) => each.kind === 'shadow' && each.endResult === 'not_yet');
    return unfinished === undefined ? undefined : `command ${words(unfinished)}: its end is not carried out`;
  }

  async #lookAtEverything(): Promise<void> {
    const { api } = this.#server;
    if (api === undefined) return this.violated('I19 Recover', 'the server is gone');
    const ids = new Set<CommandId>([...this.#apps.acknowledged, ...this.#directApps.acknowledged]);
    for (let cursor: string | undefined; ;) {
      const page = { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) };
      const all = await this.#await(api.commands({}, page));
      if (!all.ok) return this.violated('I19 Recover', all.problem.message);
      for (const { id } of all.value.items) ids.add(id);
      cursor = all.value.next;
      if (cursor === undefined) break;
    }
    // Successors first: pointers are judged against what is known by then. Twice does no harm.
    for (let round = 0; round < 2; round++) for (const id of ids) await this.#await(this.#apps.look(id));
    for (const ref of this.#refs()) {
      await this.#await(this.#apps.report({ do: 'report', ref, refresh: true }));
    }
    let after = 0;
    for (;;) {
      const page = await this.#await(api.events(after, 500));
      if (!page.ok) return this.violated('I21 Stream', page.problem.message);
      const { entries, oldest } = page.value;
      this.#see({ type: 'resumed', after, entries, oldest });
      if (entries.length < 500) return;
      after = entries.at(-1)?.sequence ?? after;
    }
  }
}

/** A member of a group that has not answered, on its own topic. */
function isAskedAlone({ client, topic, payload }: Extract<Sighting, { type: 'wire' }>): boolean {
  return client === SERVER && topic.startsWith('cmd/heater') && payload.includes(`"group":"${GROUP}"`);
}

/** Enough members of a group have failed: the rest is called off. */
function isAbort({ event, by }: TimelineEntry): boolean {
  return by === 'desk' && (event === 'cancelled' || event === 'cancel_asked');
}

function clears(payload: string): boolean {
  const state = member(JSON.parse(payload) as JsonObject, 'state');
  return isJsonObject(state) && member(state, 'desired') === null;
}

function words(command: AnyCommand): string {
  const { id, status, statusReason, ref } = command;
  if (command.kind === 'direct') return `${id} on ${shadowKey(ref)} is ${status}: ${command.name}`;
  const { fields, endResult } = command;
  const open = fields.map(({ field, state }) => `${field} ${state.outcome}`).join(', ');
  return `${id} on ${shadowKey(ref)} is ${status} (${statusReason ?? endResult ?? ''}): ${open}`;
}
