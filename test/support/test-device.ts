import type { FieldPointer, ThingName } from '../../src/core/brand.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import type { FieldValue } from '../../src/core/model/model.ts';
import type { FieldApplied, FieldReading, StateAdapter } from '../../src/ports/state-adapter.ts';

/** Hardware with a value per field that a test can look at, change by hand, and bend. */
export class TestHardware implements StateAdapter {
  readonly name: string;
  readonly fields: readonly FieldPointer[];
  readonly values = new Map<string, JsonValue>();
  /** Every change that reached the hardware, in order. */
  readonly effects: FieldValue[] = [];
  /** What the hardware makes of a change; by default it obeys. */
  obey: (change: FieldValue, signal: AbortSignal) => FieldApplied | Promise<FieldApplied>;
  /** Runs before each reading; may throw or wait. */
  beforeRead: () => void | Promise<void> = () => undefined;
  readonly #watchers = new Set<() => void>();

  constructor(values: Readonly<Record<string, JsonValue>>, name = 'hardware') {
    this.name = name;
    this.fields = Object.keys(values) as FieldPointer[];
    for (const [field, value] of Object.entries(values)) this.values.set(field, value);
    this.obey = (change) => this.set(change);
  }

  set({ field, value }: FieldValue): FieldApplied {
    this.values.set(field, value);
    return { field, result: 'applied' };
  }

  async read(): Promise<readonly FieldReading[]> {
    const waiting = this.beforeRead();
    if (waiting !== undefined) await waiting;
    return this.fields.map((field) => ({ field, value: this.values.get(field) ?? null }));
  }

  async apply(changes: readonly FieldValue[], signal: AbortSignal): Promise<readonly FieldApplied[]> {
    const results: FieldApplied[] = [];
    for (const change of changes) {
      this.effects.push(change);
      results.push(await this.obey(change, signal));
    }
    return results;
  }

  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** Somebody turns the knob. */
  turn(field: string, value: JsonValue): void {
    this.values.set(field, value);
    for (const watcher of this.#watchers) watcher();
  }
}

export const thing = (name: string): ThingName => name as ThingName;
export const field = (pointer: string): FieldPointer => pointer as FieldPointer;
