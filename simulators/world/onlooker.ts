import type { TimelineEntry } from '../../src/core/command/command.ts';
import { isJsonObject, member, type JsonObject } from '../../src/core/json/json.ts';
import type { Model } from '../../src/core/model/model.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { CHECKERS } from '../checkers/checkers.ts';
import type { CheckContext, Checker, Violation } from '../checkers/checker.ts';
import { ServiceHistory } from '../checkers/service-history.ts';
import type { Store } from '../ledger/simulated-ledger.ts';
import type { SimulatedClock } from '../time/simulated-clock.ts';
import { BACKEND, SERVER, shadowsOf } from '../workload/draw-plan.ts';
import { GROUP } from '../workload/group.ts';
import type { Plan } from '../workload/plan.ts';
import { Coverage } from './coverage.ts';
import type { Sighting } from './sighting.ts';
import { Trace } from './trace.ts';

export interface OnlookerOptions {
  readonly clock: SimulatedClock;
  readonly plan: Plan;
  readonly store: Store;
  readonly modelOf: (ref: ShadowRef) => Model;
  readonly keepLines: boolean;
}

const VIOLATIONS_MAX = 5;

/** Sees everything that can be seen of a run from outside: keeps the trace, counts faults, lets the checkers judge. */
export class Onlooker {
  readonly trace: Trace;
  readonly coverage = new Coverage();
  readonly violations: Violation[] = [];
  readonly #options: OnlookerOptions;
  readonly #history: ServiceHistory;
  readonly #checkers: readonly Checker[];

  constructor(options: OnlookerOptions) {
    this.#options = options;
    this.trace = new Trace({ keep: options.keepLines });
    this.#history = new ServiceHistory((key) => options.store.lives.get(key));
    this.#checkers = Object.entries(CHECKERS).map(([name, make]) => make(this.#contextFor(name)));
  }

  see(sighting: Sighting): void {
    const atMs = this.#options.clock.monotonic();
    this.trace.add(atMs, sighting);
    this.#history.see(atMs, sighting);
    this.#count(sighting);
    for (const checker of this.#checkers) checker.see(atMs, sighting);
  }

  violated(invariant: string, words: string): void {
    if (this.hasEnough) return;
    const atMs = this.#options.clock.monotonic();
    this.violations.push({ invariant, atMs, words });
    this.trace.note(`${atMs} VIOLATED ${invariant}: ${words}`);
  }

  /** One violation ends a run, unless somebody wants to read what follows it. */
  get over(): boolean {
    return this.violations.length > 0 && this.trace.lines === undefined;
  }

  get hasEnough(): boolean {
    return this.violations.length >= VIOLATIONS_MAX;
  }

  #count(sighting: Sighting): void {
    if (sighting.type === 'service') this.#countService(sighting);
    if (sighting.type === 'wire' && isAskedAlone(sighting)) this.coverage.hit('direct.groupMemberAsked');
    if (sighting.type === 'event' && isAbort(sighting.entry)) this.coverage.hit('direct.groupAborted');
  }

  #countService({
    client,
    ref,
    operation,
    code,
    payload,
    before,
    after,
  }: Extract<Sighting, { type: 'service' }>): void {
    if (code !== 200) return;
    if (operation === 'delete') this.coverage.hit('service.deleted');
    if (operation === 'update' && client === BACKEND)
      this.coverage.hit(clears(payload) ? 'foreign.clear' : 'foreign.write');
    if (operation !== 'update' || before !== undefined || after === undefined) return;
    const wasThere = this.#history.of(shadowKey(ref)).length > 1;
    if (wasThere) this.coverage.hit(after.version > 1 ? 'service.recreated' : 'service.recreatedAfterTombstone');
  }

  #contextFor(name: string): CheckContext {
    const { clock, plan, store, modelOf } = this.#options;
    const refs = plan.things.flatMap(shadowsOf).map(({ ref }) => ref);
    const models = new Map(refs.map((ref) => [shadowKey(ref), modelOf(ref)]));
    return {
      things: plan.things,
      history: this.#history,
      modelOf: (key) => models.get(key) ?? modelOf({ thingName: key as ShadowRef['thingName'] }),
      serviceNow: () => clock.wall(),
      durableWrite: (token) => store.writes.get(token),
      durableDirects: (transaction) => store.directs.get(transaction) ?? new Map(),
      violated: (words) => this.violated(name, words),
    };
  }
}

/** A member of a group that has not answered, on its own topic. */
function isAskedAlone({ client, topic, payload }: Extract<Sighting, { type: 'wire' }>): boolean {
  return client === SERVER && topic.startsWith('cmd/heater') && payload.includes(`"group":"${GROUP}"`);
}

/** Enough members of a group have failed: the rest is called off. */
function isAbort({ event, by }: TimelineEntry): boolean {
  return by === 'desk' && (event === 'cancelled' || event === 'cancel_asked');
}

function clears(payload: string): boolean {
  const state = member(JSON.parse(payload) as JsonObject, 'state');
  return isJsonObject(state) && member(state, 'desired') === null;
}
