import { spawn } from 'node:child_process';
import { readFile, mkdtemp, rm, readdir, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startShadowctl, type Started } from '../support/shadowctl.ts';

/**
 * The README's walk-through, run as it stands: every ```sh block of it in a shell, its output compared with the ```text
 * block behind it. Replaced are only the ports, the directory, and how the program is found; in the expected output `COMMAND`
 * and `AGO` stand for what differs from run to run, and … for anything.
 */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Step {
  readonly title: string;
  readonly commands: readonly string[];
  readonly expected?: string;
}

let dir: string;
let demo: Started;
let agent: Started | undefined;
let server: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'shadowctl-readme-'));
  await mkdir(join(dir, 'bin'));
  const program = join(ROOT, 'dist/src/cli/main.js');
  await writeFile(join(dir, 'bin/npx'), `#!/bin/sh\nshift\nexec ${process.execPath} ${program} "$@"\n`, {
    mode: 0o755,
  });
}, 60_000);

afterAll(async () => {
  agent?.process.kill('SIGINT');
  demo.process.kill('SIGINT');
  await Promise.all([agent?.ended, demo.ended]);
  await rm(dir, { recursive: true, force: true });
});

function stepsOf(markdown: string): Step[] {
  const section = /<!-- walkthrough -->([^]*)<!-- \/walkthrough -->/.exec(markdown)?.[1] ?? '';
  const blocks = [...section.matchAll(/```(sh|text)\n([^]*?)```/g)].map(([, kind, body = '']) => ({ kind, body }));
  return blocks.flatMap(({ kind, body }, index) => {
    if (kind !== 'sh') return [];
    const next = blocks[index + 1];
    const commands = body.trim().split('\n');
    const title = commands.at(-1) ?? '';
    return [next?.kind === 'text' ? { title, commands, expected: next.body } : { title, commands }];
  });
}

async function run(command: string): Promise<string> {
  if (command === 'npm start') return startDemo();
  const agentConfig = /^npx shadowctl (agent --config \S+)$/.exec(command)?.[1];
  if (agentConfig !== undefined) return startAgent(agentConfig);
  return shell(command);
}

async function startDemo(): Promise<string> {
  demo = startShadowctl(['demo', '--mqtt-port', '0', '--http-port', '0']);
  await saying(demo, 'keeps running');
  server = /http:\/\/\S+/.exec(demo.stderr())?.[0] ?? '';
  return '';
}

async function startAgent(args: string): Promise<string> {
  const config = join(dir, 'logger/agent.json');
  const broker = /mqtt:\/\/\S+/.exec(demo.stderr())?.[0] ?? '';
  await writeFile(config, (await readFile(config, 'utf8')).replace('mqtt://127.0.0.1:1883', broker));
  // One that an earlier try left holds the journal.
  agent?.process.kill('SIGINT');
  await agent?.ended;
  const started = startShadowctl(inDir(args).split(' '));
  agent = started;
  await saying(started, 'ready');
  return '';
}

/** Fails with what it said instead. */
async function saying(started: Started, words: string): Promise<void> {
  await eventually(
    () => {
      if (started.stderr().includes(words)) return true;
      throw new Error(`no "${words}" in: ${started.stderr()}`);
    },
    { withinMs: 80_000 },
  );
}

const inDir = (command: string) => command.replaceAll('/tmp/', `${dir}/`);

function shell(command: string): Promise<string> {
  const env = { PATH: `${dir}/bin:${process.env['PATH']}`, HOME: dir, SHADOWCTL_SERVER: server };
  const child = spawn('/bin/sh', ['-c', inDir(command)], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'ignore'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  return new Promise((resolve) => child.on('close', () => resolve(stdout)));
}

/** What differs from run to run, made the same; blanks between columns count as one gap. */
function settled(output: string): string {
  return output
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'COMMAND')
    .replaceAll(/\d[\d.]* (ms|s|m|h)( \d+ (s|m))? ago/g, 'AGO')
    .replaceAll(/ {2,}/g, '  ')
    .trim();
}

function matches(actual: string, expected: string): boolean {
  const parts = settled(expected)
    .split('…')
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^]*?')}$`).test(settled(actual));
}

describe("the README's walk-through", async () => {
  const steps = stepsOf(await readFile(join(ROOT, 'README.md'), 'utf8'));

  test('has its commands where this test finds them', () => expect(steps.length).toBeGreaterThan(5));

  test.each(steps)(
    '$title',
    async ({ commands, expected }) => {
      const last = commands.at(-1) ?? '';
      let output = '';
      for (const command of commands.slice(0, -1)) output += await run(command);
      if (expected === undefined) {
        await run(last);
        return;
      }
      // Only looking may take more than one try: the agent needs a moment to notice a file.
      const looks = /^(npx shadowctl (get|commands)|cat) /.test(last);
      let seen = '';
      const attempt = async () => {
        seen = output + (await run(last));
        return matches(seen, expected);
      };
      if (looks) await eventually(attempt, { withinMs: 15_000 }).catch(() => false);
      else await attempt();
      if (!matches(seen, expected)) expect(settled(seen)).toBe(settled(expected));
    },
    90_000,
  );
});

test('the files of the walk-through are the ones it speaks of', async () => {
  expect((await readdir(join(ROOT, 'examples/logger'))).sort()).toEqual([
    'agent.json',
    'logger.json',
    'logger.model.json',
  ]);
  const settings: unknown = JSON.parse(await readFile(join(ROOT, 'examples/logger/logger.json'), 'utf8'));
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const shown = /the settings of some program: `([^`]+)`/.exec(readme)?.[1] ?? '';
  expect(JSON.parse(shown)).toEqual(settings);
});
