import type { EpochMs } from '../../src/core/brand.ts';
import { SeededRandom } from '../time/seeded-random.ts';
import { ruleMatches, type FaultKind, type FaultRule } from './fault-rule.ts';

/** One thing that went wrong on purpose. */
export interface Strike {
  readonly sequence: number;
  readonly at: EpochMs;
  readonly rule: string;
  readonly kind: FaultKind;
  readonly topic: string;
  /** The how-manyth message on this topic it was. */
  readonly occurrence: number;
  /** What was drawn, for `delay` and `reorder`. */
  readonly delayMs?: number;
}

export interface Fault {
  readonly rule: FaultRule;
  readonly delayMs: number;
}

/** The record is for people and tests, not an archive. */
const STRIKES_KEPT = 10_000;
/** A flood of made-up topics must not grow the counters without end. */
const TOPICS_COUNTED_MAX = 100_000;

/**
 * Decides what goes wrong. A draw depends on the seed, the rule's id, the topic and the how-manyth message on that topic
 * it is, on nothing else: two runs in which a topic carries the same messages see the same faults on it, however the
 * topics interleave.
 */
export class FaultInjector {
  #seed: number | string = 0;
  #rules: readonly FaultRule[] = [];
  readonly #occurrences = new Map<string, number>();
  readonly #struck = new Map<string, number>();
  #strikes: Strike[] = [];
  #sequence = 0;

  get seed(): number | string {
    return this.#seed;
  }

  get rules(): readonly FaultRule[] {
    return this.#rules;
  }

  /** Oldest first; the last `STRIKES_KEPT`. */
  get strikes(): readonly Strike[] {
    return this.#strikes;
  }

  /** Starts over with these rules: counters and record are emptied, so the same seed replays. */
  set(rules: readonly FaultRule[], seed: number | string): void {
    this.#rules = rules;
    this.#seed = seed;
    this.#occurrences.clear();
    this.#struck.clear();
    this.#strikes = [];
    this.#sequence = 0;
  }

  /** What happens to the next message on `topic`, in the order of the rules. */
  next(topic: string, now: EpochMs): readonly Fault[] {
    if (this.#rules.length === 0) return NONE;
    const rules = this.#rules.filter((rule) => ruleMatches(rule, topic));
    if (rules.length === 0) return NONE;
    const occurrence = (this.#occurrences.get(topic) ?? 0) + 1;
    if (this.#occurrences.size > TOPICS_COUNTED_MAX) this.#occurrences.clear();
    this.#occurrences.set(topic, occurrence);
    return rules.flatMap((rule) => this.#draw(rule, topic, occurrence, now) ?? []);
  }

  #draw(rule: FaultRule, topic: string, occurrence: number, now: EpochMs): Fault | undefined {
    const key = `${rule.id} ${topic}`;
    const struck = this.#struck.get(key) ?? 0;
    if (rule.times !== undefined && struck >= rule.times) return undefined;
    const random = new SeededRandom(`${this.#seed}/${key}/${occurrence}`);
    if (!random.chance(rule.probability)) return undefined;
    this.#struck.set(key, struck + 1);
    const delayMs = typeof rule.delayMs === 'number' ? rule.delayMs : random.integer(...rule.delayMs);
    const delayed = rule.kind === 'delay' || rule.kind === 'reorder';
    this.#strikes.push({
      sequence: (this.#sequence += 1),
      at: now,
      rule: rule.id,
      kind: rule.kind,
      topic,
      occurrence,
      ...(delayed ? { delayMs } : {}),
    });
    if (this.#strikes.length > STRIKES_KEPT) this.#strikes = this.#strikes.slice(-STRIKES_KEPT / 2);
    return { rule, delayMs };
  }
}

const NONE: readonly Fault[] = [];
