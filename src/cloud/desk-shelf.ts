import type { MonotonicMs, ThingName } from '../core/brand.ts';
import { monotonicMs } from '../core/brand.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Metrics } from '../ports/metrics.ts';
import { isHeld, isSettled, isUnheardOf, isWaiting, type DeskEntry } from './desk-entry.ts';
import type { Recorder } from './recorder.ts';

export interface DeskShelfOptions {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  /** More desks than this are let go of: those that nothing holds, when nobody touched them for so long. */
  readonly desksMax: number;
  readonly idleMs: number;
  /** The same for those whose commands only wait, most of them for days. */
  readonly restMs: number;
  /** Whether all that others remember of a desk can be read from the ledger again. */
  readonly mayForget: (entry: DeskEntry) => boolean;
}

export interface ShelfParts extends DeskShelfOptions {
  /** These left although their commands are open. */
  readonly onRest: (entries: readonly DeskEntry[]) => void;
}

/** Questions about made-up names must not fill the memory; longer than this nobody works with such a desk. */
const UNHEARD_MS = 10_000;
/** So often it is looked who may go, while too many are there, and at so many in one go. */
const LOOK_MS = 500;
const LOOKED_AT_ONCE = 5_000;

/** The desks that are in memory, and who has to leave it. */
export class DeskShelf {
  readonly #options: ShelfParts;
  readonly #entries = new Map<string, DeskEntry>();
  readonly #byThing = new Map<ThingName, Set<DeskEntry>>();
  /** Desks of which nothing was known when they were opened, and when that was; oldest first. */
  readonly #unheard = new Map<DeskEntry, MonotonicMs>();
  /** Goes round all that are there, over and over. */
  #round: Iterator<DeskEntry> | undefined;
  #linked = false;
  #asked = 0;
  #letting: Cancel | undefined;
  #stopped = false;

  constructor(options: ShelfParts) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
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

  /** Somebody works with it: it stays. */
  touch(entry: DeskEntry): void {
    entry.touchedAt = this.#options.clock.monotonic();
    entry.leaving = false;
  }

  link(up: boolean): void {
    this.#linked = up;
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
      if (isUnheardOf(oldest) && !isHeld(oldest)) this.#forget(oldest);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#letting?.();
    for (const { alarm } of this.#entries.values()) alarm.cancel();
  }

  #planLetGo(): void {
    const { clock, idleMs, restMs, desksMax } = this.#options;
    if (this.#entries.size <= desksMax) return;
    const lookMs = Math.min(LOOK_MS, idleMs, restMs);
    this.#letting ??= clock.at(monotonicMs(clock.monotonic() + lookMs), () => void this.#letGo());
  }

  /** Only of what the ledger has: whoever is touched in the meantime, or changes, stays. */
  async #letGo(): Promise<void> {
    const { recorder, metrics, onRest } = this.#options;
    const leaving = this.#whoMayGo();
    for (const entry of leaving) entry.leaving = true;
    const stored = leaving.length > 0 && (await recorder.stored());
    this.#letting = undefined;
    if (this.#stopped) return;
    const gone = stored ? leaving.filter((entry) => entry.leaving && this.#mayGo(entry)) : [];
    for (const entry of gone) this.#forget(entry);
    const rest = gone.filter(({ desk }) => desk !== undefined && desk.commands.size > 0);
    if (rest.length > 0) {
      onRest(rest);
      metrics.count('shadow_desks_rested_total', {}, rest.length);
    }
    if (gone.length > rest.length) metrics.count('shadow_desks_let_go_total', {}, gone.length - rest.length);
    this.#planLetGo();
  }

  #whoMayGo(): DeskEntry[] {
    const { clock, desksMax, idleMs, restMs } = this.#options;
    const tooMany = this.#entries.size - desksMax;
    const now = clock.monotonic();
    const found: DeskEntry[] = [];
    for (let left = Math.min(LOOKED_AT_ONCE, this.#entries.size); left > 0 && found.length < tooMany; left -= 1) {
      const entry = this.#nextInRound();
      if (entry === undefined) break;
      const idle = now - entry.touchedAt;
      if (idle >= (entry.desk?.commands.size === 0 ? idleMs : restMs) && this.#mayGo(entry)) found.push(entry);
    }
    return found;
  }

  #nextInRound(): DeskEntry | undefined {
    const next = this.#round?.next();
    if (next?.done === false) return next.value;
    this.#round = this.#entries.values();
    const first = this.#round.next();
    return first.done === true ? undefined : first.value;
  }

  #mayGo(entry: DeskEntry): boolean {
    if (isHeld(entry) || !(isSettled(entry) || isWaiting(entry, this.#linked))) return false;
    return this.#options.mayForget(entry);
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
