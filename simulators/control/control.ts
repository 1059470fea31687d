import { epochMs, type EpochMs } from '../../src/core/brand.ts';
import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import { parseShadowKey, shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { FaultInjector, Strike } from '../faults/fault-injector.ts';
import { parseFaultRules, type FaultRule } from '../faults/fault-rule.ts';
import { dumpEntryOf, entryOf, parseDumpEntry, type DumpEntry } from '../shadow-service/shadow-dump.ts';
import type { ShadowStore } from '../shadow-service/shadow-store.ts';

export interface ShadowSummary {
  /** `thing` or `thing/shadow`. */
  readonly key: string;
  readonly version: number;
  /** Compact JSON of desired plus reported. */
  readonly bytes: number;
  readonly converged: boolean;
}

export interface FaultPlan {
  readonly seed: number | string;
  readonly rules: readonly FaultRule[];
}

interface Parts {
  readonly clock: Clock;
  readonly store: ShadowStore;
  readonly injector: FaultInjector;
  readonly cut: (clientId: string) => boolean;
  readonly clients: () => string[];
}

/** What tests and demos do to a local cloud that nobody can do to AWS. */
export class Control {
  readonly #parts: Parts;
  #offsetMs = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Service time: the clock's, or what was set. Goes on either way. */
  now(): EpochMs {
    return epochMs(this.#parts.clock.wall() + this.#offsetMs);
  }

  setNow(at: EpochMs): void {
    this.#offsetMs = at - this.#parts.clock.wall();
  }

  advance(byMs: number): void {
    this.#offsetMs += byMs;
  }

  shadows(): ShadowSummary[] {
    const summaries: ShadowSummary[] = [];
    for (const entry of this.#parts.store.entries()) {
      if (!('record' in entry)) continue;
      const { document, bytes, delta } = entry.record;
      summaries.push({ key: shadowKey(entry.ref), version: document.version, bytes, converged: delta === undefined });
    }
    return summaries.sort((left, right) => (left.key < right.key ? -1 : 1));
  }

  document(key: string): ShadowDocument | undefined {
    const ref = parseShadowKey(key);
    const entry = ref.ok ? this.#parts.store.entry(ref.value) : undefined;
    return entry !== undefined && 'record' in entry ? entry.record.document : undefined;
  }

  /** Everything, tombstones included. */
  dump(): DumpEntry[] {
    return [...this.#parts.store.entries()].map(dumpEntryOf).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  /** Adds or replaces shadows, all or none. Publishes nothing: nobody updated them. */
  load(input: unknown): Result<number> {
    if (!Array.isArray(input)) return fail(problem('invalid_config', 'a dump is a list of shadows'));
    const entries = [];
    for (const item of input) {
      const parsed = parseDumpEntry(item);
      if (!parsed.ok) return parsed;
      entries.push(entryOf(parsed.value));
    }
    for (const entry of entries) this.#parts.store.put(entry);
    return ok(entries.length);
  }

  /** Forgets shadows, tombstones, faults and the clock's setting. Connections stay. */
  reset(): void {
    this.#parts.store.clear();
    this.#parts.injector.set([], 0);
    this.#offsetMs = 0;
  }

  get faults(): FaultPlan {
    const { seed, rules } = this.#parts.injector;
    return { seed, rules };
  }

  /** Replaces the rules and starts counting anew, so the same seed replays the same faults. */
  setFaults(rules: unknown, seed: number | string = 0): Result<FaultPlan> {
    const parsed = parseFaultRules(rules);
    if (!parsed.ok) return parsed;
    this.#parts.injector.set(parsed.value, seed);
    return ok(this.faults);
  }

  strikes(): readonly Strike[] {
    return this.#parts.injector.strikes;
  }

  /** Ends a client's connection without a goodbye; false if it has none. */
  cut(clientId: string): boolean {
    return this.#parts.cut(clientId);
  }

  clients(): string[] {
    return this.#parts.clients();
  }
}

function keyOf({ thing, shadow }: DumpEntry): string {
  return shadow === undefined ? thing : `${thing}/${shadow}`;
}
