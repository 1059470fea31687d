import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { epochMs } from '../../src/core/brand.ts';
import { AgentWorld } from '../support/agent-world.ts';
import { DirectSender } from '../support/direct-sender.ts';
import { killWhileCommandsFlow } from '../support/direct-kills.ts';
import { eventually } from '../support/eventually.ts';
import { shadowctl } from '../support/shadowctl.ts';

/** Direct commands at a real agent: programs, exit codes, kills. */

let world: AgentWorld;
let sender: DirectSender;
beforeEach(async () => {
  world = await AgentWorld.open();
  sender = await DirectSender.connect(world.cloud.mqttUrl, 'gateway');
});
afterEach(async () => {
  await sender.end();
  await world.close();
});

async function started(script?: string, more: object = {}): Promise<void> {
  if (script !== undefined) world.script('once', script);
  const config = JSON.parse(readFileSync(world.path('agent.json'), 'utf8')) as { commands: object[] };
  config.commands[0] = { ...config.commands[0], ...more };
  writeFileSync(world.path('agent.json'), JSON.stringify(config));
  world.start();
  await world.connected(sender);
}

const send = (id: string, args: object = {}) => sender.send({ id, name: 'once', args: args as never });

test('a program gets the arguments on its input, prints progress and then the result', async () => {
  await started(
    `read args
     echo "$args $SHADOWCTL_COMMAND $SHADOWCTL_COMMAND_ID" > got
     echo '{"percent":40,"text":"half way"}'; echo "nearly there"; sleep 0.4; echo '{"lines":3}'`,
  );
  expect(await send('c1', { force: true })).toEqual({ id: 'c1', status: 'succeeded', result: { lines: 3 } });
  expect(readFileSync(world.path('got'), 'utf8')).toBe('{"force":true} once c1\n');
  const told = sender.responses('c1').flatMap(({ progress }) => (progress === undefined ? [] : [progress]));
  expect(told).toContainEqual({ text: 'nearly there' });
});

test('a line after which the program goes on for a while is told, not held back for the next one', async () => {
  await started('read args; echo copying; while [ ! -e go ]; do sleep 0.1; done');
  const settled = send('c1');
  await eventually(() => sender.responses('c1').some(({ progress }) => progress?.text === 'copying'));
  writeFileSync(world.path('go'), '');
  expect(await settled).toEqual({ id: 'c1', status: 'succeeded', result: 'copying' });
});

test.each([
  ['exit 0', { status: 'succeeded' }],
  ['echo plain text', { status: 'succeeded', result: 'plain text' }],
  ['echo no such user >&2; exit 65', { status: 'rejected', problem: { code: 'exit_65', message: 'no such user' } }],
  [
    `echo '{"code":"door_open","message":"close it first"}' >&2; exit 1`,
    { status: 'failed', problem: { code: 'door_open', message: 'close it first' } },
  ],
  ['head -c 200000 /dev/zero | tr "\\\\0" x', { status: 'failed', problem: { code: 'result_too_large' } }],
  ['kill -9 $$', { status: 'failed', problem: { code: 'program_killed' } }],
])('a program that does %o ends as %o', async (body, expected) => {
  await started(`read args; ${body}`);
  expect(await send('c1')).toMatchObject(expected);
});

test('a program that takes too long is ended with its group', async () => {
  await started('read args; sleep 1000 & echo $! > child; wait', { timeoutMs: 1_500 });
  expect(await send('c1')).toMatchObject({ status: 'failed', problem: { code: 'program_timeout' } });
  const child = readFileSync(world.path('child'), 'utf8').trim();
  await eventually(() => /^State:\s+Z|^$/m.test(statusOf(child)));
});

test('a cancel ends the program and is answered so', async () => {
  await started('read args; touch begun; while :; do sleep 0.1; done');
  await sender.ask({ id: 'c1', name: 'once' });
  await eventually(() => sender.responses('c1').some(({ status }) => status === 'accepted'));
  const answer = await sender.send({ id: 'c1', name: 'once', cancel: true, attempt: 2 });
  expect(answer).toMatchObject({ status: 'failed', problem: { code: 'cancelled' } });
});

