import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemoryLedger } from '../../simulators/ledger/memory-ledger.ts';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import type { Cloud, CreateDirectCommand } from '../../src/cloud/cloud.ts';
import type { CloudOptions } from '../../src/cloud/cloud-options.ts';
import type { CommandId } from '../../src/core/brand.ts';
import type { DirectCommand } from '../../src/core/direct/direct-command.ts';
import type { DirectRequest } from '../../src/core/direct/messages.ts';
import { composeDevice } from '../../src/compose-device.ts';
import { aWish, cloudAt, ended, got } from '../support/cloud.ts';
import { modelWith } from '../support/device-world.ts';
import { DirectDevice } from '../support/direct-device.ts';
import { eventually } from '../support/eventually.ts';
import { TestHardware, thing } from '../support/test-device.ts';

let simulator: Simulator;
let cloud: Cloud;
const clouds: Cloud[] = [];
const devices: DirectDevice[] = [];

/** Nothing here waits for a second where a tenth of it will do. */
const QUICK = { direct: { answerMs: 60, groupAnswerMs: 60, backoffMs: 40, backoffMsMax: 100, verifyMs: 100 } };
/** Where requests are counted, a busy machine must not be one that asks again. */
const PATIENT = { direct: { ...QUICK.direct, answerMs: 60_000, groupAnswerMs: 60_000 } };

beforeEach(async () => {
  simulator = await startSimulator();
});

afterEach(async () => {
  for (const device of devices.splice(0)) await device.end();
  for (const each of clouds.splice(0)) await each.stop();
  await simulator.stop();
});

async function start(options: Partial<CloudOptions> & { ledger?: MemoryLedger } = {}): Promise<void> {
  cloud = cloudAt(simulator.mqttUrl, { presence: { settleMs: 20 }, ...QUICK, ...options });
  clouds.push(cloud);
  got(await cloud.start());
}

async function connect(name: string, options?: Parameters<typeof DirectDevice.connect>[2]): Promise<DirectDevice> {
  const device = await DirectDevice.connect(simulator.mqttUrl, name, options);
  devices.push(device);
  return device;
}

async function online(name: string, state: 'online' | 'offline' = 'online'): Promise<void> {
  await eventually(async () => got(await cloud.thing(thing(name))).presence.state === state);
}

async function send(name: string, wish: Partial<CreateDirectCommand> = {}): Promise<DirectCommand> {
  const request = { thingName: thing(name), name: 'unlock', by: { name: 'anna' }, ...wish };
  return got(await cloud.createDirect(request)).command;
}

async function now(id: CommandId): Promise<DirectCommand> {
  const command = got(await cloud.command(id));
  if (command.kind !== 'direct') throw new Error('not a direct command');
  return command;
}

async function endOf({ id }: DirectCommand): Promise<DirectCommand> {
  got(await cloud.settled(id).command);
  return now(id);
}

const events = async (id: CommandId): Promise<string[]> => got(await cloud.timeline(id)).map(({ event }) => event);

/** The broker's word that it has a request may come after the device's answer to it. */
const withoutSent = (names: string[]): string[] => names.filter((name) => name !== 'sent');

test('an action ends with the word of the device, its result and its state', async () => {
  await start(PATIENT);
  const device = await connect('door', {
    answer: () => [{ status: 'succeeded', result: { until: 5 }, state: { locked: false } }],
  });

  const command = await endOf(await send('door', { args: { visitor: 'Ada' } }));

  expect(command).toMatchObject({ status: 'succeeded', result: { until: 5 }, state: { locked: false }, attempts: 1 });
  expect(device.requests).toEqual([
    {
      id: command.id,
      name: 'unlock',
      args: { visitor: 'Ada' },
      issuedAt: command.createdAt,
      expiresAt: command.createdAt + 300_000,
      attempt: 1,
    },
  ]);
  expect(withoutSent(await events(command.id))).toEqual(['created', 'succeeded']);
});

test.each([
  ['failed', { code: 'jammed', message: 'the bolt is stuck' }, 'jammed'],
  ['rejected', { code: 'unknown_command', message: 'no handler' }, 'unknown_command'],
] as const)('a device that has %s it says why', async (status, problem, statusReason) => {
  await start();
  await connect('door', { answer: () => [{ status, problem }] });
  expect(await endOf(await send('door'))).toMatchObject({ status: 'failed', statusReason, problem });
});

