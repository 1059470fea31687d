import type { FieldPointer, ShadowName, ThingName } from '../../src/core/brand.ts';
import { objectFromLeaves } from '../../src/core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { AILMENTS } from '../hardware/hardware.ts';
import { HEATER, SETTINGS, type FieldKit, type ShadowKit } from '../hardware/kit.ts';
import { FAILPOINTS, type Failpoint } from '../machine/failpoints.ts';
import { fairWeather, type Weather } from '../weather/weather.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import { SeededRandom as Source } from '../time/seeded-random.ts';
import { drawDirect } from './draw-direct.ts';
import type { MachineClock, Plan, PlannedStep, Step, ThingPlan } from './plan.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The clients' and machines' name of the server. */
export const SERVER = 'server';
/** Another team's. */
export const BACKEND = 'backend';
export const SETTINGS_SHADOW = 'settings' as ShadowName;

/**
 * A run from its seed. Each knob is first switched on or off and then given a strength, so that runs differ in kind: most
 * know a few kinds of trouble in earnest, not all of them a little.
 */
export function drawPlan(seed: number): Plan {
  const random = new Source(seed);
  const knobs = drawKnobs(random.fork('knobs'));
  const things = drawThings(random.fork('things'), knobs);
  const direct = drawDirect(random.fork('direct'), things, { faultsMs: knobs.faultsMs, server: SERVER, instants });
  const steps = [
    ...drawWork(random.fork('work'), things, knobs),
    ...drawTrouble(random.fork('trouble'), things, knobs),
    ...direct.steps,
  ].sort((left, right) => left.atMs - right.atMs);
  const clocks = random.fork('clocks');
  return {
    seed,
    things,
    weather: knobs.weather,
    faultsMs: knobs.faultsMs,
    store: knobs.sqlite ? 'sqlite' : 'memory',
    ledgerUnavailable: knobs.ledgerUnavailable,
    tombstoneSeconds: knobs.tombstoneSeconds,
    serverClock: drawClock(clocks, knobs.drift && clocks.chance(0.5)),
    steps,
    ...(direct.on ? { direct: true } : {}),
  };
}

interface Knobs {
  readonly faultsMs: number;
  readonly thingCount: number;
  readonly commandsPerHour: number;
  readonly weather: Weather;
  readonly sqlite: boolean;
  readonly ledgerUnavailable: number;
  readonly drift: boolean;
  readonly tombstoneSeconds: number;
  /** Events per hour and run, 0 where the knob is off. */
  readonly perHour: Readonly<Record<Trouble, number>>;
}

const TROUBLES = [
  'foreign',
  'delete',
  'press',
  'ail',
  'flap',
  'crashDevice',
  'armDevice',
  'stopDevice',
  'crashServer',
  'armServer',
  'stopServer',
  'pauseServer',
  'partition',
  'impersonate',
  'brokerRestart',
  'poison',
  'jump',
  'ledgerFull',
  'ledgerDown',
  'journalFull',
] as const;

type Trouble = (typeof TROUBLES)[number];

function drawKnobs(random: SeededRandom): Knobs {
  // A tenth of the runs is calm: what fails there fails without any excuse.
  const calm = random.chance(0.1);
  const on = (share: number): boolean => random.chance(share) && !calm;
  const weather = fairWeather();
  if (on(0.4)) weather.loss = random.pick([0.01, 0.05, 0.1, 0.3]);
  if (on(0.2)) weather.ackLoss = random.pick([0.005, 0.05]);
  if (on(0.4)) weather.duplicate = random.pick([0.02, 0.1, 0.3]);
  if (on(0.4)) {
    weather.reorder = random.pick([0.02, 0.1, 0.4]);
    weather.reorderMs = random.pick([50, 300, 2_000]);
  }
  if (on(0.4)) weather.delayMeanMs = random.pick([20, 200, 1_000, 3_000]);
  if (on(0.3)) weather.breaksPerHour = random.pick([1, 6, 30]);
  if (on(0.25)) weather.sessionReplay = true;
  if (on(0.25)) weather.throttle = random.pick([0.02, 0.1, 0.3]);
  if (on(0.2)) weather.internalError = random.pick([0.02, 0.1]);
  if (on(0.25)) weather.subackMs = random.pick([100, 2_000]);
  const perHour = Object.fromEntries(TROUBLES.map((name) => [name, on(0.3) ? random.pick([1, 3, 8]) : 0])) as Record<
    Trouble,
    number
  >;
  return {
    faultsMs: random.pick([10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, 3 * HOUR]),
    thingCount: random.integer(1, 4),
    commandsPerHour: random.pick([6, 20, 60]),
    weather,
    sqlite: random.chance(0.02),
    ledgerUnavailable: on(0.15) ? random.pick([0.01, 0.1]) : 0,
    drift: on(0.25),
    tombstoneSeconds: random.pick([48 * 3600, 48 * 3600, 20]),
    perHour,
  };
}

