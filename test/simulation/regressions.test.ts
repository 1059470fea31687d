import { describe, expect, test } from 'vitest';
import { Recorder } from '../../src/cloud/recorder.ts';
import { DESK_SETTINGS } from '../../src/core/desk/desk.ts';
import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import type { CommitReceipt, Ledger, LedgerChange } from '../../src/ports/ledger.ts';
import { SILENT } from '../../src/ports/log.ts';
import { SimulatedClock } from '../../simulators/time/simulated-clock.ts';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { MemoryLedger } from '../../simulators/ledger/memory-ledger.ts';
import { Engine } from '../../src/cloud/engine.ts';
import { aWish, got } from '../support/cloud.ts';
import { DeskWorld } from '../support/desk-world.ts';
import { RecordingTransport } from '../support/recording-transport.ts';
import type { CommandId, EpochMs, FieldPointer, MonotonicMs, WriteId } from '../../src/core/brand.ts';
import { nextDirect, resumeDirect } from '../../src/core/direct/device-next.ts';
import { DEFAULT_DIRECT_LIMITS, type CommandFacts } from '../../src/core/direct/device-state.ts';
import type { DirectRequest } from '../../src/core/direct/messages.ts';
import { resolveWrite } from '../../src/core/command/resolve.ts';
import { tokenOf, type Write } from '../../src/core/command/write.ts';
import { seeSnapshot, NOTHING_SEEN } from '../../src/core/view/sight.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { drawPlan, SERVER } from '../../simulators/workload/draw-plan.ts';
import { fairWeather } from '../../simulators/weather/weather.ts';
import type { Plan, PlannedStep } from '../../simulators/workload/plan.ts';
import { PRODUCTION } from '../../simulators/world/production.ts';
import { Runner } from '../../simulators/world/run-seed.ts';

/** What the simulation found, one by one, as small as it could be made. */

const ref = { thingName: 'heater-1' } as ShadowRef;

function planWith(steps: readonly PlannedStep[], more: Partial<Plan> = {}): Plan {
  const thing = { thingName: ref.thingName, kind: 'member', settings: false, clock: { offsetMs: 0, rate: 1 } } as const;
  const { direct: _, ...drawn } = drawPlan(1);
  return {
    ...drawn,
    things: [{ ...thing, pollMs: 300_000 }],
    weather: fairWeather(),
    faultsMs: 300_000,
    store: 'memory',
    ledgerUnavailable: 0,
    serverClock: { offsetMs: 0, rate: 1 },
    steps,
    ...more,
  };
}

const command = (nth: number, atMs: number, patch: Record<string, never> | object): PlannedStep => ({
  atMs,
  do: 'command',
  nth,
  app: 'app-a',
  ref,
  patch: patch as never,
  applyWithinMs: 60_000,
  expiresInMs: 120_000,
  whenOffline: 'wait',
  onEnd: 'restore',
  locked: false,
});

async function violationsOf(plan: Plan): Promise<string[]> {
  const { violations } = await new Runner().run(plan.seed, { programs: PRODUCTION, plan });
  return violations.map(({ invariant, words }) => `${invariant}: ${words}`);
}

describe('a create that the ledger refuses', () => {
  test('leaves no command behind that stays queued for ever', async () => {
    const steps: PlannedStep[] = [
      { atMs: 60_000, do: 'ledgerFull', forMs: 20_000 },
      // The first finds out, the second meets a ledger that is known to refuse.
      command(0, 60_100, { power: true }),
      command(1, 60_500, { fanSpeed: 3 }),
    ];
    expect(await violationsOf(planWith(steps))).toEqual([]);
  });
});

describe('seed 43183: a create whose storing is under way', () => {
  /** Two wishes for one field wait for the first snapshot. */
  function waiting(): DeskWorld {
    const world = new DeskWorld();
    world.link(true);
    world.create({ a: 1 });
    world.create({ a: 2 }, {}, { stored: false });
    return world;
  }
  const younger = (world: DeskWorld) => [...world.desk.commands.keys()].at(-1) as CommandId;

  test('overwrites nobody who waits before it, for it may never have been', () => {
    const world = waiting();
    const id = younger(world);
    world.deliverAll();
    world.send({ type: 'uncreate', id });
    world.heal();
    expect(world.record?.document.state.desired).toEqual({ a: 1 });
    expect([...world.stored.values()][0]).toMatchObject({ status: 'succeeded' });
  });

  test('overwrites him once it is stored', () => {
    const world = waiting();
    const id = younger(world);
    world.send({ type: 'stored', id });
    world.deliverAll();
    world.heal();
    expect(world.record?.document.state.desired).toEqual({ a: 2 });
    expect([...world.stored.values()][0]).toMatchObject({
      status: 'superseded',
      fields: [{ state: { by: { kind: 'command', commandId: id } } }],
    });
  });
});

