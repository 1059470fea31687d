import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { App } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { shadowctl, startShadowctl, type Started } from '../support/shadowctl.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What a device may say to harm a page, a spreadsheet or a terminal. */
const HOSTILE = `=HYPERLINK("http://x")<script>alert(1)</script>\u001b[2J\u202egpj`;

let simulator: Simulator;
let app: App;
let server: Started;
let env: Record<string, string>;
const folder = temporaryFolder();

beforeAll(async () => {
  simulator = await startSimulator();
  app = await App.connect(simulator.mqttUrl);
  const store = `sqlite:${folder.path('ledger.sqlite')}`;
  const args = ['serve', '--listen', '127.0.0.1:0', '--store', store, '--mqtt', simulator.mqttUrl, '--log', 'error'];
  server = startShadowctl(args);
  const url = await eventually(() => /http:\/\/127\.0\.0\.1:\d+/.exec(server.stdout() + server.stderr())?.[0]);
  env = { SHADOWCTL_SERVER: url };
  await app.publish('$aws/things/evil/shadow/update', {
    state: { desired: { mode: 'eco', targetC: 21 }, reported: { mode: HOSTILE, targetC: 20 } },
  });
  await eventually(async () => (await shadowctl(['drift', '--json'], { env })).stdout.includes('/mode'));
});

afterAll(async () => {
  server.process.kill('SIGTERM');
  await server.ended;
  await app.close();
  await simulator.stop();
  folder.remove();
});

test('E-15: drift as HTML is one file without script, with a hostile value as text', async () => {
  const ran = await shadowctl(['drift', '--html', folder.path('report.html')], { env });
  expect(ran.code).toBe(0);
  const html = readFileSync(folder.path('report.html'), 'utf8');
  expect(html).toContain('&lt;script&gt;');
  expect(html).not.toMatch(/<script|\u202e|\u001b/);
});

test('E-07: drift as CSV on stdout holds no formula and no control character', async () => {
  const ran = await shadowctl(['drift', '--csv', '-', '--exit-code'], { env });
  expect(ran.code).toBe(1);
  expect(ran.stdout.split('\n')).toHaveLength(4);
  expect(ran.stdout).not.toMatch(/\u001b|\u202e|(?:^|,)"=/m);
});

test('E-04: a table never lets a hostile value reach the terminal', async () => {
  const ran = await shadowctl(['drift'], { env });
  expect(ran.stdout).toContain('\\u001b[2J');
  expect(ran.stdout).not.toMatch(/\u001b|\u202e/);
});

test('a report that cannot be written says where and exits 2', async () => {
  const ran = await shadowctl(['drift', '--html', '/nowhere/report.html'], { env });
  expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('[invalid_config]')]);
});

test('plan says what would change and changes nothing', async () => {
  const before = simulator.document('evil')?.version;
  const ran = await shadowctl(['plan', 'evil', '/targetC=22', '/fan=1', '--exit-code'], { env });
  expect(ran.code).toBe(1);
  expect(ran.stdout).toContain('~ change /targetC: 21 -> 22 (reported 20)');
  expect(ran.stdout).toContain('+ add /fan: - -> 1');
  expect(ran.stderr).toContain('2 to change, 0 blocked');
  expect(simulator.document('evil')?.version).toBe(before);
});

test('plan over a pattern counts every thing that fits', async () => {
  const ran = await shadowctl(['plan', 'ev*', '/targetC=21'], { env });
  expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('of 1')]);
});

test('things lists names for programs and a table for people', async () => {
  expect((await shadowctl(['things', '--names'], { env })).stdout.trim()).toBe('evil');
  expect((await shadowctl(['things', '--prefix', 'x'], { env })).stdout).not.toContain('evil');
});

test.each(['bash', 'zsh', 'fish'])(
  'E-06: the completion script for %s is one that the shell can read',
  async (shell) => {
    const ran = await shadowctl(['completion', shell]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain('shadowctl things --names');
    if (shell !== 'bash' || !existsSync('/bin/bash')) return;
    const checked = spawnSync('/bin/bash', ['-n'], { input: ran.stdout });
    expect(checked.status).toBe(0);
  },
);

test.skipIf(!existsSync('/bin/bash')).each([
  [['shadowctl', 'dri'], 'drift'],
  [['shadowctl', 'ignore', ''], 'add list remove help'],
  [['shadowctl', 'sim', 'fau'], 'faults'],
  [['shadowctl', 'get', 'e'], 'evil'],
  [['shadowctl', 'ignore', 'add', '--exp'], '--expires-in'],
])('in bash %j is completed as %s', async (words, expected) => {
  const main = new URL('../../dist/src/cli/main.js', import.meta.url).pathname;
  writeFileSync(folder.path('shadowctl'), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`, { mode: 0o755 });
  // A shell that waits for a person has more patience than 0.3 s of a busy machine.
  const completion = (await shadowctl(['completion', 'bash'])).stdout.replace('timeout 0.3', 'timeout 20');
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = `${completion}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _shadowctl; echo "\${COMPREPLY[*]}"`;
  const path = `${folder.path('.')}:${process.env['PATH']}`;
  const ran = spawnSync('/bin/bash', ['-c', script], { env: { ...env, PATH: path }, encoding: 'utf8' });
  expect(ran.stdout.trim()).toBe(expected);
});