function drawThings(random: SeededRandom, { thingCount, drift }: Knobs): ThingPlan[] {
  return Array.from({ length: thingCount }, (_, index): ThingPlan => {
    const kind = index > 0 && random.chance(0.25) ? 'plain' : 'member';
    return {
      thingName: `heater-${index + 1}` as ThingName,
      kind,
      settings: kind === 'member' && random.chance(0.3),
      clock: drawClock(random, drift),
      pollMs: random.pick([MINUTE, 5 * MINUTE, 15 * MINUTE]),
    };
  });
}

function drawClock(random: SeededRandom, drift: boolean): MachineClock {
  if (!drift) return { offsetMs: 0, rate: 1 };
  const offsetMs = random.pick([0, -86_400_000, 86_400_000, 5_000, 'unset' as const]);
  return {
    // Never set: it says 1970, as after a power cut without a battery (C16).
    offsetMs: offsetMs === 'unset' ? -1_798_761_600_000 : offsetMs,
    rate: random.pick([1, 0.9, 1.1]),
  };
}

export function shadowsOf({ thingName, settings }: ThingPlan): { ref: ShadowRef; kit: ShadowKit }[] {
  const classic = { ref: { thingName }, kit: HEATER };
  return settings ? [classic, { ref: { thingName, shadowName: SETTINGS_SHADOW }, kit: SETTINGS }] : [classic];
}

function pickShadow(random: SeededRandom, things: readonly ThingPlan[]): { ref: ShadowRef; kit: ShadowKit } {
  const shadows = things.flatMap(shadowsOf);
  return random.pick(shadows as [(typeof shadows)[0], ...typeof shadows]);
}

function pickField(random: SeededRandom, kit: ShadowKit): FieldKit {
  return random.pick(kit.fields as [FieldKit, ...FieldKit[]]);
}

// ── work ──

function drawWork(random: SeededRandom, things: readonly ThingPlan[], knobs: Knobs): PlannedStep[] {
  const steps: PlannedStep[] = [];
  let nth = 0;
  for (const atMs of instants(random, knobs.commandsPerHour, knobs.faultsMs)) {
    steps.push({ atMs, ...drawCommand(random, things, nth) });
    if (random.chance(0.3)) steps.push({ atMs: atMs + random.integer(0, 30_000), do: 'look', nth });
    if (random.chance(0.15)) {
      const action = random.pick(['cancel', 'retry', 'rollback', 'extend'] as const);
      steps.push({ atMs: atMs + random.integer(0, 10 * MINUTE), do: 'act', nth, action });
    }
    if (random.chance(0.2)) {
      const { ref } = pickShadow(random, things);
      steps.push({ atMs: atMs + random.integer(0, MINUTE), do: 'report', ref, refresh: random.chance(0.5) });
    }
    nth += 1;
    // People click twice, and two apps want the same thing at the same time.
    if (random.chance(0.2)) {
      steps.push({ atMs: atMs + random.integer(0, 300), ...drawCommand(random, things, nth) });
      nth += 1;
    }
  }
  return steps;
}

function drawCommand(random: SeededRandom, things: readonly ThingPlan[], nth: number): Step {
  const { ref, kit } = pickShadow(random, things);
  const again = random.chance(0.1) ? { again: random.pick(['concurrent', 'mismatch'] as const) } : {};
  return {
    do: 'command',
    nth,
    app: random.pick(['app-a', 'app-b', 'support']),
    ref,
    patch: drawPatch(random, kit),
    applyWithinMs: random.pick([2_000, 15_000, MINUTE, 5 * MINUTE]),
    expiresInMs: random.pick([MINUTE, 5 * MINUTE, 20 * MINUTE, 40 * MINUTE]),
    whenOffline: random.chance(0.15) ? 'fail' : 'wait',
    onEnd: random.pick(['restore', 'restore', 'withdraw', 'keep']),
    locked: random.chance(0.15),
    ...again,
  };
}

function drawPatch(random: SeededRandom, kit: ShadowKit): JsonObject {
  const count = random.pick([1, 1, 1, 2, 3]);
  const leaves = new Map<FieldPointer, JsonValue>();
  for (let at = 0; at < count; at++) {
    const field = pickField(random, kit);
    leaves.set(field.field, random.chance(0.06) ? null : field.wish(random));
  }
  return objectFromLeaves(leaves);
}

// ── trouble ──

function drawTrouble(random: SeededRandom, things: readonly ThingPlan[], knobs: Knobs): PlannedStep[] {
  return TROUBLES.flatMap((trouble) => {
    const own = random.fork(trouble);
    return instants(own, knobs.perHour[trouble], knobs.faultsMs).flatMap((atMs) =>
      drawStep(trouble, own, things).map((step) => ({ ...step, atMs })),
    );
  });
}

