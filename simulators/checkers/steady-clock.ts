import type { Sighting } from '../world/sighting.ts';

/** A wall clock this far off is not drift any more, and an answer of the service is in whole seconds. */
const NOTICED_MS = 5_000;
const AGREES_MS = 6_000;

/**
 * What a server that measures on its monotonic clock may make of its wall clock: it believes it when it starts, and
 * again when service time agrees with a wall clock that has moved away; a jump alone changes nothing (E1, E2).
 */
export class SteadyClock {
  /** How far ahead of the true time the server's own time is. */
  #aheadMs: number | undefined;
  /** From then on nobody can tell from outside: it drifts, or a correction may come with any answer. */
  #unsureSince: number | undefined;
  #shiftedAt = -Infinity;

  see(atMs: number, sighting: Sighting): void {
    if (sighting.type !== 'clock') return;
    const { at, aheadMs, rate } = sighting;
    if (rate !== 1) this.#unsureSince ??= atMs;
    if (at === 'boot') {
      if (this.#aheadMs !== undefined && aheadMs !== this.#aheadMs) this.#shiftedAt = atMs;
      if (this.#unsureSince !== undefined) this.#shiftedAt = atMs;
      this.#aheadMs = aheadMs;
      if (rate === 1) this.#unsureSince = undefined;
      return;
    }
    const moved = Math.abs(aheadMs - (this.#aheadMs ?? 0)) > NOTICED_MS;
    if (moved && Math.abs(aheadMs) <= AGREES_MS) this.#unsureSince ??= atMs;
  }

  /** Whether its own time ran evenly from that instant until now, whatever was done to its wall clock. */
  evenSince(atMs: number): boolean {
    return this.#unsureSince === undefined && this.#shiftedAt <= atMs;
  }
}
