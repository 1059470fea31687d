import { monotonicMs } from '../../src/core/brand.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Conditions } from './conditions.ts';

/**
 * One direction of one connection: what goes in comes out after a delay, in order unless told otherwise, until the
 * connection ends; then nothing comes out any more.
 */
export class Pipe {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #conditions: () => Conditions;
  #held: (() => void)[] | undefined;
  #lastArrival = 0;
  #open = true;

  constructor(clock: Clock, random: SeededRandom, conditions: () => Conditions) {
    this.#clock = clock;
    this.#random = random;
    this.#conditions = conditions;
  }

  /** For the protocol's own packets: they are neither lost nor doubled nor overtaken while the connection lasts. */
  send(arrive: () => void): void {
    this.#travel(arrive, false);
  }

  /** For messages: `arrive` runs as often as the conditions let it. */
  sendMessage(arrive: () => void): void {
    const { loss, duplication, reordering } = this.#conditions();
    // Always the same number of draws, so that a fault switched off changes nothing else of a run.
    const [lost, doubled, overtaking] = [loss, duplication, reordering].map((part) => this.#random.chance(part));
    if (lost) return;
    this.#travel(arrive, overtaking === true);
    if (doubled) this.#travel(arrive, true);
  }

  /** Nothing arrives until `thaw`; nothing is lost by it either, as with TCP. */
  freeze(): void {
    this.#held ??= [];
  }

  thaw(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const arrive of held) this.#travel(arrive, false);
  }

  end(): void {
    this.#open = false;
    this.#held = undefined;
  }

  #travel(arrive: () => void, overtaking: boolean): void {
    if (!this.#open) return;
    const { min, max } = this.#conditions().delayMs;
    const arrival = this.#clock.monotonic() + min + this.#random.fraction() * (max - min);
    const due = overtaking ? arrival : Math.max(arrival, this.#lastArrival);
    if (!overtaking) this.#lastArrival = due;
    this.#clock.at(monotonicMs(due), () => {
      if (!this.#open) return;
      if (this.#held === undefined) arrive();
      else this.#held.push(arrive);
    });
  }
}
