import { spawn } from 'node:child_process';
import { monotonicMs } from '../../core/brand.ts';
import type { Clock } from '../../ports/clock.ts';

export interface Run {
  /** Program and arguments; no shell looks at them. */
  readonly program: readonly string[];
  readonly input: string;
  readonly timeoutMs: number;
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export type Ended =
  | { readonly type: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly type: 'killed'; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly type: 'timeout' }
  | { readonly type: 'missing'; readonly message: string };

/** More than a shadow can hold; a program that prints without end must not fill our memory. */
const OUTPUT_CHARACTERS_MAX = 64 * 1024;
/** Between the polite and the final request to end. */
const TERM_MS = 1_000;

/**
 * Runs a program in a process group of its own. At the time-out, or when told to abort, the whole group is asked to end
 * (SIGTERM) and then made to (SIGKILL), so that no child of it goes on.
 */
export function runProgram(run: Run): Promise<Ended> {
  const { program, input, timeoutMs, directory, env, clock, signal } = run;
  const [command = '', ...args] = program;
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: directory, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    let overdue = false;
    let cancelKill: (() => void) | undefined;
    const killGroup = (how: NodeJS.Signals): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, how);
      } catch {
        // The group is gone already.
      }
    };
    const end = (): void => {
      if (overdue) return;
      overdue = true;
      killGroup('SIGTERM');
      cancelKill = clock.at(monotonicMs(clock.monotonic() + TERM_MS), () => killGroup('SIGKILL'));
    };
    const cancelTimeout = clock.at(monotonicMs(clock.monotonic() + timeoutMs), end);
    signal.addEventListener('abort', end, { once: true });
    const settle = (ended: Ended): void => {
      cancelTimeout();
      cancelKill?.();
      signal.removeEventListener('abort', end);
      // Children that outlived the program would hold on to what it was doing.
      if (overdue) killGroup('SIGKILL');
      resolve(overdue ? { type: 'timeout' } : ended);
    };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    child.on('error', (cause: NodeJS.ErrnoException) => {
      settle({ type: 'missing', message: `${command} cannot be started: ${cause.code ?? cause.message}` });
    });
    child.on('exit', (code, killedBy) => {
      // Output is complete at `close`, which a child that inherited our pipes can hold up for ever.
      const settled = (): void =>
        settle(
          code === null
            ? { type: 'killed', signal: killedBy ?? 'unknown', ...output }
            : { type: 'exited', code, ...output },
        );
      const cancel = clock.at(monotonicMs(clock.monotonic() + PIPE_MS), settled);
      child.on('close', () => {
        cancel();
        settled();
      });
    });
    // A program that does not read its input closes the pipe; that is its own affair.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** How long output may trail behind the end of the program. */
const PIPE_MS = 200;
