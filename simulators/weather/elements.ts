import { monotonicMs, type EpochMs, type MonotonicMs } from '../../src/core/brand.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Coverage, Fault } from '../world/coverage.ts';
import type { Weather } from './weather.ts';

export interface ElementsOptions {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly weather: Weather;
}

/** Longer than this in flight and no client would still wait for it. */
const DELAY_MS_MAX = 8_000;

/**
 * The weather at work: when things happen, and whether they happen at all. All parts of a network draw from this one
 * stream, in the order of what they do, and count here what took effect.
 */
export class Elements {
  readonly random: SeededRandom;
  weather: Weather;
  readonly #clock: Clock;
  readonly #coverage: Coverage;

  constructor({ clock, random, coverage, weather }: ElementsOptions) {
    this.#clock = clock;
    this.random = random;
    this.#coverage = coverage;
    this.weather = weather;
  }

  wall(): EpochMs {
    return this.#clock.wall();
  }

  monotonic(): MonotonicMs {
    return this.#clock.monotonic();
  }

  at(dueMs: number, action: () => void): void {
    this.#clock.at(monotonicMs(dueMs), action);
  }

  after(delayMs: number, action: () => void): void {
    this.at(this.monotonic() + delayMs, action);
  }

  hit(fault: Fault): void {
    this.#coverage.hit(fault);
  }

  /** Whether it happens this time, given the share of times that it does. */
  strikes(share: number, fault: Fault): boolean {
    if (share === 0 || !this.random.chance(share)) return false;
    this.hit(fault);
    return true;
  }

  /** Whether a message is delivered twice; counted when the copy arrives. */
  doubles(): boolean {
    const { duplicate } = this.weather;
    return duplicate > 0 && this.random.chance(duplicate);
  }

  /** How long a message is on its way. */
  latency(): number {
    const base = this.random.integer(2, 12);
    const { delayMeanMs } = this.weather;
    if (delayMeanMs === 0) return base;
    this.hit('network.delay');
    return Math.min(DELAY_MS_MAX, base + Math.round(this.#exponential() * delayMeanMs));
  }

  /** What a SUBACK takes longer than it should. */
  subackDelay(): number {
    const { subackMs } = this.weather;
    if (subackMs === 0) return 0;
    const lateMs = this.random.integer(0, subackMs);
    if (lateMs > 0) this.hit('network.lateSuback');
    return lateMs;
  }

  /** In how many milliseconds a connection that is made now breaks by itself, if it does. */
  breakAfter(): number | undefined {
    const { breaksPerHour } = this.weather;
    return breaksPerHour === 0 ? undefined : Math.round((this.#exponential() * 3_600_000) / breaksPerHour);
  }

  /** A wait of 1 on average, whatever has been waited for already. */
  #exponential(): number {
    return -Math.log(1 - this.random.fraction());
  }
}