function drawStep(trouble: Trouble, random: SeededRandom, things: readonly ThingPlan[]): Step[] {
  const { ref, kit } = pickShadow(random, things);
  const machine = ref.thingName;
  const lengthMs = (): number => random.pick([2_000, 20_000, 2 * MINUTE, 20 * MINUTE]);
  switch (trouble) {
    case 'foreign':
      return [{ do: 'foreign', ref, state: drawForeign(random, kit), locked: random.chance(0.3) }];
    case 'delete':
      return [{ do: 'delete', ref }];
    case 'press': {
      const buttons = HEATER.fields.filter(({ button }) => button === true);
      const field = random.pick(buttons as [FieldKit, ...FieldKit[]]);
      const person = random.pick(['anna', 'local']);
      return [{ do: 'press', ref: { thingName: machine }, field: field.field, value: field.wish(random), person }];
    }
    case 'ail': {
      const sick = pickField(random, kit);
      const forMs = random.pick([20_000, 2 * MINUTE, 20 * MINUTE]);
      return [
        { do: 'ail', ref, field: sick.field, ailment: random.pick(AILMENTS), forMs },
        ...wishFor(random, ref, sick),
      ];
    }
    case 'flap': {
      const field = pickField(random, kit);
      const values = [field.wish(random), field.wish(random)] as const;
      return [{ do: 'flap', ref, field: field.field, values, everyMs: 500, times: random.integer(4, 60) }];
    }
    case 'crashDevice':
      return [{ do: 'crash', machine, downMs: lengthMs() }];
    case 'stopDevice':
      return [{ do: 'stop', machine, downMs: lengthMs() }];
    case 'armDevice':
      return [armed(random, machine, 'device.')];
    case 'crashServer':
      return [{ do: 'crash', machine: SERVER, downMs: lengthMs() }];
    case 'armServer':
      return [armed(random, SERVER, 'server.')];
    case 'stopServer':
      return [{ do: 'stop', machine: SERVER, downMs: lengthMs() }];
    case 'pauseServer':
      return [{ do: 'pause', machine: SERVER, forMs: lengthMs() }];
    case 'partition': {
      const direction = random.pick(['up', 'down', 'both'] as const);
      return [{ do: 'partition', machine: random.chance(0.3) ? SERVER : machine, direction, forMs: lengthMs() }];
    }
    case 'impersonate':
      return [{ do: 'impersonate', machine: random.chance(0.2) ? SERVER : machine }];
    case 'brokerRestart':
      return [{ do: 'brokerRestart', downMs: random.pick([500, 20_000, 2 * MINUTE]) }];
    case 'poison':
      return [{ do: 'poison', ref, ...drawPoison(random) }];
    case 'jump':
      return [
        {
          do: 'jump',
          machine: random.chance(0.5) ? SERVER : machine,
          byMs: random.pick([HOUR, -2 * HOUR, 30_000, -30_000]),
        },
      ];
    case 'ledgerFull':
      return [{ do: 'ledgerFull', forMs: random.pick([2_000, MINUTE]) }];
    case 'ledgerDown':
      return [{ do: 'ledgerDown', forMs: random.pick([2_000, MINUTE]) }];
    case 'journalFull':
      return [{ do: 'journalFull', machine, forMs: lengthMs() }];
  }
}

/** What is broken and never used shows nothing. */
function wishFor(random: SeededRandom, ref: ShadowRef, { field, wish }: FieldKit): Step[] {
  return [
    {
      do: 'command',
      nth: random.integer(100_000, 999_999),
      app: 'app-c',
      ref,
      patch: objectFromLeaves([[field, wish(random)]]),
      applyWithinMs: random.pick([15_000, 5 * MINUTE]),
      expiresInMs: 20 * MINUTE,
      whenOffline: 'wait',
      onEnd: random.pick(['restore', 'withdraw', 'keep']),
      locked: false,
    },
  ];
}

function armed(random: SeededRandom, machine: string, role: string): Step {
  const points = FAILPOINTS.filter((point) => point.startsWith(role)) as [Failpoint, ...Failpoint[]];
  return { do: 'arm', machine, point: random.pick(points), visit: random.integer(1, 6) };
}

function drawForeign(random: SeededRandom, kit: ShadowKit): JsonObject {
  const patch = drawPatch(random, kit);
  const kind = random.integer(0, 9);
  if (kind === 0) return { desired: null };
  if (kind === 1) return {};
  if (kind === 2) return { desired: { ...patch, fromTheFuture: true } };
  return { desired: patch };
}

const POISON: readonly [string, ...string[]] = [
  '{"state":',
  'null',
  '[]',
  '{"version":"x","state":{}}',
  '{"version":1}',
  '{"version":99999999,"state":5}',
  '{"code":409,"message":"Version conflict"}',
  '{"state":{"__proto__":{"x":1}},"version":0,"timestamp":1}',
  '\u0000\u0001',
];

function drawPoison(random: SeededRandom): { kind: string; payload: string } {
  const kind = random.pick([
    'update/accepted',
    'update/delta',
    'update/rejected',
    'get/accepted',
    'get/rejected',
    'delete/accepted',
  ]);
  return { kind, payload: random.pick(POISON) };
}

/** Instants of a Poisson process. */
function instants(random: SeededRandom, perHour: number, withinMs: number): number[] {
  const at: number[] = [];
  if (perHour === 0) return at;
  for (;;) {
    const gapMs = (-Math.log(1 - random.fraction()) * HOUR) / perHour;
    const next = (at.at(-1) ?? 0) + gapMs;
    if (next >= withinMs) return at;
    at.push(Math.round(next));
  }
}