test('progress is told while it goes on', async () => {
  await start(PATIENT);
  const device = await connect('door', { answer: () => [{ status: 'accepted' }] });
  const { id } = await send('door');
  await eventually(async () => (await now(id)).status === 'delivered');
  await device.answer({ id, status: 'in_progress', progress: { percent: 40, text: 'turning' } });
  await eventually(async () => (await now(id)).progress?.percent === 40);
  expect(got(await cloud.explainCommand(id))).toMatchObject({
    code: 'applying',
    words: 'the device works on it: turning',
  });
  await device.answer({ id, status: 'succeeded' });
  expect(await endOf(await now(id))).toMatchObject({ status: 'succeeded' });
});

test('H2: the first end stands, whatever the device says twice or afterwards', async () => {
  await start(PATIENT);
  const device = await connect('door', {
    answer: () => [{ status: 'succeeded' }, { status: 'failed', problem: { code: 'no', message: '' } }],
  });
  const first = await endOf(await send('door'));
  await device.answer({ id: first.id, status: 'rejected', problem: { code: 'expired', message: '' } });
  // A round trip behind them: all were read.
  await endOf(await send('door'));
  expect(await now(first.id)).toEqual(first);
});

test('H2: success after the deadline is noted as late, once; a late failure leaves the end as it is', async () => {
  await start();
  const device = await connect('door', { answer: () => [] });
  await online('door');
  const [late, never] = [await send('door', { applyWithinMs: 50 }), await send('door', { applyWithinMs: 50 })];
  for (const command of [late, never]) {
    expect(await endOf(command)).toMatchObject({
      status: 'timed_out',
      statusReason: 'no_answer',
      problem: { code: 'no_answer' },
    });
  }

  await device.answer({ id: late.id, status: 'succeeded', result: 1 });
  await device.answer({ id: late.id, status: 'succeeded', result: 2 });
  await device.answer({ id: never.id, status: 'failed', problem: { code: 'jammed', message: '' } });

  await eventually(async () => (await now(never.id)).lateAnswer === 'failed');
  expect(await now(late.id)).toMatchObject({ status: 'succeeded_late', result: 1 });
  expect(await now(never.id)).toMatchObject({ status: 'timed_out' });
  expect((await events(late.id)).filter((event) => event === 'succeeded_late')).toHaveLength(1);
});

test('H1: without an answer the same request goes out again, with a higher attempt, until there is one', async () => {
  await start();
  let left = 2;
  const device = await connect('door', { answer: () => (left-- > 0 ? [] : [{ status: 'succeeded' }]) });
  const command = await endOf(await send('door'));
  expect(command).toMatchObject({ status: 'succeeded' });
  expect(device.requests.slice(0, 3).map(({ id, attempt }) => [id, attempt])).toEqual([
    [command.id, 1],
    [command.id, 2],
    [command.id, 3],
  ]);
});

test('a device that is offline gets it when it returns, and not before', async () => {
  await start(PATIENT);
  const first = await connect('door');
  await online('door');
  await first.end();
  await online('door', 'offline');
  const { id } = await send('door');
  expect(got(await cloud.explainCommand(id))).toMatchObject({ code: 'device_offline' });
  expect((await now(id)).status).toBe('queued');

  const device = await connect('door');

  expect(await endOf(await now(id))).toMatchObject({ status: 'succeeded' });
  expect(device.requests).toHaveLength(1);
});

test('who does not want to wait for a device that is offline hears it at once', async () => {
  await start();
  await (await connect('door')).end();
  await online('door', 'offline');
  expect(await endOf(await send('door', { whenOffline: 'fail' }))).toMatchObject({
    status: 'failed',
    statusReason: 'offline',
  });
});

test('H5: what expired while the device was away is never sent', async () => {
  await start();
  await (await connect('door')).end();
  await online('door', 'offline');
  const command = await endOf(await send('door', { expiresInMs: 100 }));
  expect(command).toMatchObject({ status: 'expired', attempts: 0 });
  const device = await connect('door');
  await online('door');
  await endOf(await send('door'));
  expect(device.requests.map(({ id }) => id)).not.toContain(command.id);
});

