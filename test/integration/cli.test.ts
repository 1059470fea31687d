import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandDetailView, CommandView, ShadowCommandView } from '../../src/http/views/command.ts';
import type { DriftView } from '../../src/http/views/drift.ts';
import type { PageView } from '../../src/http/views/parts.ts';
import type { ShadowView } from '../../src/http/views/shadow.ts';
import { eventually } from '../support/eventually.ts';
import { fresh } from '../support/fresh.ts';
import { MqttProbe } from '../support/mqtt-probe.ts';
import { startSmallWorld, type SmallWorld } from '../support/small-world.ts';
import type { Ran } from '../support/shadowctl.ts';

/** The verbs against a real server, broker and device. `nobody` is a thing whose device never comes. */
let world: SmallWorld;
/** What the heater was last told. */
let target = 20;

beforeAll(async () => {
  world = await startSmallWorld();
}, 120_000);
afterAll(() => world.stop(), 60_000);

const json = <T>({ stdout }: Ran) => JSON.parse(stdout) as T;
const created = async (...args: string[]) => json<CommandView>(await world.run('set', ...args, '--json'));

describe('set --wait ends with the exit code of the verdict', () => {
  test('succeeded: 0', async () => {
    target += 1; // another one in every try: what is so already is told differently
    const ran = await world.run('set', 'room-heater', `/targetC=${target}`, '--wait', '--reason', 'cold feet');
    const { code, stdout } = ran;
    expect(stdout).toMatch(new RegExp(`^✓ succeeded {2}room-heater {2}/targetC=${target} {2}[0-9a-f-]{36}\n$`));
    expect(code).toBe(0);
  });

  test('refused by the device: 6, with its reason', async () => {
    const { code, stdout } = await world.run('set', 'room-heater', '/fanSpeed=9', '--wait');
    expect(stdout).toContain('✗ failed  room-heater  /fanSpeed=9  (/fanSpeed refused: out_of_range (1 to 5)');
    expect(code).toBe(6);
  });

  test('against the model: 2, before anything was written', async () => {
    const { code, stderr } = await world.run('set', 'room-heater', '/targetC=99', '--wait');
    expect(stderr).toMatch(/\/targetC.*\[model_violation\]/);
    expect(code).toBe(2);
  });

  test('overwritten by a newer command: 5, which it names', async () => {
    const name = fresh('nobody');
    const first = world.start('set', name, '/a=1', '--wait');
    await eventually(async () => (await commandsOf(name)).length === 1);
    const second = await created(name, '/a=2');
    const { code, stdout } = await first.ended;
    expect(stdout).toContain(`/a taken over by command ${second.id}`);
    expect(code).toBe(5);
  });

  test('cancelled: 6', async () => {
    const { id } = await created('nobody/cancelled', '/a=1');
    const waiting = world.start('wait', id);
    await eventually(() => waiting.stderr().includes('…'));
    expect((await world.run('cancel', id, '--reason', 'changed my mind')).code).toBe(0);
    expect(await waiting.ended).toMatchObject({ code: 6, stdout: expect.stringContaining('cancelled') });
  });

  test('expired: 124', async () => {
    const { code, stdout } = await world.run('set', 'nobody/expired', '/a=1', '--expires-in', '500ms', '--wait');
    expect(stdout).toContain('! expired');
    expect(code).toBe(124);
  });

  test('still pending when the own wait is over: 124, and the command goes on', async () => {
    const { code, stdout, stderr } = await world.run('set', 'nobody/slow', '/a=1', '--timeout', '300ms');
    expect(stdout).toMatch(/… (queued|sent)/);
    expect(code).toBe(124);
    expect(stderr).not.toContain('shadowctl:');
  });
});

