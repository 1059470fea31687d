import { isJsonObject, member } from '../../src/core/json/json.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import { parseJsonText } from '../../src/protocol/json-text.ts';
import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { Sighting } from '../world/sighting.ts';

/** Gets of the server that were answered, and of what instant each answer is. */
export class ReadSnapshots {
  /** By shadow and token, when the service took the get; the first of two that the network made of it. */
  readonly #takenAt = new Map<string, number>();
  readonly #read = new Map<string, { readonly heardAt: number; readonly takenAt: number }[]>();

  see(atMs: number, sighting: Sighting): void {
    if (sighting.type === 'service' && sighting.operation === 'get' && sighting.client === SERVER) {
      const place = `${shadowKey(sighting.ref)} ${tokenIn(sighting.payload)}`;
      if (sighting.code === 200 && !this.#takenAt.has(place)) this.#takenAt.set(place, atMs);
    }
    if (sighting.type !== 'delivered' || sighting.client !== SERVER) return;
    if (!sighting.topic.endsWith('/get/accepted')) return;
    const ref = parseShadowTopic(sighting.topic)?.ref;
    if (ref === undefined) return;
    const key = shadowKey(ref);
    const takenAt = this.#takenAt.get(`${key} ${tokenIn(sighting.payload)}`);
    if (takenAt === undefined) return;
    const read = this.#read.get(key) ?? [];
    this.#read.set(key, read);
    read.push({ heardAt: atMs, takenAt });
  }

  /** Of what instant the newest snapshot is that the server had read by then. */
  newest(key: string, byMs: number): number | undefined {
    const heard = this.#read.get(key)?.filter(({ heardAt }) => heardAt <= byMs) ?? [];
    return heard.length === 0 ? undefined : Math.max(...heard.map(({ takenAt }) => takenAt));
  }
}

function tokenIn(payload: string): string {
  const body = parseJsonText(payload);
  const token = body.ok && isJsonObject(body.value) ? member(body.value, 'clientToken') : undefined;
  return typeof token === 'string' ? token : '';
}