test('D-05, D-06: a forged, foreign or unreadable answer changes nothing', async () => {
  await start();
  await connect('door', { answer: () => [{ status: 'accepted' }] });
  const other = await connect('window');
  const { id } = await send('door');
  await eventually(async () => (await now(id)).status === 'delivered');
  const before = await now(id);

  await other.answer({ id, status: 'succeeded' });
  await other.probe.publish('cmd/window/resp', '{"id":"x","status":"done"}');
  await other.probe.publish('cmd/window/resp', Buffer.alloc(100_000));
  await other.probe.publish('cmd/window/resp', { id, status: 'succeeded', thing: 'door' });
  await endOf(await send('window'));

  expect(await now(id)).toMatchObject({ status: 'delivered', deliveredAt: before.deliveredAt });
});

test('a queued or sent command is cancelled at once, one that is being done by the device alone', async () => {
  await start();
  const asked: DirectRequest[] = [];
  const device = await connect('door', {
    answer: (request) => {
      asked.push(request);
      if (request.cancel !== true) return [{ status: 'in_progress' }];
      return [{ status: 'failed', problem: { code: 'cancelled', message: 'stopped half way' } }];
    },
  });
  const { id } = await send('door');
  await eventually(async () => (await now(id)).status === 'delivered');

  got(await cloud.act(id, { type: 'cancel', by: { name: 'ops' }, reason: 'wrong door' }));

  expect(await endOf(await now(id))).toMatchObject({
    status: 'cancelled',
    cancel: { by: 'ops', reason: 'wrong door' },
  });
  expect(device.requests.filter(({ cancel }) => cancel === true)[0]).toMatchObject({ id, name: 'unlock' });

  await device.end();
  await online('door', 'offline');
  const queued = await send('door');
  const cancelled = got(await cloud.act(queued.id, { type: 'cancel', by: { name: 'ops' } }));
  expect(cancelled).toMatchObject({ status: 'cancelled' });
});

test('retry of an ended command makes a new one, linked; of an open one it asks again', async () => {
  await start();
  let isJammed = true;
  await connect('door', {
    answer: () => [isJammed ? { status: 'failed', problem: { code: 'jammed', message: '' } } : { status: 'succeeded' }],
  });
  const first = await endOf(await send('door', { args: { visitor: 'Ada' } }));
  isJammed = false;
  const again = got(await cloud.act(first.id, { type: 'retry', by: { name: 'ops' } }));
  expect(await endOf(again as DirectCommand)).toMatchObject({
    status: 'succeeded',
    retryOf: first.id,
    author: 'ops',
    args: { visitor: 'Ada' },
  });
});

test('H3: commands of one key go one after the other, with the numbers of the ledger', async () => {
  await start(PATIENT);
  const device = await connect('motor', {
    answer: ({ sequence }) => [{ status: 'succeeded', ...(sequence === undefined ? {} : { sequence }) }],
  });
  const commands = [];
  for (const name of ['start', 'speed', 'stop']) commands.push(await send('motor', { name, sequenceKey: 'run' }));
  for (const command of commands) await endOf(command);
  expect(device.requests.map(({ name, sequence }) => [name, sequence?.number])).toEqual([
    ['start', 1],
    ['speed', 2],
    ['stop', 3],
  ]);
});

test('H3: a refusal because of the order tells where to go on', async () => {
  await start(PATIENT);
  let done = 0;
  await connect('motor', {
    answer: ({ sequence }) => {
      const number = sequence?.number ?? 0;
      const answer = { state: { running: done > 0 }, sequence: { key: 'run', number: done } };
      if (number !== done + 1) {
        return [{ status: 'rejected', problem: { code: 'out_of_order', message: `after ${done}` }, ...answer }];
      }
      done = number;
      return [{ status: 'succeeded', ...answer, sequence: { key: 'run', number } }];
    },
  });
  await endOf(await send('motor', { name: 'start', sequenceKey: 'run' }));
  done = 0; // the device forgot
  const refused = await endOf(await send('motor', { name: 'speed', sequenceKey: 'run' }));
  expect(refused).toMatchObject({ status: 'failed', statusReason: 'out_of_order', state: { running: false } });
  expect(refused.sequence?.number).toBe(2);
  const resumed = await endOf(await send('motor', { name: 'start', sequenceKey: 'run' }));
  expect(resumed).toMatchObject({ status: 'succeeded', sequence: { key: 'run', number: 1 } });
});

