import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** As docs/OPERATIONS.md runs the server. */
const SERVER_NODE_FLAGS = ['--max-semi-space-size=64'];

/** A process of a benchmark. It says what others need to know of it in one message when it is ready. */
export interface Child<Ready> {
  readonly ready: Ready;
  readonly process: ChildProcess;
  ask<Answer>(question: unknown): Promise<Answer>;
  stop(): Promise<void>;
}

/** `BENCH_PROFILE=FOLDER npm run bench -- …` leaves a CPU profile of every process there. */
function profiling(name: string): string[] {
  const folder = process.env['BENCH_PROFILE'];
  if (folder === undefined) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}-${process.pid}-${Date.now()}.cpuprofile`];
}

/** `program` is a file of `bench/processes` without its extension; `options` reach it as JSON. */
export async function startChild<Ready>(program: string, options: unknown = {}): Promise<Child<Ready>> {
  const file = new URL(`../processes/${program}.js`, import.meta.url);
  const child = fork(file, [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--expose-gc', ...(program === 'direct-cloud' ? SERVER_NODE_FLAGS : []), ...profiling(program)],
  });
  const [ready] = (await Promise.race([once(child, 'message'), died(child, program)])) as [Ready];
  return {
    ready,
    process: child,
    ask: async <Answer>(question: unknown) => {
      const answer = once(child, 'message');
      child.send(question as object);
      const [first] = (await Promise.race([answer, died(child, program)])) as [Answer];
      return first;
    },
    stop: () => stop(child),
  };
}

/** `shadowctl …` as people run it; ready when a line of its output matches, with the match as what it said. */
export async function startShadowctl(
  args: readonly string[],
  readyWhen: RegExp,
): Promise<{ ready: RegExpExecArray; process: ChildProcess; stop(): Promise<void> }> {
  const main = new URL('../../src/cli/main.js', import.meta.url).pathname;
  const flags = args[0] === 'serve' ? SERVER_NODE_FLAGS : [];
  const child = spawn(process.execPath, [...flags, ...profiling(args[0] ?? ''), main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => child.kill('SIGKILL')); // nobody is left behind, however the benchmark ended
  const lines: string[] = [];
  const ready = new Promise<RegExpExecArray>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        lines.push(line);
        const match = readyWhen.exec(line);
        if (match !== null) resolve(match);
      });
    }
  });
  const match = await Promise.race([
    ready,
    died(child, `shadowctl ${args[0]}`).catch((error: Error) => {
      throw new Error(`${error.message}\n${lines.join('\n')}`);
    }),
  ]);
  return { ready: match, process: child, stop: () => stop(child) };
}

async function died(child: ChildProcess, name: string): Promise<never> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  throw new Error(`${name} ended with ${code ?? signal}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await exited;
  clearTimeout(timer);
}
