import {
  DIRECT_FAILPOINTS,
  FAILPOINTS,
  type DirectFailpoint,
  type Failpoint,
} from '../../simulators/machine/failpoints.ts';
import { AILMENTS, type Ailment } from '../../simulators/hardware/hardware.ts';
import { SERVER } from '../../simulators/workload/draw-plan.ts';
import type { MachineClock, Plan, Step } from '../../simulators/workload/plan.ts';
import { fairWeather, type Weather } from '../../simulators/weather/weather.ts';
import { FAULTS, type Fault } from '../../simulators/world/coverage.ts';

type Hit = Fault | Failpoint | DirectFailpoint;

/** One thing that a plan can have or not have, and what in the coverage list comes of nothing else. */
export interface Switch {
  readonly name: string;
  readonly isOn: (plan: Plan) => boolean;
  /** The same plan without it. */
  readonly off: (plan: Plan) => Plan;
  readonly hits: readonly Hit[];
  /** What comes of other things too, but hardly ever. */
  readonly mayMiss?: Fault;
}

type StepOf<Name extends Step['do']> = Extract<Step, { do: Name }>;

function weather(knob: keyof Weather, ...hits: Fault[]): Switch {
  const off = (plan: Plan): Plan => ({ ...plan, weather: { ...plan.weather, [knob]: fairWeather()[knob] } });
  return { name: knob, isOn: (plan) => Boolean(plan.weather[knob]), off, hits };
}

function step<Name extends Step['do']>(
  name: Name,
  hits: readonly Hit[],
  where: (step: StepOf<Name>) => boolean = () => true,
): Switch {
  const isIt = (step: Step): boolean => step.do === name && where(step as StepOf<Name>);
  return {
    name: `${name} (${hits.join(', ')})`,
    isOn: ({ steps }) => steps.some(isIt),
    off: (plan) => ({ ...plan, steps: plan.steps.filter((step) => !isIt(step)) }),
    hits,
  };
}

function clockOf(hit: Fault, who: 'server' | 'device', isWrong: (clock: MachineClock) => boolean): Switch {
  const clocks = ({ things, serverClock }: Plan): readonly MachineClock[] =>
    who === 'server' ? [serverClock] : things.map(({ clock }) => clock);
  const right = (clock: MachineClock): MachineClock => (isWrong(clock) ? { offsetMs: 0, rate: 1 } : clock);
  const off = (plan: Plan): Plan =>
    who === 'server'
      ? { ...plan, serverClock: right(plan.serverClock) }
      : { ...plan, things: plan.things.map((thing) => ({ ...thing, clock: right(thing.clock) })) };
  return { name: hit, isOn: (plan) => clocks(plan).some(isWrong), off, hits: [hit] };
}

const AILS: Readonly<Record<Ailment, Fault>> = {
  throws: 'adapter.throws',
  fails: 'adapter.fails',
  hangs: 'adapter.hangs',
  late: 'adapter.lateFinish',
  refuses: 'adapter.refuses',
  defers: 'adapter.defers',
  lies: 'adapter.lies',
  clamps: 'adapter.clamps',
  unreadable: 'adapter.unreadable',
  slow: 'adapter.slow',
};

/** Longer than any run. */
const DAYS_S = 48 * 3_600;
const isServer = ({ machine }: { readonly machine: string }): boolean => machine === SERVER;
const isDevice = ({ machine }: { readonly machine: string }): boolean => machine !== SERVER;
const clears = ({ state }: StepOf<'foreign'>): boolean => state['desired'] === null;
const isUnset = ({ offsetMs }: MachineClock): boolean => offsetMs < -1e12;

const isDirect = ({ do: what }: Step): boolean => what === 'direct' || what === 'group' || what === 'actDirect';
const DIRECT_FAULTS = FAULTS.filter((name) => name.startsWith('direct.'));

