import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { starterFile } from '../../../src/adapters/access-file/keys.ts';
import { parseAccessFile } from '../../../src/protocol/access-file.ts';
import { ApiWorld } from '../../support/api.ts';

/**
 * `docs/api.md`, run as it stands: every ```sh block in a shell and every ```ts block as a program, in order; the block
 * behind each is what it prints, with … for anything.
 */
interface Example {
  readonly kind: 'sh' | 'ts' | 'access';
  readonly code: string;
  readonly prints: string | undefined;
}

const markdown = readFileSync('docs/api.md', 'utf8');
const blocks = [...markdown.matchAll(/```(\w*)\n([^]*?)```/g)].map(([, kind = '', code = '']) => ({ kind, code }));
const examples = blocks.flatMap(({ kind, code }, at): Example[] => {
  if (kind !== 'sh' && kind !== 'ts' && kind !== 'access') return [];
  const next = blocks[at + 1];
  return [{ kind, code, prints: next?.kind === 'json' || next?.kind === 'text' ? next.code : undefined }];
});

let world: ApiWorld;
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  world = await ApiWorld.open({ file: starterFile() });
  await world.device('room-heater', { '/targetC': 20 });
  folder = mkdtempSync(path.join(tmpdir(), 'api-docs-'));
  env = { PATH: process.env['PATH'], API: world.url, KEY: await world.key('my-backend', 'operator') };
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error !== null && stdout === '') reject(new Error(`${error.message}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

async function outputOf({ kind, code }: Example): Promise<string> {
  if (kind === 'sh') return run('/bin/sh', ['-c', code.replaceAll('/tmp/', `${folder}/`)]);
  const client = pathToFileURL(path.resolve('dist/src/client/index.js')).href;
  const { outputText } = ts.transpileModule(code.replaceAll('shadowctl/client', client), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const file = path.join(folder, 'example.mjs');
  writeFileSync(file, outputText);
  return run(process.execPath, [file]);
}

function matches(actual: string, expected: string): RegExpMatchArray | null {
  // A line is broken in the text where a terminal would go on.
  const parts = expected.trim().replaceAll(',\n"', ',"').split('…');
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*?')}$`).exec(
    actual.trim(),
  ) as RegExpMatchArray | null;
}

test('has its examples where this test finds them', () => {
  expect(examples.map(({ kind }) => kind).filter((kind) => kind === 'sh').length).toBeGreaterThan(6);
  expect(examples.some(({ kind }) => kind === 'ts')).toBe(true);
});

test.each(examples.filter(({ kind }) => kind === 'access'))('the access file shown is one', ({ code }) => {
  const parsed = parseAccessFile(JSON.parse(code) as never);
  expect(parsed.ok ? 'fine' : parsed.problem.message).toBe('fine');
});

test.each(
  examples
    .filter(({ kind }) => kind !== 'access')
    .map((example, at) => ({ ...example, at, title: example.code.split('\n')[0] })),
)('example $at: $title', async (example) => {
  const actual = await outputOf(example);
  expect(matches(actual, example.prints ?? ''), `printed: ${actual}\nexpected: ${example.prints}`).not.toBeNull();
});
