import type { MonotonicMs, ThingName } from '../core/brand.ts';
import { monotonicMs } from '../core/brand.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Metrics } from '../ports/metrics.ts';
import { isSettled, isUnheardOf, type DeskEntry } from './desk-entry.ts';
import type { Recorder } from './recorder.ts';

export interface DeskShelfOptions {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  /** More desks than this are let go of, those first that nobody touched for `idleMs` and that nothing holds. */
  readonly desksMax: number;
  readonly idleMs: number;
  /** Whether all that others remember of a desk can be read from the ledger again. */
  readonly mayForget: (entry: DeskEntry) => boolean;
}

/** Questions about made-up names must not fill the memory; longer than this nobody works with such a desk. */
const UNHEARD_MS = 10_000;

/** The desks that are in memory, and who has to leave it. */
export class DeskShelf {
  readonly #options: DeskShelfOptions;
  readonly #entries = new Map<string, DeskEntry>();
  readonly #byThing = new Map<ThingName, Set<DeskEntry>>();
  /** Desks of which nothing was known when they were opened, and when that was; oldest first. */
  readonly #unheard = new Map<DeskEntry, MonotonicMs>();
  #round = 0;
  #asked = 0;
  #letting: Cancel | undefined;
  #stopped = false;

  constructor(options: DeskShelfOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is touched now is of this round. */
  get round(): number {
    return this.#round;
  }

  /** The highest number of a `get` of any desk that was let go of. */
  get asked(): number {
    return this.#asked;
  }

  get(key: string): DeskEntry | undefined {
    return this.#entries.get(key);
  }

  all(): Iterable<DeskEntry> {
    return this.#entries.values();
  }

  ofThing(thingName: ThingName): Iterable<DeskEntry> {
    return this.#byThing.get(thingName) ?? [];
  }

  add(entry: DeskEntry): void {
    this.#entries.set(entry.key, entry);
    this.#planLetGo();
    const siblings = this.#byThing.get(entry.ref.thingName);
    if (siblings === undefined) this.#byThing.set(entry.ref.thingName, new Set([entry]));
    else siblings.add(entry);
  }

  /** It was read from the ledger. Lets go of older ones of which still nothing is known. */
  opened(entry: DeskEntry): void {
    if (!isUnheardOf(entry)) return;
    const now = this.#options.clock.monotonic();
    this.#unheard.set(entry, now);
    for (const [oldest, since] of this.#unheard) {
      if (now - since <= UNHEARD_MS) return;
      this.#unheard.delete(oldest);
      if (isUnheardOf(oldest) && oldest.readers.length === 0) this.#forget(oldest);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#letting?.();
    for (const { alarm } of this.#entries.values()) alarm.cancel();
  }

  #planLetGo(): void {
    const { clock, idleMs, desksMax } = this.#options;
    if (this.#entries.size <= desksMax) return;
    this.#letting ??= clock.at(monotonicMs(clock.monotonic() + idleMs), () => void this.#letGo());
  }

  /** Only of what the ledger has: whoever is touched in the meantime, or changes, stays. */
  async #letGo(): Promise<void> {
    const { recorder, metrics, desksMax } = this.#options;
    this.#round += 1;
    const tooMany = this.#entries.size - desksMax;
    const idle: DeskEntry[] = [];
    for (const entry of this.#entries.values()) {
      if (idle.length >= tooMany) break;
      if (this.#isIdle(entry)) idle.push(entry);
    }
    const stored = idle.length > 0 && (await recorder.stored());
    this.#letting = undefined;
    if (this.#stopped) return;
    if (stored) {
      const gone = idle.filter((entry) => this.#isIdle(entry));
      for (const entry of gone) this.#forget(entry);
      metrics.count('shadow_desks_let_go_total', {}, gone.length);
    }
    this.#planLetGo();
  }

  #isIdle(entry: DeskEntry): boolean {
    return this.#round - entry.round >= 2 && isSettled(entry) && this.#options.mayForget(entry);
  }

  #forget(entry: DeskEntry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#asked = Math.max(this.#asked, entry.desk?.asking.last ?? 0);
    entry.alarm.cancel();
    this.#entries.delete(entry.key);
    const siblings = this.#byThing.get(entry.ref.thingName);
    siblings?.delete(entry);
    if (siblings?.size === 0) this.#byThing.delete(entry.ref.thingName);
  }
}
