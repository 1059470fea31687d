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
        steps.push({ atMs: when + random.integer(0, 20 * SECOND), do: 'cancelDirect', nth });
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
  return { on: true, steps };
}

const SHARE = 0.3;

export interface DirectPlace {
  readonly faultsMs: number;
  readonly server: string;
  readonly instants: (random: SeededRandom, perHour: number, withinMs: number) => number[];
}

type DirectStep = Extract<Step, { do: 'direct' }>;

function drawDirectCommand(random: SeededRandom, things: readonly ThingPlan[], nth: number): DirectStep {
  const { thingName } = random.pick(things as [ThingPlan, ...ThingPlan[]]);
  const errand: Errand = {
    intent: nth,
    takesMs: random.pick([0, 20, 1 * SECOND, 20 * SECOND]),
    steps: random.pick([0, 0, 1, 4]),
    ends: random.pick(['done', 'done', 'done', 'done', 'done', 'done', 'fails', 'refuses']),
  };
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

/** What a row has in common. */
function placeOf({ thingName, sequenceKey }: DirectStep): Pick<DirectStep, 'thingName' | 'sequenceKey'> {
  return { thingName, ...(sequenceKey === undefined ? {} : { sequenceKey }) };
}
