import type { FieldPointer } from '../../src/core/brand.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import type { FieldValue } from '../../src/core/model/model.ts';
import type { FieldApplied, FieldReading, StateAdapter } from '../../src/ports/state-adapter.ts';

/** Hardware that obeys after `applyMs`; 0 is at once. */
export class TimedAdapter implements StateAdapter {
  readonly name = 'timed';
  readonly fields: readonly FieldPointer[];
  readonly #values: Map<FieldPointer, JsonValue>;
  readonly #applyMs: number;

  constructor(values: Readonly<Record<string, JsonValue>>, applyMs: number) {
    this.#values = new Map(Object.entries(values) as [FieldPointer, JsonValue][]);
    this.fields = [...this.#values.keys()];
    this.#applyMs = applyMs;
  }

  get(field: string): JsonValue | undefined {
    return this.#values.get(field as FieldPointer);
  }

  read(): Promise<readonly FieldReading[]> {
    return Promise.resolve([...this.#values].map(([field, value]) => ({ field, value })));
  }

  async apply(changes: readonly FieldValue[]): Promise<readonly FieldApplied[]> {
    if (this.#applyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#applyMs));
    for (const { field, value } of changes) this.#values.set(field, value);
    return changes.map(({ field }) => ({ field, result: 'applied' }));
  }
}