describe('a command that ends while its write waits for the ledger', () => {
  test('does not stay unfinished when the service then refuses the write', async () => {
    const steps: PlannedStep[] = [
      { ...command(0, 60_000, { power: true }), expiresInMs: 10_000 } as PlannedStep,
      { atMs: 60_003, do: 'ledgerFull', forMs: 30_000 },
    ];
    const weather = { ...fairWeather(), throttle: 0.5 };
    for (let seed = 1; seed <= 5; seed++)
      expect(await violationsOf({ ...planWith(steps, { weather }), seed })).toEqual([]);
  });
});

describe('a write whose answer was lost', () => {
  const at = (text: string): FieldPointer => text as FieldPointer;
  const base: Write = {
    id: '01a2cea7-d427-7001-bdd8-38460b21dbfe' as WriteId,
    ref,
    purpose: 'commands',
    commandIds: [],
    patch: { power: true, fanSpeed: 3 },
    base: { version: 18, incarnation: 1, stamp: 100 },
    before: { [at('/power')]: false, [at('/fanSpeed')]: 1 },
    attempt: 1,
    createdAt: 0 as EpochMs,
    state: 'open',
  };
  const viewOf = (desired: { power: boolean; fanSpeed: number }) => {
    const metadata = {
      desired: { power: { timestamp: 101 }, fanSpeed: { timestamp: desired.fanSpeed === 1 ? 90 : 101 } },
    };
    const read = { version: 20, state: { desired }, metadata, stamp: 101, timestamp: 101 };
    const { sight } = seeSnapshot(NOTHING_SEEN, read as never, { ref, now: 0 as EpochMs });
    if (sight.view === undefined) throw new Error('no view');
    return sight.view;
  };

  test('did not land when one of its leaves is still as before, whoever put the other there', () => {
    expect(resolveWrite(base, viewOf({ power: true, fanSpeed: 1 }))).toEqual({ type: 'guard' });
  });

  test('landed when its leaf is an empty array that was not there before, which carries no stamp', () => {
    const field = '/zones' as FieldPointer;
    const write: Write = { ...base, patch: { zones: [] }, before: { [field]: [1] } };
    const read = {
      version: 20,
      state: { desired: { zones: [] } },
      metadata: { desired: { zones: [] } },
      timestamp: 101,
    };
    const { sight } = seeSnapshot(NOTHING_SEEN, read as never, { ref, now: 0 as EpochMs });
    if (sight.view === undefined) throw new Error('no view');
    expect(resolveWrite(write, sight.view)).toEqual({ type: 'landed', version: 19 });
  });

  test('landed when all of its leaves stand', () => {
    expect(resolveWrite(base, viewOf({ power: true, fanSpeed: 3 }))).toEqual({ type: 'landed', version: 19 });
  });
});

test('a server that is cut off in the middle of everything comes to rest', async () => {
  const steps: PlannedStep[] = [
    command(0, 30_000, { power: true }),
    { atMs: 30_010, do: 'partition', machine: SERVER, direction: 'down', forMs: 60_000 },
    command(1, 40_000, { power: false }),
    { atMs: 45_000, do: 'crash', machine: SERVER, downMs: 2_000 },
    { atMs: 50_000, do: 'foreign', ref, state: { desired: { power: true } }, locked: false },
  ];
  expect(await violationsOf(planWith(steps))).toEqual([]);
});

test('seed 61129: what a device showed and took back while nobody could hear it is no evidence', async () => {
  const steps: PlannedStep[] = [
    command(0, 10_000, { power: true }),
    { atMs: 30_000, do: 'partition', machine: SERVER, direction: 'down', forMs: 1_200_000 },
    // It is so, and the device says so. By its next look at the shadow it cannot read the field.
    command(1, 32_000, { targetC: 20 }),
    { atMs: 33_000, do: 'ail', ref, field: '/targetC' as FieldPointer, ailment: 'unreadable', forMs: 1_800_000 },
  ];
  expect(await violationsOf(planWith(steps, { faultsMs: 2_400_000 }))).toEqual([]);
});

