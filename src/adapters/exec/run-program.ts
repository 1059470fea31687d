import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, resolve as resolvePath } from 'node:path';
import { monotonicMs } from '../../core/brand.ts';
import type { Clock } from '../../ports/clock.ts';
import { signalGroup, type ProgramRegister } from './program-register.ts';

export interface Run {
  /** Program and arguments; no shell looks at them. */
  readonly program: readonly string[];
  readonly input: string;
  readonly timeoutMs: number;
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** For a program that changes something: it begins only when it stands in the register. */
  readonly register?: ProgramRegister;
  /** What it prints, as it prints it. */
  readonly onOutput?: (text: string) => void;
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
 * Waits for one line, then becomes the program (same process, same start time). If the agent dies before it wrote the
 * line, which it does after the entry in the register, the pipe closes and the program never begins.
 */
export const GATE = ['/bin/sh', '-c', 'IFS= read -r go && exec "$@"', 'sh'] as const;

/**
 * Runs a program in a process group of its own. At the time-out, or when told to abort, the whole group is asked to end
 * (SIGTERM) and then made to (SIGKILL), so that no child of it goes on.
 */
export function runProgram(run: Run): Promise<Ended> {
  const { program, input, timeoutMs, directory, env, clock, signal, register, onOutput } = run;
  if (signal.aborted) return Promise.resolve({ type: 'timeout' });
  const missing = register === undefined ? undefined : missingReason(run);
  if (missing !== undefined) return Promise.resolve({ type: 'missing', message: missing });
  const [command = '', ...args] = register === undefined ? program : [...GATE, ...program];
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: directory, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    let overdue = false;
    let cancelKill: (() => void) | undefined;
    const killGroup = (how: NodeJS.Signals): void => {
      if (child.pid !== undefined) signalGroup(child.pid, how);
    };
    const leave = child.pid === undefined ? undefined : register?.enter(child.pid);
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
      leave?.();
      resolve(overdue ? { type: 'timeout' } : ended);
    };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    if (onOutput !== undefined) child.stdout.on('data', onOutput);
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
    child.stdin.end(register === undefined ? input : `\n${input}`);
  });
}

/** Behind the gate nobody would say so. */
function missingReason({ program: [command = ''], directory, env }: Run): string | undefined {
  const folders = command.includes('/') ? [''] : (env['PATH'] ?? '').split(delimiter);
  const found = folders.some((folder) => {
    try {
      accessSync(resolvePath(directory, folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found ? undefined : `${command} cannot be started: it is not there or not executable`;
}

/** How long output may trail behind the end of the program. */
const PIPE_MS = 200;