test('H4: a server that was away takes up what was open, and asks for the answer it missed', async () => {
  const ledger = new MemoryLedger();
  await start({ ledger });
  let isDone = false;
  const device = await connect('door', { answer: () => [{ status: isDone ? 'succeeded' : 'accepted' }] });
  const { id } = await send('door');
  await eventually(async () => (await now(id)).status === 'delivered');
  await cloud.stop();
  isDone = true;
  await start({ ledger: ledger.reopen() });
  expect(await endOf(await now(id))).toMatchObject({ status: 'succeeded' });
  expect(new Set(device.requests.map((request) => request.id))).toEqual(new Set([id]));
});

const HALL = { groups: { hall: ['lamp-1', 'lamp-2', 'lamp-3'] } };

async function sendToHall(more: { abortAfter?: number; applyWithinMs?: number } = {}): Promise<DirectCommand[]> {
  const things = got(await cloud.members('hall'));
  const request = { group: 'hall', things, name: 'blink', by: { name: 'anna' }, ...more };
  const { parentId } = got(await cloud.createGroup(request));
  const children = got(await cloud.commands({ parentId }, { limit: 10 })).items as readonly DirectCommand[];
  return [...children].sort((left, right) => (left.ref.thingName < right.ref.thingName ? -1 : 1));
}

test('a group gets one request, each member settles its own command', async () => {
  await start({ ...HALL, ...PATIENT });
  const lamps = await Promise.all(
    HALL.groups.hall.map((name) =>
      connect(name, {
        groups: ['hall'],
        answer: () => [
          name === 'lamp-2' ? { status: 'failed', problem: { code: 'broken', message: '' } } : { status: 'succeeded' },
        ],
      }),
    ),
  );
  const children = await sendToHall();
  const ends = await Promise.all(children.map(endOf));
  expect(ends.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded']);
  for (const lamp of lamps) {
    expect(lamp.requests).toMatchObject([{ id: children[0]?.parentId, group: 'hall', attempt: 1 }]);
  }
});

test('H6: members that do not answer are asked one by one, under the same transaction', async () => {
  await start(HALL);
  await connect('lamp-1', { groups: ['hall'] });
  await connect('lamp-2', { groups: ['hall'] });
  const deaf = await connect('lamp-3'); // not subscribed to the group
  const ends = await Promise.all((await sendToHall()).map(endOf));
  expect(ends.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  expect(deaf.requests[0]).toMatchObject({ id: ends[0]?.parentId, attempt: 2 });
});

test('when too many members fail the rest is called off', async () => {
  await start(HALL);
  const broken = { status: 'failed', problem: { code: 'broken', message: '' } } as const;
  await connect('lamp-1', { groups: ['hall'], answer: () => [broken] });
  await connect('lamp-2', { groups: ['hall'], answer: () => [broken] });
  await (await connect('lamp-3', { groups: ['hall'] })).end();
  await online('lamp-3', 'offline');
  const ends = await Promise.all((await sendToHall({ abortAfter: 2 })).map(endOf));
  expect(ends.map(({ status }) => status)).toEqual(['failed', 'failed', 'cancelled']);
});

test('H7: what an action does to a field that a command wished for is drift, and neither verdict changes', async () => {
  await start();
  const hardware = new TestHardware({ '/locked': false });
  const lease = { locked: { type: 'boolean', 'x-shadow': { onLocalChange: 'lease', leaseMs: 60_000 } } };
  const door = got(
    composeDevice({
      thingName: thing('door'),
      shadows: [{ model: modelWith(lease), adapters: [hardware] }],
      mqtt: { url: simulator.mqttUrl },
    }),
  );
  got(
    door.onCommand('unlock', {
      idempotent: false,
      handler: async () => {
        hardware.turn('/locked', false);
        return {};
      },
    }),
  );
  got(await door.start());
  const wish = await ended(cloud, aWish('door', { locked: true }));
  const action = await endOf(await send('door'));
  const [entry] = await eventually(async () => {
    const { items } = got(await cloud.drift({}, { limit: 10 }));
    return items.length === 1 ? items : undefined;
  });
  expect(entry).toMatchObject({ field: '/locked', desired: true, reported: false, cause: 'overridden' });
  expect(await now(action.id)).toMatchObject({ status: 'succeeded' });
  expect(got(await cloud.command(wish.id))).toMatchObject({ status: 'succeeded' });
  await door.stop();
});
