import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandView } from '../../src/http/views/command.ts';
import type { DriftPageView, IgnoreRuleView } from '../../src/http/views/drift.ts';
import type { FanOutView } from '../../src/http/views/many.ts';
import type { PageView } from '../../src/http/views/parts.ts';
import { eventually } from '../support/eventually.ts';
import { startSmallWorld, type SmallWorld } from '../support/small-world.ts';
import { shadowctl, startShadowctl, type Ran } from '../support/shadowctl.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What support staff type all day, against a real server, broker and device. `nobody` is a thing whose device never comes. */
let world: SmallWorld;
const folder = temporaryFolder();

beforeAll(async () => {
  world = await startSmallWorld();
}, 120_000);
afterAll(async () => {
  await world.stop();
  folder.remove();
}, 60_000);

const json = <T>({ stdout }: Ran): T => JSON.parse(stdout) as T;
const set = async (...args: string[]) => json<CommandView>(await world.run('set', ...args, '--json'));

describe('wait --for', () => {
  test('succeeded: 0 once it is; a command that ended otherwise ends the wait with its own exit code', async () => {
    const done = await set('room-heater', '/targetC=20');
    expect(await world.run('wait', done.id, '--for', 'succeeded')).toMatchObject({ code: 0 });
    const refused = await set('room-heater', '/fanSpeed=9');
    const waited = await world.run('wait', refused.id, '--for', 'succeeded');
    expect([waited.code, waited.stdout]).toEqual([6, expect.stringContaining('refused')]);
  });

  test('sent is met before the end, delivered not before the device showed a sign: 124 when the wait is over', async () => {
    const { id } = await set('nobody/states', '/a=1');
    expect((await world.run('wait', id, '--for', 'sent')).code).toBe(0);
    expect((await world.run('wait', id, '--for', 'delivered', '--timeout', '600ms')).code).toBe(124);
  });

  test('connected and disconnected follow the device, which may come while we wait', async () => {
    expect(await world.run('wait', 'room-heater', '--for', 'connected')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^room-heater: online since /),
    });
    const waiting = world.start('wait', 'late-heater', '--for', 'connected', '--timeout', '30s');
    await eventually(() => waiting.stderr().includes('…'));
    const late = startShadowctl(['devices', '--mqtt', world.mqtt, '--model', 'heater', '--thing', 'late-heater']);
    expect((await waiting.ended).code).toBe(0);
    late.process.kill('SIGTERM');
    await late.ended;
    expect((await world.run('wait', 'late-heater', '--for', 'disconnected', '--timeout', '30s')).code).toBe(0);
  });

  test('drift=none is met when nothing differs; a thing that nobody knows is 4, not a success', async () => {
    await world.run('set', 'room-heater', '/fanSpeed=9', '--on-end', 'keep', '--wait');
    const over = await world.run('wait', 'room-heater', '--for', 'drift=none', '--timeout', '500ms', '--json');
    expect([over.code, json(over)]).toEqual([124, { thingName: 'room-heater', condition: 'drift=none', met: false }]);
    const waiting = world.start('wait', 'room-heater', '--for', 'drift=none', '--timeout', '30s');
    await eventually(() => waiting.stderr().includes('fields differ'));
    await world.run('set', 'room-heater', '/fanSpeed=3', '--wait');
    await world.run('acknowledge', 'room-heater', '/fanSpeed');
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: 'room-heater: nothing differs\n' });
    expect((await world.run('wait', 'room-heate', '--for', 'drift=none')).code).toBe(4);
  });

  test.each([
    ['room-heater', 'succeeded'],
    ['room-heater', 'drift=some'],
    ['019aa1b2-c3d4-7e5f-8a6b-0123456789ab', 'connected'],
  ])('%s --for %s is a slip: 2, and says what can be waited for', async (what, condition) => {
    const ran = await world.run('wait', what, '--for', condition);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringMatching(/is waited for: .*\[invalid_usage\]/)]);
  });
});

describe('drift that somebody knows of', () => {
  const counts = async () => json<DriftPageView>(await world.run('drift', '--json')).counts;

  test('acknowledge takes a field off the list, with a reason, and leaves it counted', async () => {
    await world.run('set', 'room-heater', '/fanSpeed=8', '--on-end', 'keep', '--wait');
    await eventually(async () => (await counts())?.fields === 1);
    const ran = await world.run('acknowledge', 'room-heater', '/fanSpeed', '--reason', 'fan is ordered');
    expect([ran.code, ran.stdout]).toEqual([0, 'room-heater /fanSpeed acknowledged\n']);
    expect(await counts()).toMatchObject({ fields: 0, acknowledged: 1 });
    const all = await world.run('drift', '--all');
    expect([all.stdout, all.stderr]).toEqual([
      expect.stringContaining('acknowledged by tester'),
      expect.stringContaining('1 acknowledged'),
    ]);
    expect((await world.run('acknowledge', 'room-heater', '/targetC')).code).toBe(4);
  });

  test('ignore add, list and remove: a rule has a reason, an author and an end; what it hides stays counted', async () => {
    await world.run('set', 'room-heater', '/fanSpeed=3', '--wait');
    await world.run('set', 'room-heater', '/fanSpeed=7', '--on-end', 'keep', '--wait');
    await eventually(async () => (await counts())?.fields === 1);
    expect((await world.run('ignore', 'add', 'room-*', '/fan*')).code).toBe(2); // no reason, no rule
    const added = await world.run('ignore', 'add', 'room-*', '/fan*', '--reason', 'old fans', '--expires-in', '90d');
    expect([added.code, added.stdout]).toEqual([
      0,
      expect.stringMatching(/room-\* +any +\/fan\* +1 +old fans +tester/),
    ]);
    await eventually(async () => (await counts())?.fields === 0);
    expect(await counts()).toMatchObject({ ignored: 1 });
    expect((await world.run('drift')).stderr).toContain('1 ignored by rule');
    const listed = await world.run('ignore', 'list');
    expect(listed.stderr).toContain('rules: 1; differing fields they leave out: 1');
    const [rule] = json<PageView<IgnoreRuleView>>(await world.run('ignore', 'list', '--json')).items;
    expect(rule).toMatchObject({ reason: 'old fans', by: 'tester', hides: 1, expiresAt: expect.stringMatching(/Z$/) });
    expect((await world.run('drift', '--rule', rule?.id ?? '')).stdout).toMatch(/room-heater +\/fanSpeed/);
    expect((await world.run('ignore', 'remove', rule?.id ?? '')).code).toBe(0);
    expect((await world.run('ignore', 'remove', rule?.id ?? '')).code).toBe(4);
    const gone = await world.run('drift', '--rule', rule?.id ?? '');
    expect([gone.code, gone.stderr]).toEqual([4, expect.stringContaining('no ignore rule has this id')]);
    await eventually(async () => (await counts())?.fields === 1);
  });
});

