import { FaultInjector } from '../../simulators/faults/fault-injector.ts';
import { parseFaultRules } from '../../simulators/faults/fault-rule.ts';
import { MemoryLedger } from '../../simulators/ledger/memory-ledger.ts';
import { SimulatedNetwork } from '../../simulators/network/simulated-network.ts';
import { ShadowGateway } from '../../simulators/shadow-service/shadow-gateway.ts';
import { ShadowService } from '../../simulators/shadow-service/shadow-service.ts';
import { NO_THROTTLE } from '../../simulators/shadow-service/throttle.ts';
import { SimulatedClock } from '../../simulators/time/simulated-clock.ts';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import type { Cloud, CreateCommand } from '../../src/cloud/cloud.ts';
import type { CloudOptions } from '../../src/cloud/cloud-options.ts';
import { Engine } from '../../src/cloud/engine.ts';
import { epochMs, type CommandId, type MonotonicMs } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import type { JsonObject } from '../../src/core/json/json.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { SILENT } from '../../src/ports/log.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { parseShadowTopic, shadowTopic } from '../../src/protocol/topics.ts';
import { aWish, got, refOf } from './cloud.ts';

/** What a device does with a shadow; gets everything by `delta` and on connect by `get`. */
export type Behaviour = (device: WorldDevice, desired: JsonObject, version: number) => void;

/** Obeys at once and says so with the reconciler member. */
export const obedient: Behaviour = (device, desired, version) => device.report({ ...desired, reconciler: { version } });
/** A plain device: reports what it was told and nothing more. */
export const plain: Behaviour = (device, desired) => device.report(desired);
export const deaf: Behaviour = () => undefined;

/**
 * A cloud side, the shadow service and devices in one process on one simulated clock: an hour takes a moment, and what
 * happens is the same every time. `crash` takes the cloud side away in the middle of whatever it was doing.
 */
export class CloudWorld {
  readonly clock = new SimulatedClock();
  readonly injector = new FaultInjector();
  readonly network: SimulatedNetwork;
  readonly service: ShadowService;
  readonly ledger: MemoryLedger = new MemoryLedger();
  /** Updates that reached the service, as it read them. */
  readonly updates: { readonly key: string; readonly body: JsonObject; readonly from: string }[] = [];
  readonly gets: string[] = [];
  readonly #options: Partial<CloudOptions>;
  readonly #writer: Transport;
  readonly #lifecycle = new Map<string, number>();
  readonly #gateway: ShadowGateway;
  #cloud: Engine | undefined;
  #life: { alive: boolean } = { alive: true };
  #serviceOffsetMs = 0;
  readonly #random = new SeededRandom('cloud world');

  constructor(options: Partial<CloudOptions> = {}) {
    this.#options = options;
    this.network = new SimulatedNetwork({ clock: this.clock, random: new SeededRandom('network') });
    this.service = new ShadowService({});
    this.#gateway = new ShadowGateway({
      service: this.service,
      publish: (topic, body) => this.network.publish(topic, Buffer.from(body)),
      listened: (topic) => this.network.wanted(topic),
      clock: this.clock,
      now: () => epochMs(this.clock.wall() + this.#serviceOffsetMs),
      log: SILENT,
      injector: this.injector,
      throttle: NO_THROTTLE,
      httpAcceptedOverMqtt: true,
    });
    this.network.observe(({ topic, payload, from }) => this.#route(topic, payload, from));
    this.network.onSession((event) => this.#announce(event));
    this.#writer = this.network.client({ clientId: 'console' });
  }

  get cloud(): Cloud {
    if (this.#cloud === undefined) throw new Error('the cloud side is not running');
    return this.#cloud;
  }

  async start(): Promise<void> {
    await this.#connect(this.#writer);
    await this.restart();
  }

  /** A cloud side over the same ledger. */
  async restart(): Promise<void> {
    const life = { alive: true };
    this.#life = life;
    const clock = mortalClock(this.clock, life);
    const transport = this.network.client({ clientId: 'cloud', clock });
    this.#cloud = new Engine({
      transport,
      ledger: mortalLedger(this.ledger, life),
      clock,
      random: this.#random.fork(`life ${this.clock.monotonic()}`),
      log: SILENT,
      ...this.#options,
    });
    const started = this.#cloud.start();
    await this.settle();
    got(await started);
    await this.settle();
  }