describe('answers that take longer than they are waited for', () => {
  /** A desk that has seen a command through, and asks for its next one while nothing is delivered. */
  const asking = (): DeskWorld => {
    const world = new DeskWorld();
    world.link(true);
    world.create({ a: 1 });
    world.deliverAll();
    world.act('obeys');
    world.deliverAll();
    world.create({ a: 2 });
    world.deliverAll();
    // Nobody hears of it.
    world.delete();
    world.lose(0);
    world.send({ type: 'ask' });
    world.advance(DESK_SETTINGS.answerMs + 1_000);
    return world;
  };

  test('seed 1393: a 404 that comes after its get was given up shows that the shadow was deleted', () => {
    const world = asking();
    expect(world.mail[0]).toMatchObject({ type: 'absent' });
    world.deliver(0, { twice: true });
    expect(world.desk.sight.view).toMatchObject({ incarnation: 2, version: 0 });
    expect([...world.stored.values()].at(-1)).toMatchObject({
      status: 'superseded',
      fields: [{ state: { outcome: 'superseded', by: { kind: 'deleted' } } }],
    });
  });

  test('seed 1136: so does a version below the one that was known when it was asked', () => {
    const world = asking();
    const [late] = world.mail.splice(0);
    world.send({
      type: 'read',
      serial: late?.type === 'absent' ? late.serial : 0,
      read: { version: 1, timestamp: 1, state: { reported: { a: 2 } }, metadata: {} },
    });
    expect(world.desk.sight.view).toMatchObject({ incarnation: 2, version: 1 });
  });

  test('a 404 to an older question shows nothing once the view moved on: it may be from before that', () => {
    const world = asking();
    const [answer] = world.mail.splice(0);
    const version = (world.desk.sight.view?.version ?? 0) + 1;
    world.send({ type: 'accepted', update: { version, state: { reported: { a: 2 } }, metadata: {}, timestamp: 1 } });
    if (answer !== undefined) world.send(answer);
    expect(world.desk.sight.view).toMatchObject({ incarnation: 1, version });
  });
});

describe('seeds 1743 and 2534: a ledger that fails while several commits are under way', () => {
  test('gets them in the order in which they were asked for, each once', async () => {
    const clock = new SimulatedClock();
    const stored: string[] = [];
    const waiting: ((result: Result<CommitReceipt>) => void)[] = [];
    const asked: string[] = [];
    const ledger: Pick<Ledger, 'commit'> = {
      commit: (changes) => {
        asked.push(changes.map((change) => (change.type === 'presence' ? change.presence.thingName : '')).join());
        return new Promise((resolve) => waiting.push(resolve));
      },
    };
    const recorder = new Recorder({ ledger: ledger as Ledger, clock, log: SILENT }, () => undefined);
    const change = (thingName: string): LedgerChange =>
      ({ type: 'presence', presence: { thingName } }) as unknown as LedgerChange;
    const refused = fail(problem('ledger_unavailable', 'away'));
    for (const name of ['one', 'two']) recorder.commit([change(name)], (result) => result.ok && stored.push(name));
    waiting.shift()?.(refused);
    await clock.advance(500);
    // The first attempt to store it again takes long; the failure of the second commit comes in meanwhile.
    waiting.shift()?.(refused);
    await clock.advance(2_000);
    while (waiting.length > 0) {
      waiting.shift()?.(ok({ firstSequence: 0 }));
      await clock.advance(0);
    }
    expect(asked).toEqual(['one', 'two', 'one', 'two']);
    expect(stored).toEqual(['one', 'two']);
  });
});

describe('seed 4103: a command that moves on before its creation is stored', () => {
  /** Stores one commit after the other, each when the test says so. */
  class SlowLedger extends MemoryLedger {
    readonly waiting: (() => void)[] = [];

    override async commit(changes: readonly LedgerChange[]): Promise<Result<CommitReceipt>> {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
      return super.commit(changes);
    }
  }

  test('is shown to its creator as the ledger has it', async () => {
    const clock = new SimulatedClock();
    const ledger = new SlowLedger();
    const transport = new RecordingTransport();
    const cloud = new Engine({ transport, clock, ledger, random: new SeededRandom(1), log: SILENT });
    got(await cloud.start());
    const creating = cloud.create(aWish('heater-1', { on: true }, { expiresInMs: 1_000 }));
    // It expires, and that waits for the ledger too.
    await clock.advance(10_000);
    expect(ledger.waiting.length).toBeGreaterThan(1);
    ledger.waiting.shift()?.();
    const { command } = got(await creating);
    expect(command).toEqual(got(await ledger.command(command.id)));
  });
});

