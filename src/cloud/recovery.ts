import { monotonicMs } from '../core/brand.ts';
import { done, type Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Desks } from './desks.ts';
import type { PresenceKeeper } from './presence-keeper.ts';

const PAGE = 500;
/** So many shadows are taken up between two pauses, so that messages get their turn. */
const SWEEP_PAGE = 50;
const RETRY_MS = 1_000;

export interface RecoveryOptions {
  readonly ledger: Ledger;
  readonly desks: Desks;
  readonly presence: PresenceKeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** About how long one round over all known shadows takes. */
  readonly sweepMs: number;
}

/**
 * Takes up after a restart: shadows with open commands first, each of which asks for a snapshot before anything is
 * decided; then all others, one by one and over and over, spread over the sweep time with jitter (G6).
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  #left = 0;
  #timer: Cancel | undefined;
  #stopped = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Shadows with open commands that are not in memory yet. */
  get left(): number {
    return this.#left;
  }

  async rememberPresence(): Promise<Result<void>> {
    let cursor: string | undefined;
    do {
      const page = await this.#options.ledger.presences({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      if (!page.ok) return page;
      for (const presence of page.value.items) this.#options.presence.remember(presence);
      cursor = page.value.next;
    } while (cursor !== undefined);
    return done;
  }

  /** Settles after the first page: from then on commands are accepted while the rest is taken up. */
  async start(): Promise<Result<void>> {
    const first = await this.#takePage(undefined);
    if (!first.ok) return first;
    void this.#takeRest(first.value);
    return done;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
  }

  async #takeRest(from: string | undefined): Promise<void> {
    let cursor = from;
    while (cursor !== undefined && !this.#stopped) {
      const page = await this.#takePage(cursor);
      if (page.ok) cursor = page.value;
      else await this.#pause(RETRY_MS);
    }
    this.#left = 0;
    await this.#sweep();
  }

  async #takePage(cursor: string | undefined): Promise<Result<string | undefined>> {
    const { ledger, desks } = this.#options;
    const page = await ledger.openShadows({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    if (!page.ok) return page;
    this.#left = page.value.items.length;
    for (const { ref } of page.value.items) {
      await desks.open(ref);
      this.#left -= 1;
      if (this.#stopped) break;
    }
    return { ok: true, value: page.value.next };
  }

  /** One round after the other; a shadow that messages keep fresh costs one `get` per round. */
  async #sweep(): Promise<void> {
    const { ledger, random, sweepMs, log } = this.#options;
    let cursor: string | undefined;
    let perPageMs = sweepMs / 10;
    while (!this.#stopped) {
      await this.#pause(perPageMs * (0.5 + random.fraction()));
      if (this.#stopped) return;
      const page = await ledger.shadows({ limit: SWEEP_PAGE, ...(cursor === undefined ? {} : { cursor }) });
      if (!page.ok) {
        log.warn({ code: page.problem.code }, 'the sweep could not read the ledger');
        continue;
      }
      cursor = page.value.next;
      perPageMs = this.#pageMs();
      for (const ref of page.value.items) this.#read(ref);
    }
  }

  #pageMs(): number {
    const pages = Math.max(1, Math.ceil(this.#options.desks.size / SWEEP_PAGE));
    return this.#options.sweepMs / pages;
  }

  #read(ref: ShadowRef): void {
    this.#options.desks.send(ref, { type: 'ask' });
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      this.#timer = clock.at(monotonicMs(clock.monotonic() + ms), resolve);
    });
  }
}
