import { monotonicMs } from '../core/brand.ts';
import { isDirectRef } from '../core/direct/place.ts';
import { done, type Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Desks } from './desks.ts';
import type { DirectDesks } from './direct-desks.ts';
import type { PresenceKeeper } from './presence-keeper.ts';

const PAGE = 500;
/** So many shadows are taken up between two pauses, so that messages get their turn. */
const TAKE_UP = 50;
const SWEEP_PAGE = 50;
/** So long it waits before it looks whether requests have found their way out. */
const CROWDED_MS = 20;
/** At most a hundred shadows a second, as many as AWS allows messages: a round over a million takes three hours. */
const PAGE_MS_MIN = 500;

export interface RecoveryOptions {
  readonly ledger: Ledger;
  readonly desks: Desks;
  readonly direct: DirectDesks;
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
  #waiting: ShadowRef[] = [];
  #left = 0;
  #openAtStart = 0;
  #timer: Cancel | undefined;
  #stopped = false;
  /** Shadows in the ledger, as far as the last round counted them. */
  #shadows = 0;

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

  /** Open commands that were found at the start. */
  get openAtStart(): number {
    return this.#openAtStart;
  }

  /** Settles when all is counted and the first few are taken up: commands are accepted while the rest follows. */
  async start(): Promise<Result<void>> {
    const listed = await this.#list();
    if (!listed.ok) return listed;
    await this.#takeUp();
    void this.#takeRest();
    return done;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
  }

  async #list(): Promise<Result<void>> {
    let cursor: string | undefined;
    do {
      const page = await this.#options.ledger.openShadows({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      if (!page.ok) return page;
      for (const { ref, open } of page.value.items) {
        this.#waiting.push(ref);
        this.#openAtStart += open;
      }
      cursor = page.value.next;
    } while (cursor !== undefined);
    this.#left = this.#waiting.length;
    return done;
  }

  /** A ledger that answers at once would otherwise keep everybody else from their turn until all are taken up. */
  async #takeRest(): Promise<void> {
    while (this.#left > 0 && !this.#stopped) {
      const { crowded } = this.#options.desks;
      await this.#pause(crowded ? CROWDED_MS : 0);
      if (!crowded) await this.#takeUp();
    }
    this.#waiting = [];
    await this.#sweep();
  }

  async #takeUp(): Promise<void> {
    const from = this.#waiting.length - this.#left;
    for (const ref of this.#waiting.slice(from, from + TAKE_UP)) {
      if (this.#stopped) return;
      if (isDirectRef(ref)) await this.#options.direct.open(ref.thingName);
      else await this.#options.desks.open(ref);
      this.#left -= 1;
    }
  }

  /** One round after the other; a shadow that messages keep fresh costs one `get` per round. */
  async #sweep(): Promise<void> {
    const { ledger, random, sweepMs, log } = this.#options;
    let cursor: string | undefined;
    let seen = 0;
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
      seen += page.value.items.length;
      this.#shadows = cursor === undefined ? seen : Math.max(this.#shadows, seen);
      if (cursor === undefined) seen = 0;
      perPageMs = this.#pageMs();
      for (const ref of page.value.items) this.#read(ref);
    }
  }

  #pageMs(): number {
    const { desks, sweepMs } = this.#options;
    const pages = Math.max(1, Math.ceil(Math.max(desks.size, this.#shadows) / SWEEP_PAGE));
    return Math.max(PAGE_MS_MIN, sweepMs / pages);
  }

  #read(ref: ShadowRef): void {
    this.#options.desks.send(ref, { type: 'ask', patient: true });
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      this.#timer = clock.at(monotonicMs(clock.monotonic() + ms), resolve);
    });
  }
}
