import { leavesOf, objectFromLeaves, valueAt } from '../../src/core/json/json-pointer.ts';
import { isJsonObject, member, type JsonObject, type JsonValue } from '../../src/core/json/json.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { parseShadowTopic, shadowTopic } from '../../src/protocol/topics.ts';
import type { Hardware } from '../hardware/hardware.ts';
import { same } from '../checkers/service-history.ts';
import { Process } from '../machine/process.ts';
import { WallClock } from '../machine/wall-clock.ts';
import type { Network } from '../weather/network.ts';
import type { Peer } from '../weather/session.ts';
import type { Environment, Machine } from './environment.ts';

const REBOOT_MS = 3_000;
const APPLY_MS = 40;
const RESYNC_MS = 300_000;
const RECONNECT_MS = 2_000;

/** A device by somebody else: follows deltas, reports its state, has never heard of us. */
export class PlainDevice implements Machine {
  readonly name: string;
  readonly #environment: Environment;
  readonly #ref: ShadowRef;
  readonly #hardware: Hardware;
  readonly #wall: WallClock;
  #process: Process | undefined;
  #peer: Peer | undefined;
  #version = 0;
  #said = '';

  constructor(environment: Environment, ref: ShadowRef, hardware: Hardware) {
    this.#environment = environment;
    this.#ref = ref;
    this.#hardware = hardware;
    this.name = ref.thingName;
    this.#wall = new WallClock(environment.clock);
  }

  get process(): Process | undefined {
    return this.#process;
  }

  get ready(): boolean {
    return this.#process !== undefined;
  }

  boot(): void {
    if (this.#process !== undefined) return;
    const { clock, emit } = this.#environment;
    const process = new Process({ name: this.name, master: clock, wall: this.#wall, originMs: 0 });
    this.#process = process;
    process.onKill(() => {
      if (this.#peer !== undefined) this.#environment.network.vanished(this.#peer);
      this.#peer = undefined;
    });
    emit({ type: 'boot', process: this.name });
    emit({ type: 'ready', process: this.name });
    this.#hardware.restart();
    this.#hardware.watch('panel', () => this.#report());
    this.#connect(process);
    this.#resync(process);
  }

  crash(downMs: number, why?: 'fault'): void {
    const process = this.#process;
    if (process === undefined) return;
    if (why === 'fault') this.#environment.coverage.hit('device.crash');
    this.#process = undefined;
    process.kill();
    this.#environment.emit({ type: 'crash', process: this.name });
    this.#environment.after(this.#environment.healed() ? REBOOT_MS : downMs, () => this.boot());
  }

  stop(downMs: number): void {
    this.crash(downMs);
  }

  jump(byMs: number): void {
    this.#wall.jump(byMs);
  }

  #connect(process: Process): void {
    const { network } = this.#environment;
    if (!network.reachable(this.name)) {
      process.after(RECONNECT_MS, () => this.#connect(process));
      return;
    }
    const peer: Peer = {
      clientId: this.name,
      receive: (topic, payload) => process.run(() => this.#receive(topic, payload)),
      lost: () =>
        process.run(() => {
          this.#peer = undefined;
          process.after(RECONNECT_MS, () => this.#connect(process));
        }),
    };
    this.#peer = peer;
    network.connect(peer);
    const kinds = ['get/accepted', 'get/rejected', 'update/delta', 'delete/accepted'] as const;
    process.after(20, () => {
      network.subscribe(
        peer,
        kinds.map((kind) => shadowTopic(this.#ref, kind)),
      );
      this.#get(network);
    });
  }

  #resync(process: Process): void {
    process.after(RESYNC_MS, () => {
      this.#get(this.#environment.network);
      this.#resync(process);
    });
  }

  #get(network: Network): void {
    if (this.#peer !== undefined)
      network.publish(this.#peer, shadowTopic(this.#ref, 'get'), Buffer.from('{}'), () => undefined);
  }

  #receive(topic: string, payload: Uint8Array): void {
    const body = parsed(payload);
    const kind = parseShadowTopic(topic)?.kind;
    if (body === undefined || kind === undefined) return;
    const version = member(body, 'version');
    const state = member(body, 'state');
    if (kind === 'get/rejected' || kind === 'delete/accepted') {
      this.#version = 0;
      return this.#report();
    }
    if (typeof version !== 'number' || !isJsonObject(state)) return;
    if (kind === 'update/delta' && version < this.#version) return;
    this.#version = version;
    const delta = kind === 'get/accepted' ? member(state, 'delta') : state;
    if (kind === 'get/accepted') this.#correct(member(state, 'reported'));
    if (!isJsonObject(delta)) return;
    this.#process?.after(APPLY_MS, () => this.#apply(delta, version));
  }

  #apply(delta: JsonObject, version: number): void {
    if (version < this.#version) return;
    for (const [field, value] of leavesOf(delta)) {
      if (this.#hardware.kit.fields.some((kit) => kit.field === field)) this.#hardware.drive(field, value);
    }
    // What it cannot do comes again with every report (R61): it has learnt not to answer that.
    if (JSON.stringify(this.#state()) !== this.#said) this.#report();
  }

  /** A lost report shows in the next document. */
  #correct(reported: JsonValue | undefined): void {
    const state = this.#state();
    const right = leavesOf(state).every(([field, value]) => same(valueAt(reported, field), value));
    if (!right) this.#report();
  }

  #state(): JsonObject {
    const { kit } = this.#hardware;
    return objectFromLeaves(kit.fields.map(({ field }) => [field, this.#hardware.value(field)] as const));
  }

  #report(): void {
    if (this.#peer === undefined) return;
    const reported = this.#state();
    this.#said = JSON.stringify(reported);
    const payload = Buffer.from(JSON.stringify({ state: { reported } }));
    this.#environment.network.publish(this.#peer, shadowTopic(this.#ref, 'update'), payload, () => undefined);
  }
}

function parsed(payload: Uint8Array): JsonObject | undefined {
  try {
    const body = JSON.parse(Buffer.from(payload).toString('utf8')) as unknown;
    return isJsonObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}