describe('wait', () => {
  test('says what it waits for', async () => {
    const { id } = await created('nobody/told', '/a=1');
    const { stderr } = await world.run('wait', id, '--timeout', '1s');
    expect(stderr).toMatch(/nothing was heard of the device|shows no sign/);
  });

  test('interrupted: 130, and the command goes on', async () => {
    const { id } = await created('nobody/interrupted', '/a=1');
    const waiting = world.start('wait', id);
    await eventually(() => waiting.stderr().includes('…'));
    waiting.process.kill('SIGINT');
    expect((await waiting.ended).code).toBe(130);
    expect(json<CommandDetailView>(await world.run('describe', id, '--json')).verdict).toBe('pending');
  });

  test('rides out a kill -9 of the server, and says so meanwhile', async () => {
    const { id } = await created('nobody/survives', '/a=1');
    const waiting = world.start('wait', id);
    await eventually(() => waiting.stderr().includes('…'));
    await world.killServer();
    await eventually(() => waiting.stderr().includes('the server is away'));
    await world.reviveServer();
    expect((await world.run('cancel', id)).code).toBe(0);
    expect((await waiting.ended).code).toBe(6);
  }, 60_000);

  test('for a command that does not exist: 4', async () => {
    const { code, stderr } = await world.run('wait', '019aa1b2-c3d4-7e5f-8a6b-0123456789ab');
    expect(stderr).toContain('[command_not_found]');
    expect(code).toBe(4);
  });
});

describe('looking', () => {
  test('get shows a shadow field by field', async () => {
    const shadow = json<ShadowView>(await world.run('get', 'room-heater', '--json'));
    expect(shadow.fields.find(({ field }) => field === '/targetC')).toMatchObject({
      confirmed: target,
      converged: true,
    });
    expect((await world.run('get', 'room-heater')).stdout).toMatch(/^FIELD +DESIRED +REPORTED +STATE +WHY\n/);
  });

  test('get of a shadow that nobody ever wrote: 4', async () => {
    expect(await world.run('get', 'never-seen')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('[shadow_not_found]'),
    });
  });

  test('diff exits 1 when something differs, 0 when nothing does or nobody wants to know', async () => {
    await created('nobody/differs', '/a=1');
    await eventually(async () => (await world.run('diff', 'nobody/differs')).code === 1);
    expect((await world.run('diff', 'nobody/differs', '--no-exit-code')).code).toBe(0);
    expect((await world.run('diff', 'room-heater')).code).toBe(0);
  });

  test('what a device reports cannot drive the terminal', async () => {
    const device = await MqttProbe.connect(world.mqtt);
    const evil = '\u001b]52;c;ZXZpbA==\u0007\u202egnp.exe';
    await device.publish('$aws/things/evil/shadow/update', { state: { reported: { name: evil, '\u001b[2J': 1 } } });
    const shown = await eventually(async () => {
      const ran = await world.run('get', 'evil', '--refresh');
      return ran.code === 0 ? ran : undefined;
    });

    expect(shown.stdout + shown.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(shown.stdout).toContain('\\u001b[2J');
    expect(json<ShadowView>(await world.run('get', 'evil', '--json')).reported?.['name']).toBe(evil);
    await device.client.endAsync();
  });

  test('commands are filtered and paged', async () => {
    const name = fresh('paged');
    for (const value of [1, 2, 3]) await created(name, `/a=${value}`);
    const first = json<PageView<ShadowCommandView>>(
      await world.run('commands', '--thing', name, '--limit', '2', '--json'),
    );
    expect(first.items.map(({ desired }) => desired)).toEqual([{ a: 3 }, { a: 2 }]);
    const second = await world.run('commands', '--thing', name, '--limit', '2', '--cursor', first.next ?? '', '--json');
    expect(json<PageView<ShadowCommandView>>(second).items.map(({ desired }) => desired)).toEqual([{ a: 1 }]);
    const failed = json<PageView<CommandView>>(await world.run('commands', '--verdict', 'failed', '--json'));
    expect(new Set(failed.items.map(({ status }) => status))).toEqual(new Set(['failed']));
  });

  test('describe tells who, why, and each step of a command', async () => {
    const { id } = json<CommandView>(
      await world.run('set', 'room-heater', '/targetC=20', '--wait', '--reason', 'night', '--json'),
    );
    const { stdout } = await world.run('describe', id);
    expect(stdout).toContain('tester: night');
    for (const event of ['created', 'accepted']) expect(stdout).toContain(event);
  });

  test('explain has an answer for a command and for a shadow', async () => {
    const { id } = await created('nobody/explained', '/a=1');
    expect((await world.run('explain', id)).stdout).toMatch(/^(queued|sent): .+ \[[a-z_]+\]\n$/);
    await eventually(async () => (await world.run('explain', 'nobody/explained')).stdout.includes('/a'));
  });

  test('drift lists what an ended command left behind, and exits 1 when asked to', async () => {
    const drift = await eventually(async () => {
      const page = json<PageView<DriftView>>(await world.run('drift', '--thing', 'room-heater', '--json'));
      return page.items.length > 0 ? page : undefined;
    });
    expect(drift.items.map(({ field }) => field)).toEqual(['/fanSpeed']);
    expect((await world.run('drift', '--thing', 'room-*', '--exit-code')).code).toBe(1);
    expect((await world.run('drift', '--thing', 'nothing-*', '--exit-code')).code).toBe(0);
  });

  test('watch tells what happens as it happens, each event once', async () => {
    const watching = world.start('watch', '--json', '--after', '0');
    const { id } = await created('nobody/watched', '/a=1');
    const events = () =>
      watching
        .stdout()
        .trim()
        .split('\n')
        .filter((line) => line.includes(id))
        .map((line) => JSON.parse(line) as { event: string; sequence: number });
    await eventually(() => events().some(({ event }) => event === 'accepted'));
    watching.process.kill('SIGINT');
    expect((await watching.ended).code).toBe(130);
    expect(events()[0]?.event).toBe('created');
    const sequences = watching
      .stdout()
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  });
});