describe('set for many things', () => {
  test('--things makes a command each, and waits for all of them: 6 if one did not succeed', async () => {
    const made = json<FanOutView>(await world.run('set', '--things', 'room-heater,nobody', '/targetC=19', '--json'));
    expect(made.commands.map(({ thingName }) => thingName)).toEqual(['nobody', 'room-heater']);
    const over = await world.run('wait', made.parentId, '--timeout', '1s');
    expect([over.code, over.stderr]).toEqual([124, expect.stringContaining('1 of 2 commands have ended')]);
    await world.run('cancel', made.commands[0]?.id ?? '');
    const waited = await world.run('wait', made.parentId);
    expect([waited.code, waited.stderr]).toEqual([6, expect.stringMatching(/of 2: .*1 succeeded/)]);
    expect((await world.run('commands', '--parent', made.parentId)).stdout.trim().split('\n')).toHaveLength(3);
    const both = ['set', '--things', 'room-heater', '/targetC=19', '/fanSpeed=2', '--wait'];
    expect(await world.run(...both)).toMatchObject({ code: 0, stderr: expect.stringContaining('of 1: 1 succeeded') });
  });

  test('--filter wants to be told how many, tells how many there are, and writes nothing until then', async () => {
    const asked = await world.run('set', '--filter', 'room-*', '/targetC=18');
    expect([asked.code, asked.stderr]).toEqual([
      2,
      expect.stringContaining('1 things fit room-*; nothing was written'),
    ]);
    expect((await world.run('set', '--filter', 'room-*', '--expect', '2', '/targetC=18')).code).toBe(5);
    expect((await world.run('set', '--filter', 'room-*', '--expect', '1', '/targetC=18', '--wait')).code).toBe(0);
  });

  test.each([
    [['--things', 'a', '--filter', 'b*', '/a=1'], 'exclude each other'],
    [['--things', 'a/x,b/y', '/a=1'], 'one shadow of each thing'],
    [['--things', 'a', '--if-version', '3', '/a=1'], 'means nothing for many'],
    [['room-heater'], 'say what to set'],
    [['--things', 'a'], 'missing required argument'],
  ])('%j is a slip: 2', async (args, words) => {
    const ran = await world.run('set', ...args);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});

describe('a key for the server', () => {
  test('comes from a file or the environment, never from an argument, and is not in the output', async () => {
    const access = folder.path('access.json');
    const made = await shadowctl(['keys', 'create', 'support', '--role', 'operator', '--access', access]);
    const key = made.stdout.trim();
    const store = `sqlite:${folder.path('ledger.sqlite')}`;
    const args = ['serve', '--listen', '127.0.0.1:0', '--store', store, '--mqtt', world.mqtt, '--access', access];
    const server = startShadowctl([...args, '--log', 'error', '--json']);
    const url = await eventually(() => /"http":"([^"]+)"/.exec(server.stdout())?.[1], { withinMs: 30_000 });
    const env = { SHADOWCTL_SERVER: url };
    writeFileSync(folder.path('key'), `${key}\n`);
    writeFileSync(folder.path('wrong'), 'two words\n');
    const things = (more: string[], extra: Record<string, string> = {}) =>
      shadowctl(['things', ...more], { env: { ...env, ...extra } });
    expect((await things([])).code).toBe(3);
    expect((await things(['--token-file', folder.path('key')])).code).toBe(0);
    expect((await things([], { SHADOWCTL_TOKEN_FILE: folder.path('key') })).code).toBe(0);
    expect((await things([], { SHADOWCTL_TOKEN: key })).code).toBe(0);
    const wrong = await things(['--token-file', folder.path('wrong')]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('[invalid_config]')]);
    expect((await things(['--token-file', folder.path('none')])).code).toBe(2);
    expect((await things(['--token', key])).code).toBe(2);

    const told = { env: { ...env, SHADOWCTL_TOKEN_FILE: folder.path('key') } };
    const mine = await shadowctl(['set', 'nobody', '/a=1', '--json'], told);
    expect(json<CommandView>(mine).author).toBe('support');
    const watching = startShadowctl(['watch', '--after', '0'], told);
    await eventually(() => watching.stdout().includes('nobody'));
    const commandLine = readFileSync(`/proc/${watching.process.pid}/cmdline`, 'utf8');
    expect(commandLine + watching.stdout() + mine.stdout).not.toContain(key);
    watching.process.kill('SIGINT');
    await watching.ended;
    server.process.kill('SIGTERM');
    await server.ended;
  }, 60_000);
});
