import { parseShadowTopic } from '../../src/protocol/topics.ts';
import { SERVER } from '../workload/draw-plan.ts';
import type { MakeChecker } from './checker.ts';

/** Every 15 minutes with jitter (DESIGN.md section 4), so at most this often in a quiet hour, per shadow. */
const GETS_PER_HOUR_MAX = 8;

/** I14: with no change and no drift nobody of ours writes anything; devices ask now and then, no more. */
export const quiescent: MakeChecker = ({ things, violated }) => {
  const members = new Set<string>(things.flatMap(({ kind, thingName }) => (kind === 'member' ? [thingName] : [])));
  const gets = new Map<string, number>();
  let quiet = false;
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'phase') {
        quiet = sighting.phase === 'quiet';
        if (sighting.phase !== 'end') return;
        for (const [who, count] of gets) {
          if (count > GETS_PER_HOUR_MAX) violated(`${who} asked ${count} times in a quiet hour`);
        }
      }
      if (!quiet || sighting.type !== 'wire') return;
      const { client, topic, payload } = sighting;
      if (client !== SERVER && !members.has(client)) return;
      const parsed = parseShadowTopic(topic);
      if (parsed?.kind === 'get') {
        const who = `${client} ${topic}`;
        gets.set(who, (gets.get(who) ?? 0) + 1);
      } else violated(`${client} published in quiet times: ${topic} ${payload}`);
    },
  };
};