describe('acting', () => {
  test('the same idempotency key is the same command; with another wish it is refused', async () => {
    const first = await created('nobody/key', '/a=1', '--idempotency-key', 'k-1');
    expect((await created('nobody/key', '/a=1', '--idempotency-key', 'k-1')).id).toBe(first.id);
    const other = await world.run('set', 'nobody/key', '/a=2', '--idempotency-key', 'k-1');
    expect(other).toMatchObject({ code: 5, stderr: expect.stringContaining('[idempotency_mismatch]') });
  });

  test('cancel needs an open command', async () => {
    const { id } = json<CommandView>(await world.run('set', 'room-heater', '/targetC=20', '--wait', '--json'));
    expect(await world.run('cancel', id)).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('[command_ended]'),
    });
  });

  test('extend gives an open command more time', async () => {
    const before = await created('nobody/extended', '/a=1', '--expires-in', '1h');
    const after = json<CommandView>(await world.run('extend', before.id, '--expires-in', '2h', '--json'));
    expect(Date.parse(after.expiresAt)).toBeGreaterThan(Date.parse(before.expiresAt));
  });

  test('retry of an ended command is a new one that names it', async () => {
    const { id } = json<CommandView>(await world.run('set', 'room-heater', '/fanSpeed=8', '--wait', '--json'));
    const again = await world.run('retry', id, '--wait', '--json');
    expect(json<CommandView>(again)).toMatchObject({ retryOf: id, status: 'failed' });
    expect(again.code).toBe(6);
  });

  test('rollback puts back what stood there before', async () => {
    await world.run('set', 'room-heater', '/targetC=18', '--wait');
    const { id } = json<CommandView>(await world.run('set', 'room-heater', '/targetC=25', '--wait', '--json'));
    const back = json<CommandView>(await world.run('rollback', id, '--wait', '--json'));
    expect(back).toMatchObject({ rollbackOf: id, status: 'succeeded', desired: { targetC: 18 } });
  });

  test('if-version refuses when the field was changed since', async () => {
    await world.run('set', 'room-heater', '/targetC=22', '--wait');
    const { code, stdout } = await world.run('set', 'room-heater', '/targetC=23', '--if-version', '1', '--wait');
    expect(stdout).toContain('version conflict');
    expect(code).toBe(5);
  });
});

async function commandsOf(thing: string): Promise<readonly CommandView[]> {
  return json<PageView<CommandView>>(await world.run('commands', '--thing', thing, '--json')).items;
}