  /** Gone without a word: what was not durable is lost, nothing runs on. */
  crash(): void {
    this.#life.alive = false;
    this.#cloud = undefined;
    this.network.cut('cloud');
  }

  async stop(): Promise<void> {
    const stopping = this.#cloud?.stop();
    const leaving = this.#writer.stop();
    await this.advance(3_000);
    await stopping;
    await leaving;
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Everything that needs no more than the cable's milliseconds. */
  async settle(): Promise<void> {
    await this.clock.advance(100);
  }

  async create(key: string, patch: CreateCommand['patch'], more: Partial<CreateCommand> = {}): Promise<Command> {
    const created = this.cloud.create(aWish(key, patch, more));
    await this.settle();
    return got(await created).command;
  }

  async command(id: CommandId): Promise<Command> {
    return got(await this.ledger.command(id)) as Command;
  }

  /** Somebody else writes. */
  async write(key: string, body: JsonObject): Promise<void> {
    await this.#writer.publish({ topic: shadowTopic(refOf(key), 'update'), payload: JSON.stringify(body), qos: 0 });
    await this.settle();
  }

  async desire(key: string, desired: JsonObject | null): Promise<void> {
    await this.write(key, { state: { desired }, clientToken: 'console' });
  }

  async report(key: string, reported: JsonObject | null): Promise<void> {
    await this.write(key, { state: { reported } });
  }

  async delete(key: string): Promise<void> {
    await this.#writer.publish({ topic: shadowTopic(refOf(key), 'delete'), payload: '', qos: 0 });
    await this.settle();
  }

  /** Forgets the shadow as the service does after 48 h, so that versions start anew. */
  async deleteForGood(key: string): Promise<void> {
    await this.delete(key);
    await this.advance(49 * 3_600_000);
  }

  document(key: string): ShadowDocument | undefined {
    const entry = this.service.store.entry(refOf(key));
    return entry !== undefined && 'record' in entry ? entry.record.document : undefined;
  }

  /** The service's clock against ours. */
  serviceOffset(ms: number): void {
    this.#serviceOffsetMs = ms;
  }

  /** Faults of the service and its messages, see `simulators/faults`. */
  faults(...rules: unknown[]): void {
    this.injector.set(got(parseFaultRules(rules)), 'seed');
  }

  async device(key: string, behaviour: Behaviour): Promise<WorldDevice> {
    const device = new WorldDevice(this, key, behaviour);
    await device.connect();
    return device;
  }

  async #connect(transport: Transport): Promise<void> {
    const started = transport.start();
    await this.settle();
    got(await started);
  }

  #route(topic: string, payload: Uint8Array, from: string): void {
    const place = parseShadowTopic(topic);
    if (place === undefined) {
      if (!topic.startsWith('$aws/')) this.network.publish(topic, payload);
      return;
    }
    const { ref, kind } = place;
    if (kind !== 'get' && kind !== 'update' && kind !== 'delete') return;
    const key = ref.shadowName === undefined ? ref.thingName : `${ref.thingName}/${ref.shadowName}`;
    if (kind === 'update') this.updates.push({ key, body: parsed(payload), from });
    if (kind === 'get') this.gets.push(key);
    this.#gateway.receive({ ref, operation: kind, payload }, { connection: from, cut: () => this.network.cut(from) });
  }

  #announce(event: { readonly type: string; readonly clientId: string }): void {
    const eventType = event.type === 'connected' ? 'connected' : 'disconnected';
    const before = this.#lifecycle.get(event.clientId) ?? 0;
    const versionNumber = eventType === 'connected' ? before + 1 : before;
    this.#lifecycle.set(event.clientId, versionNumber);
    this.lifecycle(eventType, event.clientId, versionNumber);
  }

  /** A lifecycle event, true or not. */
  lifecycle(eventType: 'connected' | 'disconnected', clientId: string, versionNumber: number): void {
    const body = { clientId, eventType, versionNumber, disconnectReason: 'CONNECTION_LOST' };
    this.network.publish(`$aws/events/presence/${eventType}/${clientId}`, Buffer.from(JSON.stringify(body)));
  }
}

