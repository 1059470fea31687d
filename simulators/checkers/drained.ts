import { parseDirectResponse } from '../../src/protocol/direct-messages.ts';
import { isFinalResponse } from '../../src/core/direct/messages.ts';
import type { MakeChecker } from './checker.ts';

/** I26: what a device said that it had taken comes to an end, and its last word on it reaches the broker. */
export const drained: MakeChecker = ({ violated }) => {
  /** By thing and transaction. */
  const taken = new Set<string>();
  const over = new Set<string>();
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'phase' && sighting.phase === 'end') {
        for (const id of taken) violated(`${id} was taken and never came to an end`);
      }
      if (sighting.type !== 'wire' && sighting.type !== 'acknowledged') return;
      if (sighting.topic !== `cmd/${sighting.client}/resp`) return;
      const response = parseDirectResponse(Buffer.from(sighting.payload));
      if (!response.ok) return violated(`${sighting.client} answered what nobody can read: ${sighting.payload}`);
      const id = `${sighting.client} ${response.value.id}`;
      if (isFinalResponse(response.value)) {
        taken.delete(id);
        over.add(id);
      } else if (!over.has(id)) taken.add(id);
    },
  };
};
