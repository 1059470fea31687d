import type { ThingName } from '../../src/core/brand.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { Violation } from '../checkers/checker.ts';
import { MemoryLedger } from '../ledger/memory-ledger.ts';
import { fairWeather } from '../weather/weather.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { Plan, PlannedStep } from '../workload/plan.ts';
import type { Programs } from './programs.ts';
import { fleetModels } from './run-seed.ts';
import { World } from './world.ts';

/** After each message the programs get this long: commits and adapters are done by then, time-outs are not due. */
const BREATH_MS = 25;
/** The two apps ask when everybody is connected and has asked for the document. */
const ASKED_AT_MS = 1_000;
const MESSAGES_MAX = 400;
/** Longer than any answer is waited for, and than it takes to come back after a crash. */
const QUIET_MS = 90_000;

/** One order of events: at these points of a run something else happens than the oldest message arriving. */
export interface Schedule {
  /** At the n-th arrival, the message that is this many places further back arrives instead. */
  readonly overtakes: ReadonlyMap<number, number>;
  readonly crash?: { readonly machine: string; readonly before: number };
}

export interface Explored {
  readonly schedules: number;
  /** Distinct situations, as an onlooker can tell them apart, after all of the arrivals. */
  readonly states: number;
  readonly violations: readonly (Violation & { readonly schedule: string })[];
}

export interface Scope {
  /** At most so many messages overtake others. */
  readonly overtakesMax: number;
  /** Orders with at most so many overtakings are also gone through with a crash. */
  readonly crashedOvertakesMax: number;
}

/**
 * Two apps that want different values of one field, one device, one server: every order of messages within the scope,
 * each alone, and those with few overtakings also with a crash of either program before every arrival.
 */
export async function explore(programs: Programs, { overtakesMax, crashedOvertakesMax }: Scope): Promise<Explored> {
  const states = new Set<string>();
  const violations: (Violation & { schedule: string })[] = [];
  let schedules = 0;
  const modelOf = fleetModels();
  const visit = async (schedule: Schedule): Promise<readonly number[]> => {
    schedules += 1;
    const run = await follow(programs, modelOf, schedule);
    for (const state of run.states) states.add(state);
    for (const violation of run.violations) violations.push({ ...violation, schedule: wordsOf(schedule) });
    return run.choices;
  };
  const branch = async (schedule: Schedule, from: number): Promise<void> => {
    const choices = await visit(schedule);
    if (schedule.overtakes.size <= crashedOvertakesMax) {
      for (let before = 0; before < choices.length; before++) {
        for (const machine of [SERVER, 'heater-1']) await visit({ ...schedule, crash: { machine, before } });
      }
    }
    if (schedule.overtakes.size >= overtakesMax) return;
    for (let at = from; at < choices.length; at++) {
      for (let back = 1; back < (choices[at] ?? 0); back++) {
        await branch({ ...schedule, overtakes: new Map([...schedule.overtakes, [at, back]]) }, at + 1);
      }
    }
  };
  await branch({ overtakes: new Map() }, 0);
  return { schedules, states: states.size, violations };
}

interface Followed {
  readonly states: readonly string[];
  readonly violations: readonly Violation[];
  /** How many messages could have arrived, at each arrival. */
  readonly choices: readonly number[];
}

async function follow(
  programs: Programs,
  modelOf: ReturnType<typeof fleetModels>,
  schedule: Schedule,
): Promise<Followed> {
  const pool: { readonly road: string | undefined; readonly arrive: () => void }[] = [];
  let directed = false;
  const ledger = {
    ledger: new MemoryLedger(),
    writes: new Map(),
    directs: new Map(),
    lives: new Map(),
    refusing: undefined,
    unavailable: 0,
    busy: 0,
  };
  const world = new World({
    plan: PLAN,
    programs,
    store: ledger,
    modelOf,
    hold: (road, arrive) => void pool.push({ road, arrive }),
  });
  const states: string[] = [];
  const choices: number[] = [];
  world.boot();
  let quietMs = 0;
  while (quietMs < QUIET_MS && choices.length < MESSAGES_MAX) {
    const heads = pool.filter(
      ({ road }, at) => road === undefined || pool.findIndex((one) => one.road === road) === at,
    );
    if (heads.length === 0) {
      const stepMs = quietMs < 200 ? BREATH_MS : 1_000;
      await world.pass(stepMs);
      quietMs += stepMs;
      directed ||= world.clock.monotonic() >= ASKED_AT_MS;
      continue;
    }
    quietMs = 0;
    const at = choices.length;
    if (directed) {
      choices.push(heads.length);
      if (schedule.crash?.before === at) world.crash(schedule.crash.machine);
    }
    const chosen = heads[directed ? (schedule.overtakes.get(at) ?? 0) : 0] ?? heads[0];
    if (chosen === undefined) break;
    pool.splice(pool.indexOf(chosen), 1);
    chosen.arrive();
    await world.pass(BREATH_MS);
    if (directed) states.push(world.portrait());
  }
  const reason = await world.pending();
  if (reason !== undefined) world.violated('I1 Converge', reason);
  return { states, violations: world.violations, choices };
}

const ref: ShadowRef = { thingName: 'heater-1' as ThingName };

const ask = (nth: number, app: string, mode: string): PlannedStep => ({
  atMs: ASKED_AT_MS + nth * 10,
  do: 'command',
  nth,
  app,
  ref,
  patch: { mode },
  applyWithinMs: 60_000,
  expiresInMs: 300_000,
  whenOffline: 'wait',
  onEnd: 'restore',
  locked: false,
});

const PLAN: Plan = {
  seed: 1,
  things: [
    { thingName: ref.thingName, kind: 'member', settings: false, clock: { offsetMs: 0, rate: 1 }, pollMs: 900_000 },
  ],
  weather: fairWeather(),
  faultsMs: 60_000,
  store: 'memory',
  ledgerUnavailable: 0,
  tombstoneSeconds: 48 * 3600,
  serverClock: { offsetMs: 0, rate: 1 },
  steps: [ask(0, 'app-a', 'away'), ask(1, 'app-b', 'comfort')],
};

function wordsOf({ overtakes, crash }: Schedule): string {
  const early = [...overtakes].map(([at, back]) => `arrival ${at} takes +${back}`).join(', ');
  return `${early || 'in order'}${crash === undefined ? '' : `, ${crash.machine} crashes before ${crash.before}`}`;
}
