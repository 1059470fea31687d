import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/client/index.ts';
import type { DirectCommandView } from '../../src/http/views/direct.ts';
import { DirectDevice } from '../support/direct-device.ts';
import { eventually } from '../support/eventually.ts';
import { fresh } from '../support/fresh.ts';
import { startSmallWorld, type SmallWorld } from '../support/small-world.ts';

/** Against a real server and the simulated heater, which restarts in the middle of its command. */
let world: SmallWorld;
beforeAll(async () => {
  world = await startSmallWorld();
}, 120_000);
afterAll(() => world.stop(), 60_000);

test('send --wait ends with the exit code of the verdict, and with what the device answered', async () => {
  const { code, stdout } = await world.run('send', 'room-heater', 'restart', 'reason=stuck', '--wait');
  expect(stdout).toMatch(/^✓ succeeded {2}room-heater\/\(direct\) {2}restart reason="?stuck"? {2}[0-9a-f-]{36}\n/);
  expect(stdout).toContain('"restarted":true');
  expect(code).toBe(0);
});

test('what the device does not know, or was given wrongly, it rejects with its reason', async () => {
  const unknown = await world.run('send', 'room-heater', 'explode', '--wait');
  expect(unknown.stdout).toContain('✗ failed');
  expect(unknown.stdout).toContain('unknown_command');
  expect(unknown.code).toBe(6);
  const wrong = await world.run('send', 'room-heater', 'restart', 'reason=7', '--wait', '--json');
  expect((JSON.parse(wrong.stdout) as DirectCommandView).problem).toMatchObject({ code: 'invalid_args' });
});

test.each([
  [['send', 'room-heater'], /say what to do/],
  [['send', 'room-heater', 'restart', 'now'], /key=value/],
  [['send', 'room-heater', 'restart', 'a=1', 'a=2'], /given twice/],
  [['send', 'room-heater', 'restart', '--abort-after', '2'], /go with --group/],
  [['send', '--group', 'doors', 'lock', '--sequence', 'x'], /nothing for a group/],
])('%j is refused before anything is sent', async (args, words) => {
  const { code, stderr } = await world.run(...args);
  expect(stderr).toMatch(words);
  expect(code).toBe(2);
});

test('cancel of an action that is under way says that the device was asked to stop, and how to follow it', async () => {
  const name = fresh('door');
  let stop: () => void = () => undefined;
  const door = await DirectDevice.connect(world.mqtt, name, {
    answer: ({ id, cancel }) => {
      if (cancel !== true) return [{ status: 'in_progress', progress: { percent: 40, text: 'turning' } }];
      const problem = { code: 'cancelled', message: 'stopped half way' };
      stop = () => void door.answer({ id, status: 'failed', problem });
      return [];
    },
  });
  const sent = await world.run('send', name, 'unlock', '--json');
  const { id } = JSON.parse(sent.stdout) as DirectCommandView;
  await world.run('wait', id, '--for', 'delivered');

  const cancelled = await world.run('cancel', id);
  expect(cancelled.code).toBe(0);
  expect(cancelled.stdout).toMatch(/^… delivered .*\(turning; tester asked the device to stop\)/);
  expect(cancelled.stderr).toMatch(new RegExp(`^not cancelled yet: .*asked to stop.*shadowctl wait ${id}\n$`));
  const waiting = world.start('wait', id);
  await eventually(() => door.requests.some(({ cancel }) => cancel === true));
  stop();
  expect(await waiting.ended).toMatchObject({ code: 6, stdout: expect.stringContaining('» cancelled') });

  await door.end();
  const queued = await world.run('send', name, 'unlock', '--json');
  const atOnce = await world.run('cancel', (JSON.parse(queued.stdout) as DirectCommandView).id);
  expect([atOnce.stdout, atOnce.stderr]).toEqual([expect.stringMatching(/^» cancelled/), '']);
});

test('a group that is not configured is not there', async () => {
  expect(await world.run('send', '--group', 'doors', 'lock')).toMatchObject({ code: 4 });
});

test('the client sends an action, tells its progress, and settles with what the device said', async () => {
  const client = createClient({ url: world.url, author: 'backend' });
  const name = fresh('door');
  const door = await DirectDevice.connect(world.mqtt, name, {
    answer: () => [
      { status: 'in_progress', progress: { percent: 40, text: 'turning' } },
      { status: 'succeeded', result: { open: true } },
    ],
  });
  const action = client.send(name, 'unlock', { visitor: 'Ada' }, { sequence: 'bolt' });
  const progress: unknown[] = [];
  for await (const each of action) progress.push(each);
  expect(progress).toEqual([{ percent: 40, text: 'turning' }]);
  const ended = await action.settled();
  expect(ended).toMatchObject({ kind: 'direct', verdict: 'succeeded', author: 'backend', result: { open: true } });
  expect(ended.sequence).toEqual({ key: 'bolt', number: 1 });
  await door.end();
});
