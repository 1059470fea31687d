import type { FieldPointer, ThingName } from '../../src/core/brand.ts';
import { jsonEqual } from '../../src/core/json/json-equal.ts';
import type { JsonArray, JsonValue } from '../../src/core/json/json.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { Sighting } from '../world/sighting.ts';
import type { FieldKit, ShadowKit } from './kit.ts';

/**
 * What is wrong with a field's hardware or its driver at the moment.
 *
 * throws, fails, hangs   the call ends with an exception, an answer, or never
 * late                   the call ignores its abort and ends long after, with success
 * refuses, defers        an honest no; an honest "after the next restart"
 * lies                   says applied, changes nothing
 * clamps                 numbers stop at half of what was asked for
 * unreadable             reading fails
 * slow                   seconds instead of milliseconds
 */
export const AILMENTS = [
  'throws',
  'fails',
  'hangs',
  'late',
  'refuses',
  'defers',
  'lies',
  'clamps',
  'unreadable',
  'slow',
] as const;

export type Ailment = (typeof AILMENTS)[number];

/** The physical side of one shadow of one device. Survives every crash of the software. */
export class Hardware {
  readonly thing: ThingName;
  readonly shadow: string | undefined;
  readonly kit: ShadowKit;
  readonly ailments = new Map<FieldPointer, Ailment>();
  readonly #values = new Map<FieldPointer, JsonValue>();
  readonly #people = new Map<FieldPointer, string>();
  readonly #deferred = new Map<FieldPointer, JsonValue>();
  readonly #watchers = new Set<{ readonly adapter: string; readonly onChange: () => void }>();
  readonly #emit: (sighting: Sighting) => void;

  constructor(options: {
    readonly thing: ThingName;
    readonly shadow?: string;
    readonly kit: ShadowKit;
    readonly emit: (sighting: Sighting) => void;
  }) {
    this.thing = options.thing;
    this.shadow = options.shadow;
    this.kit = options.kit;
    this.#emit = options.emit;
    for (const { field, initial } of options.kit.fields) this.#values.set(field, initial);
  }

  value(field: FieldPointer): JsonValue {
    return this.#values.get(field) ?? null;
  }

  /** Who set it, if it was a person. */
  by(field: FieldPointer): string | undefined {
    return this.#people.get(field);
  }

  /** The driver sets a value; what the hardware makes of it is its own business. */
  drive(field: FieldPointer, wish: JsonValue): void {
    const kit = this.#kitOf(field);
    const value = this.ailments.get(field) === 'clamps' && typeof wish === 'number' ? Math.floor(wish / 2) : wish;
    this.#people.delete(field);
    this.#set(field, taken(value, kit), 'adapter');
  }

  defer(field: FieldPointer, wish: JsonValue): void {
    this.#deferred.set(field, wish);
  }

  /** Power comes back: what waited for a restart takes effect. */
  restart(): void {
    this.#watchers.clear();
    for (const [field, wish] of this.#deferred) this.#set(field, taken(wish, this.#kitOf(field)), 'adapter');
    this.#deferred.clear();
  }

  get hasDeferred(): boolean {
    return this.#deferred.size > 0;
  }

  /** True if it made a difference. */
  press(field: FieldPointer, value: JsonValue, person: string): boolean {
    this.#people.set(field, person);
    const changed = this.#set(field, value, 'person');
    this.#notify(field);
    return changed;
  }

  /** True if it made a difference. */
  changeByItself(field: FieldPointer, value: JsonValue): boolean {
    this.#people.delete(field);
    const changed = this.#set(field, value, 'itself');
    this.#notify(field);
    return changed;
  }

  watch(adapter: string, onChange: () => void): Cancel {
    const watcher = { adapter, onChange };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #set(field: FieldPointer, value: JsonValue, cause: 'adapter' | 'person' | 'itself'): boolean {
    if (jsonEqual(this.value(field), value)) return false;
    this.#values.set(field, value);
    const shadow = this.shadow === undefined ? {} : { shadow: this.shadow };
    this.#emit({ type: 'hardware', thing: this.thing, ...shadow, field, value, cause });
    return true;
  }

  #notify(field: FieldPointer): void {
    const { adapter } = this.#kitOf(field);
    for (const watcher of [...this.#watchers]) if (watcher.adapter === adapter) watcher.onChange();
  }

  #kitOf(field: FieldPointer): FieldKit {
    const kit = this.kit.fields.find((candidate) => candidate.field === field);
    if (kit === undefined) throw new Error(`no hardware for ${field}`);
    return kit;
  }
}

function taken(value: JsonValue, { nature }: FieldKit): JsonValue {
  if (nature === 'float32' && typeof value === 'number') return Math.fround(value);
  if (nature === 'sorted' && Array.isArray(value)) {
    return [...(value as JsonArray)].sort((left, right) => Number(left) - Number(right));
  }
  return value;
}
