import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { MakeChecker } from './checker.ts';

/** At most so many within so long. */
interface Bound {
  readonly most: number;
  readonly withinMs: number;
}

/** One device, all its shadows: a pass for every wake-up, never a loop. */
const DEVICE: Bound = { most: 240, withinMs: 60_000 };
/** The server, for at most a handful of shadows: 10 a second would be a storm. */
const SERVERS: Bound = { most: 600, withinMs: 60_000 };
/** One field of the hardware: attempts grow apart, from a second on. By chance as many come in one in 100,000 rows. */
const FIELD: Bound = { most: 6, withinMs: 1_000 };

/** I13: nobody of ours publishes or drives the hardware without measure, whatever network, service and drivers do. */
export const bounded: MakeChecker = ({ things, violated }) => {
  const members = new Set<string>(things.flatMap(({ kind, thingName }) => (kind === 'member' ? [thingName] : [])));
  const recent = new Map<string, number[]>();
  const told = new Set<string>();
  const count = (atMs: number, who: string, { most, withinMs }: Bound, did: string): void => {
    const times = recent.get(who) ?? [];
    recent.set(who, times);
    times.push(atMs);
    while ((times[0] ?? atMs) < atMs - withinMs) times.shift();
    if (times.length <= most || told.has(who)) return;
    told.add(who);
    violated(`${who} ${did}, ${times.length} times within ${withinMs} ms`);
  };
  return {
    see(atMs, sighting) {
      if (sighting.type === 'apply') {
        const { thing, shadow = '', field } = sighting;
        return count(atMs, `${thing}/${shadow} ${field}`, FIELD, 'was driven');
      }
      if (sighting.type !== 'wire') return;
      const { client, topic } = sighting;
      if (client !== SERVER && !members.has(client)) return;
      const isDirect = topic.startsWith('cmd/');
      if (!isDirect && parseShadowTopic(topic) === undefined) return;
      const road = isDirect ? `${client}, direct,` : client;
      count(atMs, road, client === SERVER ? SERVERS : DEVICE, `published to ${topic}`);
    },
  };
};
