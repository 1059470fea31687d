import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { MakeChecker } from './checker.ts';

const WINDOW_MS = 60_000;
/** One device, all its shadows: a pass for every wake-up, never a loop. */
const DEVICE_PER_MINUTE_MAX = 240;
/** The server, for at most a handful of shadows: 10 a second would be a storm. */
const SERVER_PER_MINUTE_MAX = 600;

/** I13: nobody of ours publishes without measure, whatever the network and the service do. */
export const bounded: MakeChecker = ({ things, violated }) => {
  const members = new Set<string>(things.flatMap(({ kind, thingName }) => (kind === 'member' ? [thingName] : [])));
  const recent = new Map<string, number[]>();
  const told = new Set<string>();
  return {
    see(atMs, sighting) {
      if (sighting.type !== 'wire') return;
      const { client, topic } = sighting;
      if (client !== SERVER && !members.has(client)) return;
      if (parseShadowTopic(topic) === undefined) return;
      const times = recent.get(client) ?? [];
      recent.set(client, times);
      times.push(atMs);
      while ((times[0] ?? atMs) < atMs - WINDOW_MS) times.shift();
      const most = client === SERVER ? SERVER_PER_MINUTE_MAX : DEVICE_PER_MINUTE_MAX;
      if (times.length <= most || told.has(client)) return;
      told.add(client);
      violated(`${client} published ${times.length} messages within a minute, the last to ${topic}`);
    },
  };
};