test('seed 351: an update that came late from an earlier life of a shadow does not make the server ask for ever', async () => {
  const { violations } = await new Runner().run(351, { programs: PRODUCTION });
  expect(violations).toEqual([]);
});

describe('seed 21428: what became of a command before its creation was stored', () => {
  const id = '01a2ce3f-bb55-766a-9886-97cb1b48aeed';
  const revised = (revision: number): LedgerChange =>
    ({ type: 'command', command: { id, revision } }) as unknown as LedgerChange;
  const other: LedgerChange = { type: 'presence', presence: { thingName: 'other' } } as unknown as LedgerChange;

  /** The second step comes while the creation is under way. */
  async function storedAfter(creation: Result<CommitReceipt>): Promise<(readonly LedgerChange[])[]> {
    const clock = new SimulatedClock();
    const waiting: ((result: Result<CommitReceipt>) => void)[] = [];
    const asked: (readonly LedgerChange[])[] = [];
    const ledger: Pick<Ledger, 'commit'> = {
      commit: (changes) => {
        asked.push(changes);
        return new Promise((resolve) => waiting.push(resolve));
      },
    };
    const recorder = new Recorder({ ledger: ledger as Ledger, clock, log: SILENT }, () => undefined);
    recorder.commit([revised(1)], () => undefined, { refusable: true });
    recorder.commit([revised(2), other], () => undefined);
    waiting.shift()?.(creation);
    await clock.advance(2_000);
    while (waiting.length > 0) {
      waiting.shift()?.(ok({ firstSequence: 0 }));
      await clock.advance(2_000);
    }
    return asked;
  }

  test('is stored after it', async () => {
    expect(await storedAfter(ok({ firstSequence: 0 }))).toEqual([[revised(1)], [other], [revised(2)]]);
  });

  test('is forgotten with it when it is refused, and nothing else is', async () => {
    const asked = await storedAfter(fail(problem('ledger_unavailable', 'away')));
    expect(asked.flat()).not.toContainEqual(revised(2));
    expect(asked.flat()).toContainEqual(other);
  });
});

test('seed 24650: a write that lands below what was known shows that the shadow began anew, and proves nothing', () => {
  const world = new DeskWorld();
  world.link(true);
  world.create({ a: 1 });
  world.deliverAll();
  world.act('obeys');
  world.deliverAll();
  const known = world.desk.sight.view?.version ?? 0;
  expect(world.desk.sight.view?.state.reported).toMatchObject({ a: 1 });
  // Deleted and created again with its versions from 1, and nobody told the server.
  world.create({ a: 1 });
  const [token] = [...world.desk.writes.values()].map(({ id }) => tokenOf(id));
  world.send({
    type: 'accepted',
    update: {
      version: 1,
      state: { desired: { a: 1 } },
      metadata: {},
      timestamp: 1,
      ...(token === undefined ? {} : { clientToken: token }),
    },
  });
  expect(known).toBeGreaterThan(1);
  expect([...world.stored.values()].at(-1)).toMatchObject({ status: 'sent', incarnation: 2, version: 1 });
});

test('seed 27154: a conditional wish whose first write was lost is not written in part', () => {
  const world = new DeskWorld();
  world.link(true);
  world.foreign({ a: 1, b: 1 });
  world.send({ type: 'ask' });
  world.deliverAll();
  world.loseWrite();
  world.create({ a: 2, b: 2 }, { ifVersion: world.desk.sight.view?.version ?? 0 });
  world.foreign({ b: 7 });
  world.link(false);
  world.link(true);
  world.deliverAll();
  world.heal();
  expect([...world.stored.values()].at(-1)).toMatchObject({ status: 'failed', statusReason: 'version_conflict' });
  expect(world.record?.document.state.desired).toEqual({ a: 1, b: 7 });
});

