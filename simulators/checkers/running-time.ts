import type { Sighting } from '../world/sighting.ts';
import { SERVER } from '../workload/draw-plan.ts';

interface Span {
  readonly from: number;
  to: number;
}

/** When the server ran, and when it could see: what is paused or down sees nothing. */
export class RunningTime {
  readonly #pauses: Span[] = [];
  readonly #downs: Span[] = [];

  see(atMs: number, sighting: Sighting): void {
    if (!('process' in sighting) || sighting.process !== SERVER) return;
    if (sighting.type === 'pause') this.#pauses.push({ from: atMs, to: Infinity });
    if (sighting.type === 'resume' || sighting.type === 'crash') close(this.#pauses, atMs);
    if (sighting.type === 'crash') this.#downs.push({ from: atMs, to: Infinity });
    if (sighting.type === 'boot') close(this.#downs, atMs);
  }

  /** That much earlier, of the time in which the server was not paused (found by seed 29984). */
  before(atMs: number, byMs: number): number {
    let at = atMs;
    let left = byMs;
    for (const { from, to } of this.#pauses.toReversed()) {
      if (to > at || at - to >= left) continue;
      left -= at - to;
      at = from;
    }
    return at - left;
  }

  /** How long there was no server at all. */
  downMs(from: number, to: number): number {
    return this.#downs.reduce((sum, down) => sum + overlapMs(down, { from, to }), 0);
  }
}

export function overlapMs(one: Span, other: Span): number {
  return Math.max(0, Math.min(one.to, other.to) - Math.max(one.from, other.from));
}

function close(spans: readonly Span[], atMs: number): void {
  const last = spans.at(-1);
  if (last !== undefined) last.to = Math.min(last.to, atMs);
}
