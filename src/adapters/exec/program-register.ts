import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from '../../core/brand.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { identityOf, isRunning, parseIdentity, type ProcessIdentity } from '../process/identity.ts';

/** Between the polite and the final request to end. */
const TERM_MS = 1_000;
const LOOK_MS = 20;

/**
 * The programs that change something and run now, a file each. A program outlives an agent that is killed; the next life
 * of the agent finds it here and ends it before it starts one of its own, so that an old value never lands on a new one.
 *
 * Holds on Linux. Elsewhere a number alone does not tell our program from a stranger's, so nothing is killed: the register
 * waits until no process has the number.
 */
export class ProgramRegister {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #cleared: Promise<void> = Promise.resolve();

  constructor({ directory, clock, log }: { directory: string; clock: Clock; log: Log }) {
    this.#directory = directory;
    this.#clock = clock;
    this.#log = log;
  }

  /** Ends what an earlier life left running. Only for whoever holds the journal's lock: the programs of a living agent stand here too. */
  clear(): void {
    this.#cleared = this.#clear();
  }

  /** Settles when no program of an earlier life runs any more; at once where nobody clears, as in a dry run. */
  cleared(): Promise<void> {
    return this.#cleared;
  }

  /** Notes a program that has not begun to act. Call what it returns when the program has ended. */
  enter(pid: number): () => void {
    const path = join(this.#directory, String(pid));
    const identity = identityOf(pid);
    if (identity === undefined) return () => undefined;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    // No sync: what a kill of the agent leaves, the page cache keeps; a power cut ends the program as well.
    writeFileSync(path, JSON.stringify(identity), { mode: 0o600 });
    return () => removed(path);
  }

  async #clear(): Promise<void> {
    await Promise.all(
      entriesOf(this.#directory).map(async (path) => {
        const identity = parseIdentity(readFileSync(path, 'utf8'));
        if (identity !== undefined && isRunning(identity)) await this.#end(identity);
        removed(path);
      }),
    );
  }

  async #end(identity: ProcessIdentity): Promise<void> {
    const { pid, startedAt } = identity;
    this.#log.warn({ pid }, 'a program of an earlier life still runs and is ended first');
    const certain = startedAt !== undefined;
    if (certain) signalGroup(pid, 'SIGTERM');
    const killAt = this.#clock.monotonic() + TERM_MS;
    for (let killed = false; isRunning(identity); await this.#pause()) {
      if (killed || !certain || this.#clock.monotonic() < killAt) continue;
      killed = true;
      signalGroup(pid, 'SIGKILL');
    }
    // What it started may have outlived it.
    if (certain) signalGroup(pid, 'SIGKILL');
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.at(monotonicMs(this.#clock.monotonic() + LOOK_MS), resolve);
    });
  }
}

/** Every program leads a process group of its own; its children are in it. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}

function removed(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Removed already, or the disk refuses; the next life sees that nothing runs.
  }
}