test('agent status shows what is open and what was answered', async () => {
  await started();
  await send('c1');
  await eventually(async () => {
    const { stdout } = await shadowctl(['agent', 'status', '--config', world.path('agent.json'), '--json']);
    const { commands, shadows } = JSON.parse(stdout) as { commands: object[]; shadows: object[] };
    expect(shadows).toHaveLength(1);
    expect(commands).toContainEqual(
      expect.objectContaining({ id: 'c1', name: 'once', state: 'succeeded', published: true }),
    );
    return true;
  });
  const { stdout } = await shadowctl(['agent', 'status', '--config', world.path('agent.json')]);
  expect(stdout).toMatch(/once +c1 +succeeded/);
});

const done = { status: 'succeeded', result: 'done' };
const interrupted = { status: 'failed', problem: { code: 'interrupted' } };

test.each([
  ['H1', 'once', 'direct.afterReceive', done, 1],
  ['H4', 'once', 'direct.afterJournal.beforeHandler', interrupted, 0],
  ['H4', 'again', 'direct.afterJournal.beforeHandler', done, 1],
  ['H4', 'once', 'direct.afterHandler.beforeJournal', interrupted, 1],
  ['H4', 'again', 'direct.afterHandler.beforeJournal', done, 2],
  ['H4', 'once', 'direct.afterJournal.beforeAnswer', done, 1],
  ['H4', 'again', 'direct.afterJournal.beforeAnswer', done, 1],
  ['H4', 'once', 'direct.afterAnswer.beforeAck', done, 1],
] as const)(
  '%s a command "%s" whose agent is killed at %s ends as %o after %i effects',
  async (_f, name, point, answer, effects) => {
    const doomed = world.start(point);
    await eventually(async () => {
      await sender.ask({ id: 'c1', name });
      return doomed.process.signalCode !== null;
    });
    world.start();
    await eventually(async () => {
      await sender.ask({ id: 'c1', name, attempt: 2 });
      return sender.finals('c1').length > 0;
    });
    for (const final of sender.finals('c1')) expect(final).toMatchObject(answer);
    expect(world.ran(name)).toEqual(Array.from({ length: effects }, () => 'c1'));
  },
);

test('I4 while commands flow and the agent is killed 20 times: no double effect, no lost answer, sequences in order', async () => {
  const random = new SeededRandom(9);
  const report = await killWhileCommandsFlow(20, () => random.fraction());
  const { doubled, lost, contradicted, untrue, order } = report;
  expect({ doubled, lost, contradicted, untrue }).toEqual({ doubled: [], lost: [], contradicted: [], untrue: [] });
  expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
  expect(report.answers['succeeded']).toBeGreaterThan(5); // that commands flowed at all
}, 120_000);

test('D-01, D-02: a captured request has one effect, and after a factory reset none once it has expired', async () => {
  world.start();
  await world.connected(sender);
  const issuedAt = epochMs(Date.now());
  const captured = { id: 'c1', name: 'once', issuedAt, expiresAt: epochMs(issuedAt + 300_000) };
  const answer = await sender.send(captured);
  await sender.ask(captured);
  await eventually(() => sender.finals('c1').length === 2);
  expect(sender.finals('c1')).toEqual([answer, answer]);
  expect(world.ran('once')).toEqual(['c1']);

  await world.kill();
  rmSync(world.path('state'), { recursive: true });
  world.cloud.control.advance(400_000);
  world.start();
  await eventually(async () => {
    await sender.ask(captured);
    return sender.finals('c1').length > 2;
  });
  expect(sender.finals('c1').at(-1)).toMatchObject({ status: 'rejected', problem: { code: 'expired' } });
  expect(world.ran('once')).toEqual(['c1']);
});

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
