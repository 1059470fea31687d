import { epochMs, monotonicMs } from '../core/brand.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { SteadyTime } from './steady-time.ts';

const EVERY_MS = 60_000;
/** Soon, so that a server that never runs for long prunes, too. */
const FIRST_MS = 2_000;
/** Small batches: nobody waits behind a long one. */
const BATCH = 200;
const BETWEEN_MS = 50;

/** Lets go of commands that ended long ago, a few at a time. */
export class Retention {
  readonly #options: { ledger: Ledger; clock: Clock; time: SteadyTime; log: Log; keepMs: number };
  #timer: Cancel | undefined;
  #stopped = false;

  constructor(options: { ledger: Ledger; clock: Clock; time: SteadyTime; log: Log; keepMs: number }) {
    this.#options = options;
  }

  start(): void {
    this.#plan(FIRST_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
  }

  #plan(ms: number): void {
    const { clock } = this.#options;
    if (this.#stopped) return;
    this.#timer = clock.at(monotonicMs(clock.monotonic() + ms), () => void this.#prune());
  }

  async #prune(): Promise<void> {
    const { ledger, time, keepMs, log } = this.#options;
    const pruned = await ledger.prune(epochMs(time.now() - keepMs), BATCH);
    if (!pruned.ok) log.warn({ code: pruned.problem.code }, 'old commands could not be pruned');
    this.#plan(pruned.ok && pruned.value === BATCH ? BETWEEN_MS : EVERY_MS);
  }
}
