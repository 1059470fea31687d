import type { ThingName } from '../../src/core/brand.ts';
import { writeIdOf } from '../../src/core/command/write.ts';
import { isJsonObject, member } from '../../src/core/json/json.ts';
import { parseJsonText } from '../../src/protocol/json-text.ts';
import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { Sighting } from '../world/sighting.ts';
import { overlapMs } from './running-time.ts';

/** The settle time of a disconnect, on a clock that may run a tenth slow. */
const BELIEVED_MS = 6_000;
/** How long the word of the server's own connection may be on its way. */
const ON_ITS_WAY_MS = 10_000;
const LIFECYCLE = '$aws/events/presence/';

interface Known {
  readonly away: { readonly from: number; to: number }[];
  version: number;
}

/**
 * When the server must have known that a device is away: it was told of the disconnect, has had the time to believe it,
 * and has heard nothing of the device since, nor lost its own link meanwhile. Where that is not certain, it is left out.
 */
export class KnownAway {
  readonly #things = new Map<string, Known>();

  see(atMs: number, sighting: Sighting): void {
    if ((sighting.type === 'crash' || sighting.type === 'pause') && sighting.process === SERVER) {
      for (const thing of this.#things.keys()) this.#heard(thing, atMs);
    }
    if (sighting.type !== 'delivered' || sighting.client !== SERVER) return;
    const { topic, payload } = sighting;
    if (topic.startsWith(LIFECYCLE)) return this.#lifecycle(atMs, topic, payload);
    const [, answering] = /^cmd\/([^/]+)\/resp$/.exec(topic) ?? [];
    if (answering !== undefined) return this.#heard(answering, atMs);
    const place = parseShadowTopic(topic);
    if (place?.kind === 'update/accepted' && !isOurs(payload)) this.#heard(place.ref.thingName, atMs);
  }

  awayMs(thing: ThingName, from: number, to: number): number {
    return this.#of(thing).away.reduce((sum, span) => sum + overlapMs(span, { from, to }), 0);
  }

  isAway(thing: ThingName, atMs: number): boolean {
    const last = this.#of(thing).away.at(-1);
    return last !== undefined && last.from <= atMs && atMs < last.to;
  }

  #lifecycle(atMs: number, topic: string, payload: string): void {
    const [type, thing = ''] = topic.slice(LIFECYCLE.length).split('/');
    if (thing === SERVER) return this.#ownLink(atMs);
    const known = this.#of(thing);
    const body = parseJsonText(payload);
    const version = body.ok && isJsonObject(body.value) ? member(body.value, 'versionNumber') : undefined;
    if (typeof version !== 'number') return;
    const isNews = version >= known.version;
    known.version = Math.max(known.version, version);
    if (type === 'connected' || !isNews) return this.#heard(thing, atMs);
    const last = known.away.at(-1);
    if (last === undefined || last.to < Infinity) known.away.push({ from: atMs + BELIEVED_MS, to: Infinity });
  }

  /** A disconnect that was not believed yet when its own link broke is forgotten: the device may be back unheard. */
  #ownLink(atMs: number): void {
    for (const { away } of this.#things.values()) {
      const last = away.at(-1);
      if (last !== undefined && last.from > atMs - ON_ITS_WAY_MS) last.to = Math.min(last.to, last.from);
    }
  }

  #heard(thing: string, atMs: number): void {
    const last = this.#of(thing).away.at(-1);
    if (last !== undefined) last.to = Math.min(last.to, atMs);
  }

  #of(thing: string): Known {
    const known = this.#things.get(thing) ?? { away: [], version: -1 };
    this.#things.set(thing, known);
    return known;
  }
}

function isOurs(payload: string): boolean {
  const body = parseJsonText(payload);
  const token = body.ok && isJsonObject(body.value) ? member(body.value, 'clientToken') : undefined;
  return typeof token === 'string' && writeIdOf(token) !== undefined;
}
