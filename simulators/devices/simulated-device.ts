import { readFileSync, renameSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { monotonicMs } from '../../src/core/brand.ts';
import { isJsonObject, objectFrom, type JsonObject, type JsonValue } from '../../src/core/json/json.ts';
import type { Model } from '../../src/core/model/model.ts';
import type { ReconcileLimits } from '../../src/core/reconcile/limits.ts';
import { done, type Result } from '../../src/core/result.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { composeDevice, type DeviceSetup } from '../../src/compose-device.ts';
import { FileJournal } from '../../src/adapters/file/journal.ts';
import { MemoryJournal } from '../../src/adapters/memory/journal.ts';
import type { Device, DeviceDirect } from '../../src/device/device.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Journal, JournalContent } from '../../src/ports/journal.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Random } from '../../src/ports/random.ts';
import { commandsOf, type CommandedDevice } from './commands.ts';
import { SimulatedHardware, type HardwareMemory, type HardwareSpec } from './hardware.ts';
import type { Misbehaviour } from './misbehaviour.ts';

export interface SimulatedDeviceOptions {
  readonly ref: ShadowRef;
  readonly spec: HardwareSpec;
  readonly model: Model;
  readonly mqtt: DeviceSetup['mqtt'];
  readonly clock: Clock;
  readonly random: Random;
  /** Draws the misbehaviour. Apart from `random`, so that a seed never repeats client tokens. */
  readonly chance: Random;
  readonly log: Log;
  readonly misbehaviour?: Misbehaviour;
  readonly limits?: Partial<ReconcileLimits>;
  /** Groups and topics of its direct commands; which ones it has, its kind says. */
  readonly direct?: DeviceDirect;
  /** Journal and hardware values outlive the process here; without it they outlive simulated reboots only. */
  readonly directory?: string;
}

/** How long a simulated reboot takes. */
const BOOT_MS = 300;

/** Hardware with the real reconciler in front of it. Survives its own power cuts as a real one would: by its journal. */
export class SimulatedDevice {
  readonly hardware: SimulatedHardware;
  readonly #options: SimulatedDeviceOptions;
  readonly #volatileJournal = new MemoryJournal();
  readonly #journalFile: string | undefined;
  #power: PowerCutJournal | undefined;
  #device: Device | undefined;
  #boot: Cancel | undefined;
  readonly #pending = new Set<Cancel>();
  #stopped = false;
  reboots = 0;

  constructor(options: SimulatedDeviceOptions) {
    this.#options = options;
    const { spec, clock, chance, misbehaviour, directory, ref } = options;
    const name = shadowKey(ref).replaceAll('/', '.').replaceAll(':', '_');
    this.#journalFile = directory === undefined ? undefined : join(directory, `${name}.journal`);
    this.hardware = new SimulatedHardware({
      spec,
      clock,
      random: chance,
      ...(misbehaviour === undefined ? {} : { misbehaviour }),
      memory: directory === undefined ? new VolatileMemory() : new FileMemory(join(directory, `${name}.hardware.json`)),
      onReboot: () => this.reboot(),
    });
  }

  get device(): Device | undefined {
    return this.#device;
  }

  async start(): Promise<Result<void>> {
    const { ref, spec, model, mqtt, clock, random, log, limits, direct } = this.#options;
    const file = this.#journalFile;
    this.#power = new PowerCutJournal(file === undefined ? this.#volatileJournal : new FileJournal(file));
    const composed = composeDevice({
      thingName: ref.thingName,
      shadows: [
        {
          ...(ref.shadowName === undefined ? {} : { shadowName: ref.shadowName }),
          model,
          adapters: [this.hardware],
        },
      ],
      mqtt,
      journal: this.#power,
      clock,
      random,
      log,
      ...(limits === undefined ? {} : { limits }),
      ...(direct === undefined ? {} : { direct }),
    });
    if (!composed.ok) return composed;
    for (const [name, offer] of Object.entries(commandsOf(spec.name, this.#commanded()))) {
      const offered = composed.value.onCommand(name, offer);
      if (!offered.ok) return offered;
    }
    this.#device = composed.value;
    return composed.value.start();
  }

  #commanded(): CommandedDevice {
    return {
      clock: this.#options.clock,
      value: (field) => this.hardware.values.get(field),
      turn: (field, value) => this.hardware.turn(field, value),
      later: (lengthMs, happens) => this.#later(lengthMs, happens),
      reboot: () => this.reboot(),
    };
  }

  #later(lengthMs: number, happens: () => void): void {
    const { clock } = this.#options;
    const cancel = clock.at(monotonicMs(clock.monotonic() + lengthMs), () => {
      this.#pending.delete(cancel);
      happens();
    });
    this.#pending.add(cancel);
  }

  /** The power goes now and comes back a little later. */
  reboot(): void {
    const { clock, log } = this.#options;
    const device = this.#device;
    if (device === undefined || this.#stopped) return;
    this.reboots += 1;
    this.#device = undefined;
    this.#power?.cut();
    log.info({ shadow: shadowKey(this.#options.ref) }, 'a simulated device lost its power');
    void device.stop({ graceMs: 0 });
    this.#boot = clock.at(monotonicMs(clock.monotonic() + BOOT_MS), () => {
      if (!this.#stopped) void this.start();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#boot?.();
    for (const cancel of this.#pending) cancel();
    await this.#device?.stop();
  }
}

/** After the power is cut nothing is written any more, whatever the dying process still tries. */
class PowerCutJournal implements Journal {
  readonly #journal: Journal;
  #cut = false;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  cut(): void {
    this.#cut = true;
  }

  open(): Promise<Result<JournalContent>> {
    return this.#journal.open();
  }

  write(key: string, record: JsonObject | null, options: { durable: boolean }): Promise<Result<void>> {
    return this.#cut ? Promise.resolve(done) : this.#journal.write(key, record, options);
  }

  close(): Promise<void> {
    return this.#journal.close();
  }
}

class VolatileMemory implements HardwareMemory {
  #values: ReadonlyMap<string, JsonValue> | undefined;

  load(): ReadonlyMap<string, JsonValue> | undefined {
    return this.#values;
  }

  save(values: ReadonlyMap<string, JsonValue>): void {
    this.#values = values;
  }
}

/** Values in a file, replaced atomically: a process that is killed leaves the old ones or the new ones. */
class FileMemory implements HardwareMemory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  load(): ReadonlyMap<string, JsonValue> | undefined {
    try {
      const stored: unknown = JSON.parse(readFileSync(this.#path, 'utf8'));
      return isJsonObject(stored) ? new Map(Object.entries(stored)) : undefined;
    } catch {
      return undefined;
    }
  }

  save(values: ReadonlyMap<string, JsonValue>): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    const next = `${this.#path}.next`;
    writeFileSync(next, JSON.stringify(objectFrom(values)));
    renameSync(next, this.#path);
  }
}