test.each<[string, (world: DeskWorld) => void, (world: DeskWorld) => void]>([
  ['is lost', (world) => world.loseWrite(), (world) => (world.link(false), world.link(true))],
  ['is answered with 500', (world) => world.refuseWrite(500), () => undefined],
])('seed 29885: a write that is guarded because the first was lost stays so when it %s', (_, prepare, befall) => {
  const world = new DeskWorld();
  world.link(true);
  world.foreign({ a: 1, b: 1 });
  world.send({ type: 'ask' });
  world.deliverAll();
  world.loseWrite();
  world.create({ a: 2 });
  world.foreign({ b: 5 });
  world.link(false);
  world.link(true);
  prepare(world);
  world.deliverAll();
  befall(world);
  // Somebody changes the field before the write is tried once more.
  world.foreign({ a: 9 });
  world.deliverAll();
  world.heal();
  expect(world.record?.document.state.desired).toEqual({ a: 9, b: 5 });
  expect([...world.stored.values()].at(-1)?.status).toBe('superseded');
});

test('seed 31108: what had begun before a crash and is stopped before it begins again was tried, and keeps its number', () => {
  const facts: CommandFacts = { idempotent: true, violation: () => undefined, stateNow: () => undefined };
  const commands = new Map([['calibrate', facts]]);
  const at = (now: number) => ({ now: now as MonotonicMs, commands, limits: DEFAULT_DIRECT_LIMITS });
  const request: DirectRequest = {
    id: 'c1',
    name: 'calibrate',
    args: {},
    issuedAt: 0 as EpochMs,
    expiresAt: 60_000 as EpochMs,
    attempt: 1,
    sequence: { key: 'k', number: 1 },
  };
  let { state } = resumeDirect({ jobs: [{ phase: 'running', request }], sequences: new Map() }, at(0));
  const service = { at: 1_000 as EpochMs, since: 0 as MonotonicMs };
  ({ state } = nextDirect(state, { type: 'service_time', service }, at(0)));
  expect(state.jobs.get('c1')).toMatchObject({ phase: 'running', again: true });
  ({ state } = nextDirect(state, { type: 'request', request: { ...request, cancel: true }, full: false }, at(1)));
  const { effects, state: after } = nextDirect(state, { type: 'not_begun', id: 'c1' }, at(2));
  expect(effects).toMatchObject([{ type: 'conclude', reply: { response: { status: 'failed' } } }]);
  expect(after.sequences.get('k')).toBe(1);
});

test('seed 4: a command whose answer was lost is no noop because the device has answered it by the time of the look', () => {
  const world = new DeskWorld();
  world.link(true);
  world.foreign({ a: 1 });
  world.act('obeys');
  world.send({ type: 'ask' });
  world.deliverAll();
  world.create({ a: 2 });
  // The answer and the delta are lost, the device acts, and only a snapshot shows both.
  while (world.mail.length > 0) world.lose(0);
  world.act('obeys');
  while (world.mail.length > 0) world.lose(0);
  world.heal();
  const [command] = world.stored.values();
  expect(command?.status).toBe('succeeded');
  expect(command?.noop).toBeUndefined();
});

test.each([
  ['before', (world: DeskWorld) => world.act('obeys')],
  ['differently since', (world: DeskWorld) => world.act('differs')],
])('seed 8: a command for what was so is a noop if it was reported %s', (how, befall) => {
  const world = new DeskWorld();
  world.link(true);
  world.foreign({ a: 1 });
  world.act('obeys');
  world.send({ type: 'ask' });
  world.deliverAll();
  world.create({ a: 1 });
  world.deliverAll();
  befall(world);
  world.deliverAll();
  world.heal();
  const [command] = world.stored.values();
  expect(command).toMatchObject({ status: 'succeeded', ...(how === 'before' ? { noop: true } : {}) });
  expect(command?.noop).toBe(how === 'before' ? true : undefined);
});

test('seed 243: a wish for a shadow that must not exist waits while the first update of a new one is heard of', () => {
  const world = new DeskWorld();
  world.link(true);
  world.foreign({ a: 1 });
  world.send({ type: 'ask' });
  world.deliverAll();
  world.delete();
  world.deliverAll();
  world.send({ type: 'ask' });
  world.deliverAll();
  // Its version goes on where it stood: the view of nothing has no use for it, and it is held until a snapshot comes.
  world.foreign({ a: 5 });
  world.deliver(0, { twice: false });
  world.create({ a: 2 }, { ifVersion: 0 });
  world.deliverAll();
  world.heal();
  expect(world.record?.document.state.desired).toEqual({ a: 5 });
  expect([...world.stored.values()].at(-1)).toMatchObject({ status: 'failed', statusReason: 'version_conflict' });
});
