import { monotonicMs } from '../core/brand.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import { Alarm } from '../ports/alarm.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { DeskEntry } from './desk-entry.ts';
import type { RestingDesks } from './resting-desks.ts';
import type { SteadyTime } from './steady-time.ts';

export interface WakeUpOptions {
  readonly clock: Clock;
  readonly time: SteadyTime;
  readonly random: Random;
  readonly resting: RestingDesks;
  /** Requests wait in such numbers that more would only wait as well. */
  readonly isCrowded: () => boolean;
  readonly linkUp: (entry: DeskEntry) => void;
  /** Has a desk that rests looked at; it is read from the ledger first. */
  readonly look: (ref: ShadowRef) => void;
}

/** So many desks take up their work in one go when the link returns; then others have their turn. */
const LINKED_AT_ONCE = 256;
/** The same for those that have to be read from the ledger first. */
const READ_AT_ONCE = 64;
const PAUSE_MS = 20;

/**
 * Piece by piece, so that a large fleet neither holds up the process nor asks for everything in one moment: desks take up
 * their work when the link is back, and those that rest are looked at when their time has come. One that is touched
 * meanwhile does not wait for its turn.
 */
export class WakeUp {
  readonly #options: WakeUpOptions;
  readonly #alarm: Alarm;
  #linking: Cancel = () => undefined;

  constructor(options: WakeUpOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => this.lookAtDue());
  }

  /** Those in memory in the order given, then those that rest. */
  link(entries: readonly DeskEntry[]): void {
    this.#linking();
    this.#linkSome(entries, 0);
  }

  unlink(): void {
    this.#linking();
  }

  /** One more rests, or the clock was corrected. */
  plan(): void {
    const { resting, time } = this.#options;
    const at = resting.dueAt;
    if (at === undefined) this.#alarm.cancel();
    else this.#alarm.at(time.due(at));
  }

  lookAtDue(): void {
    const { resting, time, look, clock, isCrowded } = this.#options;
    const now = time.now();
    for (let read = 0; read < READ_AT_ONCE && !isCrowded(); read += 1) {
      const ref = resting.due(now);
      if (ref === undefined) return this.plan();
      look(ref);
    }
    this.#alarm.at(monotonicMs(clock.monotonic() + this.#pauseMs()));
  }

  stop(): void {
    this.#linking();
    this.#alarm.cancel();
  }

  #linkSome(entries: readonly DeskEntry[], from: number): void {
    const to = this.#options.isCrowded() ? from : from + LINKED_AT_ONCE;
    for (const entry of entries.slice(from, to)) this.#options.linkUp(entry);
    if (to >= entries.length) this.#linkResting(0);
    else this.#later(() => this.#linkSome(entries, to));
  }

  #linkResting(from: number): void {
    const { resting, look, isCrowded } = this.#options;
    let place = from;
    for (let read = 0; read < READ_AT_ONCE && !isCrowded(); read += 1) {
      const next = resting.stale(place);
      if (next === undefined) return;
      look(next.ref);
      place = next.place + 1;
    }
    this.#later(() => this.#linkResting(place));
  }

  #later(run: () => void): void {
    const { clock } = this.#options;
    this.#linking = clock.at(monotonicMs(clock.monotonic() + this.#pauseMs()), run);
  }

  #pauseMs(): number {
    return PAUSE_MS * (0.5 + this.#options.random.fraction());
  }
}