/** What is missing here (presence, `service.recreated`, lost journals, retries) follows from several of these. */
export const SWITCHES: readonly Switch[] = [
  weather('loss', 'network.loss'),
  weather('ackLoss', 'network.ackLoss'),
  weather('duplicate', 'network.duplicate'),
  weather('reorder', 'network.reorder'),
  weather('delayMeanMs', 'network.delay'),
  weather('breaksPerHour', 'network.connectionLost'),
  weather('sessionReplay', 'network.sessionReplay'),
  weather('throttle', 'service.throttled'),
  weather('internalError', 'service.internalError'),
  weather('subackMs', 'network.lateSuback'),
  step('partition', ['network.partition.up'], ({ direction }) => direction === 'up'),
  step('partition', ['network.partition.down'], ({ direction }) => direction === 'down'),
  step('partition', ['network.partition.both'], ({ direction }) => direction === 'both'),
  step('impersonate', ['network.cloned']),
  step('brokerRestart', ['network.brokerRestart']),
  step('poison', ['network.poison']),
  step('delete', ['service.deleted', 'service.recreated', 'service.recreatedAfterTombstone']),
  {
    name: 'short tombstones',
    isOn: ({ tombstoneSeconds }) => tombstoneSeconds < DAYS_S,
    off: (plan) => ({ ...plan, tombstoneSeconds: DAYS_S }),
    hits: ['service.recreatedAfterTombstone'],
  },
  ...AILMENTS.map((kind) => step('ail', [AILS[kind]], ({ ailment }) => ailment === kind)),
  step('flap', ['adapter.flaps']),
  step('press', ['device.button']),
  step('crash', ['device.crash'], isDevice),
  step('crash', ['server.crash'], isServer),
  step('stop', ['device.stop'], isDevice),
  step('stop', ['server.stop'], isServer),
  step('pause', ['server.pause']),
  step('journalFull', ['device.journalFull']),
  step('ledgerFull', ['ledger.full']),
  step('ledgerDown', ['ledger.down']),
  {
    name: 'ledgerUnavailable',
    isOn: ({ ledgerUnavailable }) => ledgerUnavailable > 0,
    off: (plan) => ({ ...plan, ledgerUnavailable: 0 }),
    hits: ['ledger.unavailable'],
  },
  step('jump', ['clock.serverJump'], isServer),
  step('jump', ['clock.deviceJump'], isDevice),
  clockOf('clock.deviceUnset', 'device', isUnset),
  clockOf('clock.deviceOffset', 'device', (clock) => clock.offsetMs !== 0 && !isUnset(clock)),
  clockOf('clock.deviceDrift', 'device', ({ rate }) => rate !== 1),
  clockOf('clock.serverOffset', 'server', ({ offsetMs }) => offsetMs !== 0),
  clockOf('clock.serverDrift', 'server', ({ rate }) => rate !== 1),
  step('foreign', ['foreign.write'], (one) => !clears(one)),
  step('foreign', ['foreign.clear'], clears),
  step('command', ['api.mismatch'], ({ again }) => again === 'mismatch'),
  step('command', ['api.concurrent'], ({ again }) => again === 'concurrent'),
  step('act', ['operator.cancelled'], ({ action }) => action === 'cancel'),
  step('act', ['operator.nudged', 'operator.retried'], ({ action }) => action === 'retry'),
  step('act', ['operator.rolledBack'], ({ action }) => action === 'rollback'),
  step('act', ['operator.extended'], ({ action }) => action === 'extend'),
  {
    name: 'direct commands',
    isOn: ({ direct }) => direct === true,
    off: ({ direct: _, ...plan }) => ({ ...plan, steps: plan.steps.filter((one) => !isDirect(one)) }),
    hits: [...DIRECT_FAULTS, ...DIRECT_FAILPOINTS],
  },
  step('direct', ['direct.replayed']),
  step('group', ['direct.group', 'direct.groupMemberAsked', 'direct.groupAborted']),
  step('actDirect', ['direct.cancelled'], ({ action }) => action === 'cancel'),
  step('actDirect', ['direct.nudged', 'direct.retried'], ({ action }) => action === 'retry'),
  step('actDirect', ['direct.extended'], ({ action }) => action === 'extend'),
  ...[...FAILPOINTS, ...DIRECT_FAILPOINTS].map((failpoint): Switch => {
    const arm = step('arm', [failpoint], ({ point }) => point === failpoint);
    return failpoint === 'server.afterReceive' ? { ...arm, mayMiss: 'ledger.crashMidCommit' } : arm;
  }),
];