/** A device of a few lines: it shows what the cloud side must cope with, not how a device should be written. */
export class WorldDevice {
  readonly #world: CloudWorld;
  readonly #key: string;
  readonly #transport: Transport;
  behave: Behaviour;

  constructor(world: CloudWorld, key: string, behaviour: Behaviour) {
    this.#world = world;
    this.#key = key;
    this.behave = behaviour;
    this.#transport = world.network.client({ clientId: refOf(key).thingName });
  }

  async connect(): Promise<void> {
    const ref = refOf(this.#key);
    const listen = async (kind: 'update/delta' | 'get/accepted' | 'update/accepted'): Promise<void> => {
      const filter = shadowTopic(ref, kind);
      got(await this.#transport.subscribe([{ filter, qos: 0 }], ({ payload }) => this.#hear(kind, parsed(payload))));
    };
    await Promise.all([listen('update/delta'), listen('get/accepted'), listen('update/accepted')]);
    this.#transport.onConnection(({ type }) => {
      if (type === 'up') this.get();
    });
    const started = this.#transport.start();
    await this.#world.settle();
    got(await started);
    await this.#world.settle();
  }

  get(): void {
    void this.#transport.publish({ topic: shadowTopic(refOf(this.#key), 'get'), payload: '', qos: 0 });
  }

  report(reported: JsonObject): void {
    const payload = JSON.stringify({ state: { reported }, clientToken: 'device' });
    void this.#transport.publish({ topic: shadowTopic(refOf(this.#key), 'update'), payload, qos: 0 });
  }

  async disconnect(): Promise<void> {
    const stopping = this.#transport.stop();
    await this.#world.settle();
    await stopping;
  }

  #hear(kind: string, body: JsonObject): void {
    const version = body['version'] as number;
    const state = (body['state'] ?? {}) as JsonObject;
    // Whoever answers the delta of his own report never stops (R61).
    if (body['clientToken'] === 'device') return;
    if (kind === 'update/delta') {
      this.behave(this, state, version);
      return;
    }
    const desired = state['desired'] as JsonObject | undefined;
    if (desired === undefined || desired === null) return;
    // A wish equal to what is reported sends no delta.
    if (kind === 'get/accepted' ? state['delta'] !== undefined : true) this.behave(this, desired, version);
  }
}

function parsed(payload: Uint8Array): JsonObject {
  const text = Buffer.from(payload).toString();
  return text === '' ? {} : (JSON.parse(text) as JsonObject);
}

function mortalClock(clock: Clock, life: { alive: boolean }): Clock {
  return {
    wall: () => clock.wall(),
    monotonic: () => clock.monotonic(),
    at: (due: MonotonicMs, fire: () => void): Cancel => clock.at(due, () => (life.alive ? fire() : undefined)),
  };
}

/** A dead process commits nothing; what it asked before never answers. */
function mortalLedger(ledger: Ledger, life: { alive: boolean }): Ledger {
  return new Proxy(ledger, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name === 'close') return () => Promise.resolve();
      return (...parameters: unknown[]): unknown => {
        if (!life.alive) return new Promise(() => undefined);
        return (member as (...all: unknown[]) => unknown).apply(target, parameters);
      };
    },
  });
}
