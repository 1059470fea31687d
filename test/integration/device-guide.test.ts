import { readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectSender } from '../support/direct-sender.ts';
import { thing } from '../support/test-device.ts';

/** The examples of docs/device-guide.md, as a reader would run them: against the built package. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, '.cache', 'device-guide');
const guide = readFileSync(join(ROOT, 'docs/device-guide.md'), 'utf8');
const blocks = [...guide.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, code = '']) => ({ language, code }));

beforeEach(() => mkdirSync(FOLDER, { recursive: true }));
afterEach(() => rmSync(FOLDER, { recursive: true, force: true }));

function file(name: string, code: string): string {
  const built = code
    .replaceAll("'shadowctl/device'", `'${join(ROOT, 'dist/src/compose-device.js')}'`)
    .replaceAll("'shadowctl/testing'", `'${join(ROOT, 'dist/simulators/testing.js')}'`);
  writeFileSync(join(FOLDER, name), built);
  return join(FOLDER, name);
}

test('the adapter of the guide passes the contract suite as the guide runs it', () => {
  const [adapter, suite] = blocks.filter(({ language }) => language === 'ts');
  file('fan.ts', adapter?.code ?? '');
  const path = file('fan.test.ts', suite?.code ?? '');
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const options = [
    '--module',
    'NodeNext',
    '--target',
    'ES2023',
    '--skipLibCheck',
    '--rewriteRelativeImportExtensions',
    '--types',
    'node',
  ];
  execFileSync(process.execPath, [tsc, ...options, '--strict', path], { cwd: FOLDER, encoding: 'utf8', stdio: 'pipe' });
  writeFileSync(join(FOLDER, 'package.json'), '{"type":"module"}');
  const output = execFileSync(process.execPath, ['--test', '--test-reporter=tap', 'fan.test.js'], {
    cwd: FOLDER,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '' },
  });
  expect(output).toMatch(/# pass 9\n# fail 0/);
}, 180_000);

test('the model of the guide compiles', async () => {
  const { compileModel } = await import('../../src/protocol/model-schema.ts');
  const model = blocks.find(({ language, code }) => language === 'json' && code.includes('"$id"'));
  expect(compileModel(JSON.parse(model?.code ?? ''))).toMatchObject({ ok: true, value: { id: 'fan@1' } });
});

test('the direct command of the guide opens the door, and says so when the bolt is stuck', async () => {
  const { composeDevice } = await import('../../src/compose-device.ts');
  const { startSimulator } = await import('../../simulators/testing.ts');
  const code = blocks.find((block) => block.language === 'ts' && block.code.includes('onCommand'))?.code ?? '';
  const cloud = await startSimulator();
  const sender = await DirectSender.connect(cloud.mqttUrl, 'door');
  const device = composeDevice({ thingName: thing('door'), shadows: [], mqtt: { url: cloud.mqttUrl } });
  if (!device.ok) throw new Error(device.problem.message);
  const door = {
    locked: true,
    stuck: false,
    open() {
      door.locked = door.stuck;
      return Promise.resolve(!door.stuck);
    },
  };
  // What the guide shows is JavaScript as well.

  new Function('device', 'door', code)(device.value, door);
  await device.value.start();

  const open = (id: string) => sender.send({ id, name: 'unlock', args: { visitor: 'Ada' } });
  expect(await open('c1')).toEqual({
    id: 'c1',
    status: 'succeeded',
    result: { openFor: 'Ada' },
    state: { locked: false },
  });
  door.stuck = true;
  expect(await open('c2')).toMatchObject({ status: 'failed', problem: { code: 'jammed' }, state: { locked: true } });

  await device.value.stop();
  await sender.end();
  await cloud.stop();
});
