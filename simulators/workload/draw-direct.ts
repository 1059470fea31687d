import { DIRECT_FAILPOINTS } from '../machine/failpoints.ts';
import type { Action, Errand } from '../hardware/actuator.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { PlannedStep, Step, ThingPlan } from './plan.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export interface DirectWork {
  /** Whether the devices of this run offer actions. */
  readonly on: boolean;
  readonly steps: readonly PlannedStep[];
}

/** Direct commands and the troubles that are theirs. From a stream of its own: runs without them are as they were. */
export function drawDirect(
  random: SeededRandom,
  things: readonly ThingPlan[],
  { faultsMs, server, instants }: DirectPlace,
): DirectWork {
  if (!random.chance(SHARE)) return { on: false, steps: [] };
  const perHour = random.pick([10, 30, 90]);
  const trouble = random.chance(0.7) ? random.pick([2, 6, 15]) : 0;
  const steps: PlannedStep[] = [];
  let nth = 0;
  for (const atMs of instants(random, perHour, faultsMs)) {
    // Some come in a row: the order of a key is tried only if there are others.
    const row = random.pick([1, 1, 1, 2, 4]);
    const first = drawDirectCommand(random, things, nth);
    for (let at = 0; at < row; at += 1, nth += 1) {
      const next = at === 0 ? first : { ...drawDirectCommand(random, things, nth), ...placeOf(first) };
      const when = atMs + at * random.integer(0, 2 * SECOND);
      steps.push({ atMs: when, ...next });
      if (random.chance(0.15)) {
        steps.push({ atMs: when + random.integer(0, 20 * SECOND), do: 'actDirect', action: 'cancel', nth });
      }
    }
  }
  for (const atMs of instants(random, trouble, faultsMs)) {
    const { thingName } = random.pick(things as [ThingPlan, ...ThingPlan[]]);
    const downMs = random.pick([2 * SECOND, 20 * SECOND, 2 * MINUTE]);
    if (random.chance(0.3)) {
      // Sent to a device that is away.
      steps.push({ atMs, do: 'crash', machine: thingName, downMs });
      steps.push({ atMs: atMs + random.integer(0, downMs), ...drawDirectCommand(random, things, nth), thingName });
      nth += 1;
      continue;
    }
    const point = random.pick(DIRECT_FAILPOINTS);
    const machine = point.startsWith('server.') ? server : thingName;
    steps.push({ atMs, do: 'arm', machine, point, visit: random.integer(1, 3) });
  }
  steps.push(...drawGroups(random.fork('groups'), { faultsMs, instants }));
  steps.push(...drawActs(random.fork('operators'), nth, { faultsMs, instants }));
  return { on: true, steps };
}

/** One action for all of them, and what operators do with the parts. */
function drawGroups(
  random: SeededRandom,
  { faultsMs, instants }: Pick<DirectPlace, 'faultsMs' | 'instants'>,
): PlannedStep[] {
  if (!random.chance(0.6)) return [];
  const steps: PlannedStep[] = [];
  instants(random, random.pick([3, 12]), faultsMs).forEach((atMs, nth) => {
    steps.push({
      atMs,
      do: 'group',
      nth,
      app: random.pick(['app-a', 'app-b', 'support']),
      name: random.pick<Action>(['unlock', 'dose', 'calibrate']),
      errand: drawErrand(random, GROUP_INTENTS + nth),
      applyWithinMs: random.pick([15 * SECOND, MINUTE, 5 * MINUTE]),
      expiresInMs: random.pick([30 * SECOND, 5 * MINUTE, 20 * MINUTE]),
      whenOffline: random.chance(0.15) ? 'fail' : 'wait',
      ...(random.chance(0.3) ? { abortAfter: random.integer(1, 2) } : {}),
      again: random.chance(0.2),
    });
    if (random.chance(0.4)) {
      const action = random.pick(['cancel', 'retry', 'extend'] as const);
      steps.push({ atMs: atMs + random.integer(0, 2 * MINUTE), do: 'actDirect', nth, action, ofGroup: true });
    }
  });
  return steps;
}

/** Retry and extend, of what is under way and of what has ended. */
function drawActs(
  random: SeededRandom,
  commands: number,
  { faultsMs, instants }: Pick<DirectPlace, 'faultsMs' | 'instants'>,
): PlannedStep[] {
  if (commands === 0 || !random.chance(0.6)) return [];
  return instants(random, random.pick([6, 20]), faultsMs).map((atMs) => {
    const nth = Math.min(commands - 1, Math.floor((atMs / faultsMs) * commands) + random.integer(-1, 0));
    return { atMs, do: 'actDirect', nth: Math.max(0, nth), action: random.pick(['retry', 'retry', 'extend'] as const) };
  });
}

/** Apart from those of single commands. */
const GROUP_INTENTS = 1_000_000;

const SHARE = 0.3;

export interface DirectPlace {
  readonly faultsMs: number;
  readonly server: string;
  readonly instants: (random: SeededRandom, perHour: number, withinMs: number) => number[];
}

type DirectStep = Extract<Step, { do: 'direct' }>;

function drawDirectCommand(random: SeededRandom, things: readonly ThingPlan[], nth: number): DirectStep {
  const { thingName } = random.pick(things as [ThingPlan, ...ThingPlan[]]);
  const errand = drawErrand(random, nth);
  return {
    do: 'direct',
    nth,
    app: random.pick(['app-a', 'app-b', 'support']),
    thingName,
    name: random.pick<Action>(['unlock', 'dose', 'calibrate']),
    errand,
    applyWithinMs: random.pick([5 * SECOND, MINUTE, 5 * MINUTE]),
    expiresInMs: random.pick([10 * SECOND, MINUTE, 5 * MINUTE, 20 * MINUTE]),
    whenOffline: random.chance(0.15) ? 'fail' : 'wait',
    ...(random.chance(0.5) ? { sequenceKey: random.pick(['door', 'motor']) } : {}),
    again: random.chance(0.1),
  };
}

function drawErrand(random: SeededRandom, intent: number): Errand {
  return {
    intent,
    takesMs: random.pick([0, 20, 1 * SECOND, 20 * SECOND]),
    steps: random.pick([0, 0, 1, 4]),
    ends: random.pick(['done', 'done', 'done', 'done', 'done', 'done', 'fails', 'refuses']),
  };
}

/** What a row has in common. */
function placeOf({ thingName, sequenceKey }: DirectStep): Pick<DirectStep, 'thingName' | 'sequenceKey'> {
  return { thingName, ...(sequenceKey === undefined ? {} : { sequenceKey }) };
}
