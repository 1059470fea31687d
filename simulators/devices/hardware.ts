import type { FieldPointer } from '../../src/core/brand.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import type { FieldValue } from '../../src/core/model/model.ts';
import type { FieldApplied, FieldReading, StateAdapter } from '../../src/ports/state-adapter.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import { monotonicMs } from '../../src/core/brand.ts';
import type { Random } from '../../src/ports/random.ts';
import type { Misbehaviour } from './misbehaviour.ts';

/** What a piece of hardware can do with one of its fields. */
export interface FieldSpec {
  readonly initial: JsonValue;
  readonly min?: number;
  readonly max?: number;
  /** What the hardware rounds to. */
  readonly resolution?: number;
}

export interface HardwareSpec {
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldSpec>>;
}

/** Where values live while the device is without power. */
export interface HardwareMemory {
  load(): ReadonlyMap<string, JsonValue> | undefined;
  save(values: ReadonlyMap<string, JsonValue>): void;
}

export interface HardwareOptions {
  readonly spec: HardwareSpec;
  readonly clock: Clock;
  readonly random: Random;
  readonly misbehaviour?: Misbehaviour;
  readonly memory?: HardwareMemory;
  /** The power goes, in the middle of whatever the device does. */
  readonly onReboot?: () => void;
}

/**
 * Simulated hardware behind a state adapter: values with ranges and resolutions, and every way of misbehaving that a
 * configuration asks for. An example of an adapter, too: `read` tells what the hardware does, `apply` what came of it.
 */
export class SimulatedHardware implements StateAdapter {
  readonly name: string;
  readonly fields: readonly FieldPointer[];
  readonly #options: HardwareOptions;
  readonly #values: Map<string, JsonValue>;
  /** What a liar claims to be, per field. */
  readonly #claims = new Map<string, JsonValue>();
  readonly #watchers = new Set<() => void>();
  #flap: Cancel | undefined;
  #applied = 0;

  constructor(options: HardwareOptions) {
    this.#options = options;
    const { spec, memory } = options;
    this.name = spec.name;
    this.fields = Object.keys(spec.fields) as FieldPointer[];
    const stored = memory?.load();
    this.#values = new Map(
      this.fields.map((field) => [field, stored?.get(field) ?? spec.fields[field]?.initial ?? null]),
    );
  }

  /** The truth, for those who compare. */
  get values(): ReadonlyMap<string, JsonValue> {
    return this.#values;
  }

  /** Changes that reached the hardware. */
  get applied(): number {
    return this.#applied;
  }

  read(): Promise<readonly FieldReading[]> {
    if (this.#happens('throw')) return Promise.reject(new Error('the sensor bus does not answer'));
    return Promise.resolve(
      this.fields.map((field) => ({ field, value: this.#claims.get(field) ?? this.#values.get(field) ?? null })),
    );
  }

  async apply(changes: readonly FieldValue[], signal: AbortSignal): Promise<readonly FieldApplied[]> {
    const { slowMs } = this.#options.misbehaviour ?? {};
    if (slowMs !== undefined) await this.#pause(slowMs, signal);
    if (this.#happens('hang')) await new Promise(() => undefined);
    if (this.#happens('throw')) throw new Error('the actuator bus does not answer');
    const results = changes.map((change) => this.#applyOne(change));
    this.#options.memory?.save(this.#values);
    if (this.#happens('reboot')) this.#options.onReboot?.();
    return results;
  }

  watch(onChange: () => void): Cancel {
    this.#watchers.add(onChange);
    const { flapMs } = this.#options.misbehaviour ?? {};
    if (flapMs !== undefined && this.#flap === undefined) this.#flapEvery(flapMs);
    return () => {
      this.#watchers.delete(onChange);
      if (this.#watchers.size > 0) return;
      this.#flap?.();
      this.#flap = undefined;
    };
  }

  /** Somebody changes a value at the device. */
  turn(field: string, value: JsonValue): void {
    this.#values.set(field, value);
    this.#options.memory?.save(this.#values);
    for (const tell of this.#watchers) tell();
  }

  #applyOne({ field, value }: FieldValue): FieldApplied {
    const spec = this.#options.spec.fields[field];
    const { min = -Infinity, max = Infinity, resolution } = spec ?? {};
    const outside = typeof value === 'number' && (value < min || value > max);
    if (outside && this.#options.misbehaviour?.clamp !== true) {
      return { field, result: 'refused', code: 'out_of_range', message: `${min} to ${max}` };
    }
    if (this.#happens('stuck')) return { field, result: 'applied' };
    if (this.#happens('lie')) {
      this.#claims.set(field, value);
      return { field, result: 'applied' };
    }
    this.#applied += 1;
    this.#claims.delete(field);
    this.#values.set(
      field,
      typeof value === 'number' ? rounded({ value, min, max, resolution: resolution ?? 0 }) : value,
    );
    return { field, result: 'applied' };
  }

  #happens(fault: 'throw' | 'hang' | 'stuck' | 'lie' | 'reboot'): boolean {
    const share = this.#options.misbehaviour?.[fault] ?? 0;
    return share > 0 && this.#options.random.fraction() < share;
  }

  #pause(lengthMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const cancel = clock.at(monotonicMs(clock.monotonic() + lengthMs), () => {
        signal.removeEventListener('abort', aborted);
        resolve();
      });
      const aborted = (): void => {
        cancel();
        reject(new Error('aborted'));
      };
      signal.addEventListener('abort', aborted, { once: true });
    });
  }

  /** The first number (or switch) swings between two values. */
  #flapEvery(lengthMs: number): void {
    const { clock } = this.#options;
    this.#flap = clock.at(monotonicMs(clock.monotonic() + lengthMs), () => {
      const [field] = this.fields;
      const value = field === undefined ? undefined : this.#values.get(field);
      if (field !== undefined && typeof value === 'number')
        this.turn(field, value + (Math.trunc(value) % 2 === 0 ? 1 : -1));
      if (field !== undefined && typeof value === 'boolean') this.turn(field, !value);
      this.#flapEvery(lengthMs);
    });
  }
}

function rounded({ value, min, max, resolution }: { value: number; min: number; max: number; resolution: number }) {
  const inside = Math.min(max, Math.max(min, value));
  return resolution === 0 ? inside : Number((Math.round(inside / resolution) * resolution).toFixed(6));
}
