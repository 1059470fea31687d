import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { problem, type Problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { ReadyMessage } from '../stop.ts';

/**
 * One part of the demo: this program again, as a process of its own.
 *
 * A part stands in its own process group, so that Ctrl-C reaches only the demo, which then ends its parts in order. Should
 * the demo itself die, the channel between the two breaks and the part stops (see `stop.ts`): nothing is left running.
 */
export interface Part {
  readonly name: string;
  readonly facts: ReadyMessage['facts'];
  readonly pid: number;
  /** Settles when the process is gone, wanted or not. */
  readonly exited: Promise<PartExit>;
  /** SIGTERM, and SIGKILL if that does not help. */
  stop(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

export interface PartExit {
  readonly name: string;
  /** False when nobody had asked it to stop. */
  readonly wanted: boolean;
  readonly how: string;
  /** The last lines of its stderr. */
  readonly lastWords: readonly string[];
}

/** Together with the order of stopping this stays within the two seconds that Ctrl-C may take. */
const STOP_MS_MAX = 600;
/** A loaded machine takes its time; whoever cannot start says so long before. */
const READY_MS_MAX = 60_000;
const LAST_WORDS_MAX = 8;
const LINE_LENGTH_MAX = 500;

const PROGRAM = fileURLToPath(new URL('../main.js', import.meta.url));

/** Starts a part and settles when it says that it is ready, or with the reason why it never will be. */
export async function startPart({ name, args }: { name: string; args: readonly string[] }): Promise<Result<Part>> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '' },
  });
  let wanted = false;
  let frozen = false;
  const lastWords = keepLastWords(child);
  const exited = new Promise<PartExit>((resolve) => {
    const settle = (how: string) => resolve({ name, wanted, how, lastWords: lastWords() });
    child.once('error', (error) => settle(error.message));
    // `close` comes after stderr was read to its end, `exit` may come before.
    child.once('close', (code, signal) => settle(signal === null ? `exit code ${code}` : signal));
  });
  const signal = (which: NodeJS.Signals) => {
    if (which === 'SIGSTOP' || which === 'SIGCONT') frozen = which === 'SIGSTOP';
    else wanted = true;
    child.kill(which);
  };
  const stop = async () => {
    // What hangs cannot say farewell, and must not wake up once more to do something late.
    signal(frozen ? 'SIGKILL' : 'SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await exited;
    clearTimeout(kill);
  };
  const ready = await Promise.race([readyMessage(child), exited, elapsed(READY_MS_MAX)]);
  if (ready === 'elapsed') {
    await stop();
    return fail(
      diedProblem({ name, wanted, how: `not ready within ${READY_MS_MAX / 1_000} s`, lastWords: lastWords() }),
    );
  }
  if ('how' in ready) return fail(diedProblem(ready));
  return ok({ name, facts: ready.facts, pid: child.pid ?? 0, exited, stop, signal });
}

/** A part that died, named, with its last words. */
export function diedProblem({ name, how, lastWords }: PartExit): Problem {
  const words = lastWords.length === 0 ? 'it said nothing' : `its last words: ${lastWords.join(' | ')}`;
  return problem('part_died', `the ${name} ended (${how}); ${words}`, { at: name });
}

function readyMessage(child: ChildProcess): Promise<ReadyMessage> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (isReady(message)) resolve(message);
    });
  });
}

function isReady(message: unknown): message is ReadyMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';
}

function keepLastWords(child: ChildProcess): () => readonly string[] {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    tail = (tail + chunk).slice(-LAST_WORDS_MAX * LINE_LENGTH_MAX);
  });
  return () =>
    tail
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-LAST_WORDS_MAX)
      .map((line) => line.slice(0, LINE_LENGTH_MAX));
}

function elapsed(ms: number): Promise<'elapsed'> {
  return new Promise((resolve) => setTimeout(() => resolve('elapsed'), ms).unref());
}
