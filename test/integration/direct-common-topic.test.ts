import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import type { Cloud } from '../../src/cloud/cloud.ts';
import { composeDevice } from '../../src/compose-device.ts';
import type { CommandId } from '../../src/core/brand.ts';
import type { DirectCommand } from '../../src/core/direct/direct-command.ts';
import { DIRECT_TOPICS, directTopics } from '../../src/protocol/direct-topics.ts';
import { cloudAt, got } from '../support/cloud.ts';
import { DirectDevice } from '../support/direct-device.ts';
import { eventually } from '../support/eventually.ts';
import { NO_METRICS } from '../../src/ports/metrics.ts';
import { thing } from '../support/test-device.ts';

const RESPONSES = 'fleet/answers';
const TEMPLATES = { ...DIRECT_TOPICS, response: RESPONSES };
const NOBODYS = '019a9f00-0000-7000-8000-000000000000';

let simulator: Simulator;
let cloud: Cloud;
/** By name and labels. */
const counts = new Map<string, number>();
const counted = (name: string, labels: object): number => counts.get(`${name} ${JSON.stringify(labels)}`) ?? 0;
const devices: DirectDevice[] = [];

beforeEach(async () => {
  simulator = await startSimulator();
  counts.clear();
  const count: (typeof NO_METRICS)['count'] = (name, labels = {}, by = 1) =>
    void counts.set(`${name} ${JSON.stringify(labels)}`, counted(name, labels) + by);
  const metrics = { ...NO_METRICS, count };
  const topics = got(directTopics(TEMPLATES));
  cloud = cloudAt(simulator.mqttUrl, { directTopics: topics, groups: { doors: ['door-1', 'door-2'] }, metrics });
  got(await cloud.start());
});

afterEach(async () => {
  for (const device of devices.splice(0)) await device.end();
  await cloud.stop();
  await simulator.stop();
});

async function connect(name: string, answer: Parameters<typeof DirectDevice.connect>[2] = {}): Promise<DirectDevice> {
  const device = await DirectDevice.connect(simulator.mqttUrl, name, { ...answer, responseTopic: RESPONSES });
  devices.push(device);
  return device;
}

const send = async (name: string): Promise<DirectCommand> =>
  got(await cloud.createDirect({ thingName: thing(name), name: 'unlock', by: { name: 'anna' } })).command;

async function endOf(id: CommandId): Promise<DirectCommand> {
  const command = got(await cloud.settled(id).command);
  if (command.kind !== 'direct') throw new Error('not a direct command');
  return command;
}

test('on a topic that all devices share the id says whose answer it is, and the answer is marked', async () => {
  await connect('door-1', { answer: () => [{ status: 'in_progress' }, { status: 'succeeded', result: 5 }] });

  const { id } = await send('door-1');
  expect(await endOf(id)).toMatchObject({ status: 'succeeded', result: 5, unguarded: true });

  const lines = got(await cloud.timeline(id)).filter(({ by }) => by === 'device');
  expect(lines.map(({ event, detail }) => [event, detail?.['unguarded']])).toEqual([
    ['delivered', true],
    ['succeeded', true],
  ]);
  expect(got(await cloud.explainCommand(id)).words).toContain('any may answer for another');
});

test('another device can answer for it, which the mark says; such an answer is no sign of its presence', async () => {
  const other = await connect('door-2');
  const { id } = await send('door-1');
  await eventually(async () => got(await cloud.command(id)).status === 'sent');

  await other.answer({ id, status: 'succeeded' });

  expect(await endOf(id)).toMatchObject({ ref: { thingName: 'door-1' }, status: 'succeeded', unguarded: true });
  expect(got(await cloud.thing(thing('door-1'))).presence.state).toBe('unknown');
});

test('an id that is not ours changes nothing and is counted', async () => {
  const device = await connect('door-1', { answer: () => [] });
  const { id } = await send('door-1');
  await eventually(() => device.requests.length > 0);

  for (const unknown of [NOBODYS, 'door-1', '', `${id}x`]) await device.answer({ id: unknown, status: 'failed' });
  await eventually(() => counted('shadow_direct_responses_total', { outcome: 'unknown' }) === 3);
  expect(counted('shadow_quarantined_messages_total', { reason: 'invalid_request' })).toBe(1);

  const command = got(await cloud.command(id));
  expect(['queued', 'sent']).toContain(command.status); // the broker's word may still be under way
  expect(command).not.toHaveProperty('unguarded');
  await device.answer({ id, status: 'succeeded' });
  expect((await endOf(id)).status).toBe('succeeded');
});

test('the members of a group are asked one by one, each with an id of its own', async () => {
  const ids: string[] = [];
  const composed = composeDevice({
    thingName: thing('door-1'),
    shadows: [],
    mqtt: { url: simulator.mqttUrl },
    direct: { topics: TEMPLATES, groups: ['doors'] },
  });
  const ours = got(composed);
  ours.onCommand('lock', {
    idempotent: false,
    handler: ({ id }) => {
      ids.push(id);
      return Promise.resolve({ result: 'locked' });
    },
  });
  await ours.start();
  const refusing = await connect('door-2', {
    groups: ['doors'],
    answer: () => [{ status: 'failed', problem: { code: 'jammed', message: 'stuck' } }],
  });

  const by = { name: 'anna' };
  const things = got(await cloud.members('doors'));
  const { parentId } = got(await cloud.createGroup({ group: 'doors', things, name: 'lock', by }));

  const children = async () => got(await cloud.commands({ parentId }, { limit: 9 })).items;
  await eventually(async () => (await children()).every(({ endedAt }) => endedAt !== undefined));
  const ends = (await children()).map((child) => [child.ref.thingName, child.status, child.id] as const).sort();
  expect(ends.map(([name, status]) => [name, status])).toEqual([
    ['door-1', 'succeeded'],
    ['door-2', 'failed'],
  ]);
  expect(ids).toEqual([ends[0]?.[2]]);
  expect(refusing.requests.map(({ id }) => id)).toEqual([ends[1]?.[2]]);
  await ours.stop();
});
