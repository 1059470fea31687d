import { readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

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
