import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { App } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { shadowctl, startShadowctl } from '../support/shadowctl.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

let cloud: Simulator;
let app: App;
let folder: TemporaryFolder;

beforeEach(async () => {
  folder = temporaryFolder();
  cloud = await startSimulator();
  app = await App.connect(cloud.mqttUrl);
  writeFileSync(folder.path('app.json'), '{"logging":{"interval":60,"level":"info"}}');
  const model = {
    $id: 'logger@1',
    type: 'object',
    properties: { interval: { type: 'integer', minimum: 1, maximum: 3600 }, level: { enum: ['info', 'debug'] } },
  };
  writeFileSync(folder.path('model.json'), JSON.stringify(model));
  write({});
});
afterEach(async () => {
  await app.close();
  await cloud.stop();
  folder.remove();
});

function write(more: object): void {
  const adapter = {
    type: 'json-file',
    file: 'app.json',
    fields: { '/interval': '/logging/interval', '/level': '/logging/level' },
  };
  const config = {
    thing: 'logger',
    mqtt: { url: cloud.mqttUrl },
    stateDir: 'state',
    shadows: [{ model: 'model.json', adapters: [adapter] }],
    ...more,
  };
  writeFileSync(folder.path('agent.json'), JSON.stringify(config));
}

const agent = (...args: string[]) => shadowctl(['agent', ...args, '--config', folder.path('agent.json')]);
const interval = () => (JSON.parse(readFileSync(folder.path('app.json'), 'utf8')) as never)['logging']['interval'];

test('a dry run prints the plan with its reasons, and changes nothing', async () => {
  await app.desire('logger', { interval: 30, level: 'loud', color: 'red' });

  const { code, stdout } = await agent('--dry-run', '--json');

  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    { shadow: 'logger', field: '/interval', desired: 30, reads: 60, would: 'apply with json-file app.json' },
    {
      shadow: 'logger',
      field: '/level',
      desired: 'loud',
      reads: 'info',
      would: expect.stringMatching(/^refused: not_allowed: /) as never,
    },
    { shadow: 'logger', field: '/color', would: 'refused: unknown_field: this device has no such field' },
  ]);
  expect(interval()).toBe(60);
  expect(cloud.document('logger')?.state.reported).toBeUndefined();
});

test('status tells the last pass, what is refused and why, beside a running agent and after it', async () => {
  const running = startShadowctl(['agent', '--config', folder.path('agent.json')]);
  await eventually(() => cloud.document('logger'));
  await app.desire('logger', { interval: 30, level: 'loud' });
  await eventually(() => interval() === 30);
  await eventually(() => cloud.document('logger')?.state.reported?.['interval'] === 30);

  const beside = await agent('status');
  expect(beside.stdout).toContain('logger: last pass');
  expect(beside.stdout).toMatch(/\/interval +30 +confirmed/);

  running.process.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  expect(code).toBe(0);
  for (const line of stderr.trim().split('\n'))
    if (line.startsWith('{')) expect(JSON.parse(line)).toHaveProperty('msg');
  const after = await agent('status', '--json');
  expect(JSON.parse(after.stdout)).toMatchObject({
    journal: { path: folder.path('state/journal.log') },
    shadows: [
      {
        shadow: 'logger',
        lastPass: { version: 2, applied: 1 },
        fields: [{ field: '/interval', state: 'confirmed' }, {}],
      },
    ],
  });
});

test('Ctrl-C ends the agent with 130', async () => {
  const running = startShadowctl(['agent', '--config', folder.path('agent.json')]);
  await eventually(() => cloud.document('logger'));
  running.process.kill('SIGINT');
  expect((await running.ended).code).toBe(130);
});

test('an agent without its broker waits for it', async () => {
  const url = cloud.mqttUrl;
  await cloud.stop();
  await app.close();
  const running = startShadowctl(['agent', '--config', folder.path('agent.json')]);
  await eventually(() => running.stderr().includes('the broker could not be reached; attempts go on'));
  cloud = await startSimulator({ mqtt: url.replace('mqtt://', '') });
  app = await App.connect(cloud.mqttUrl);
  await eventually(() => cloud.document('logger'), { withinMs: 20_000 });
  running.process.kill('SIGTERM');
  expect((await running.ended).code).toBe(0);
});

test.each<[string, () => void, string]>([
  ['is not there', () => folder.remove(), 'invalid_config'],
  ['is no JSON', () => writeFileSync(folder.path('agent.json'), '{'), 'invalid_json'],
  ['has a misspelt member', () => write({ tinhg: 1 }), 'invalid_config'],
  ['names no thing', () => write({ thing: 'a/b' }), 'invalid_config'],
  [
    'names an adapter that does not exist',
    () => write({ shadows: [{ adapters: [{ type: 'magic' }] }] }),
    'invalid_config',
  ],
  [
    'names a field that is no pointer',
    () => write({ shadows: [{ adapters: [{ type: 'exec', field: 'x', read: ['a'], apply: ['b'] }] }] }),
    'invalid_config',
  ],
  [
    'names a model that is not there',
    () =>
      write({ shadows: [{ model: 'no.json', adapters: [{ type: 'exec', field: '/x', read: ['a'], apply: ['b'] }] }] }),
    'invalid_config',
  ],
  [
    'names a model that is none',
    () => {
      writeFileSync(folder.path('model.json'), '{"type":"object"}');
    },
    'invalid_model',
  ],
  ['has a broker address that is none', () => write({ mqtt: { url: 'http://x' } }), 'invalid_config'],
])('a configuration that %s is a problem with a code, and exit code 2', async (_what, arrange, expected) => {
  arrange();
  const { code, stderr } = await agent();
  expect(stderr).toContain(`[${expected}]`);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(code).toBe(2);
});
