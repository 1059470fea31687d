import type { FieldPointer } from '../../src/core/brand.ts';
import type { FieldValue } from '../../src/core/model/model.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { FieldApplied, FieldReading, StateAdapter } from '../../src/ports/state-adapter.ts';
import type { Failpoint } from '../machine/failpoints.ts';
import type { Process } from '../machine/process.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Coverage } from '../world/coverage.ts';
import type { Sighting } from '../world/sighting.ts';
import type { Ailment, Hardware } from './hardware.ts';

export interface HardwareAdapterOptions {
  readonly name: string;
  readonly hardware: Hardware;
  readonly process: Process;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly emit: (sighting: Sighting) => void;
  /** True: the process dies here. */
  readonly dies: (point: Failpoint) => boolean;
}

/** Longer than any time-out that the reconciler gives an adapter. */
const LATE_MS = 45_000;
const SLOW_MS_MAX = 6_000;

const COUNTED: Readonly<Record<Ailment, string>> = {
  throws: 'adapter.throws',
  fails: 'adapter.fails',
  hangs: 'adapter.hangs',
  late: 'adapter.lateFinish',
  refuses: 'adapter.refuses',
  defers: 'adapter.defers',
  lies: 'adapter.lies',
  clamps: 'adapter.clamps',
  unreadable: 'adapter.unreadable',
  slow: 'adapter.slow',
};

/** A driver between the reconciler and the simulated hardware, as good or bad as the hardware's ailments make it. */
export class HardwareAdapter implements StateAdapter {
  readonly name: string;
  readonly fields: readonly FieldPointer[];
  readonly #options: HardwareAdapterOptions;
  readonly #seen = new Map<FieldPointer, string>();

  constructor(options: HardwareAdapterOptions) {
    this.name = options.name;
    this.#options = options;
    this.fields = options.hardware.kit.fields
      .filter(({ adapter }) => adapter === options.name)
      .map(({ field }) => field);
  }

  async read(_signal: AbortSignal): Promise<readonly FieldReading[]> {
    const { process, random, hardware } = this.#options;
    await process.sleep(random.integer(1, 4));
    const readings = this.fields.map((field): FieldReading => {
      if (this.#ails(field, 'unreadable')) {
        this.#see('read', field);
        return { field, unreadable: { code: 'bus_error', message: 'no answer from the sensor' } };
      }
      const value = hardware.value(field);
      const by = hardware.by(field);
      this.#see('read', field, value);
      return { field, value, ...(by === undefined ? {} : { by }) };
    });
    if (this.#options.dies('device.afterReadback')) return never();
    return readings;
  }

  async apply(changes: readonly FieldValue[], signal: AbortSignal): Promise<readonly FieldApplied[]> {
    return this.#drive(changes, signal, false);
  }

  async undo(previous: readonly FieldValue[], signal: AbortSignal): Promise<readonly FieldApplied[]> {
    return this.#drive(previous, signal, true);
  }

  watch(onChange: () => void): Cancel {
    const { hardware, process } = this.#options;
    return hardware.watch(this.name, () => process.run(onChange));
  }

  async #drive(changes: readonly FieldValue[], signal: AbortSignal, undo: boolean): Promise<readonly FieldApplied[]> {
    const { process, random } = this.#options;
    if (this.#options.dies('device.beforeApply')) return never();
    for (const { field, value } of changes) {
      const place = this.#place();
      this.#options.emit({ type: 'apply', ...place, field, value, ...(undo ? { undo: true as const } : {}) });
    }
    const any = (ailment: Ailment): boolean => changes.some(({ field }) => this.#ails(field, ailment));
    if (any('throws')) throw new Error('driver bug');
    if (any('hangs')) return aborted(signal);
    const late = any('late');
    await process.sleep(late ? LATE_MS : any('slow') ? random.integer(1_000, SLOW_MS_MAX) : random.integer(1, 20));
    if (signal.aborted && !late) return never();
    const answers = changes.map((change) => this.#one(change));
    if (this.#options.dies('device.afterApply')) return never();
    return answers;
  }

  #one({ field, value }: FieldValue): FieldApplied {
    const { hardware } = this.#options;
    if (this.#ails(field, 'fails')) return { field, result: 'failed', code: 'busy', message: 'try again' };
    if (this.#ails(field, 'refuses')) return { field, result: 'refused', code: 'not_possible', message: 'never' };
    if (this.#ails(field, 'defers')) {
      hardware.defer(field, value);
      return { field, result: 'deferred', until: 'restart' };
    }
    if (!this.#ails(field, 'lies')) {
      if (typeof value === 'number') this.#ails(field, 'clamps');
      hardware.drive(field, value);
    }
    return { field, result: 'applied' };
  }

  #ails(field: FieldPointer, ailment: Ailment): boolean {
    if (this.#options.hardware.ailments.get(field) !== ailment) return false;
    this.#options.coverage.hit(COUNTED[ailment]);
    return true;
  }

  /** An onlooker is told what is new: a poll that finds the same says nothing. */
  #see(type: 'read', field: FieldPointer, value?: FieldValue['value']): void {
    const text = JSON.stringify(value) ?? '';
    if (this.#seen.get(field) === text) return;
    this.#seen.set(field, text);
    this.#options.emit({ type, ...this.#place(), field, ...(value === undefined ? {} : { value }) });
  }

  #place() {
    const { thing, shadow } = this.#options.hardware;
    return { thing, ...(shadow === undefined ? {} : { shadow }) };
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** Hangs until it is told to stop. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}
