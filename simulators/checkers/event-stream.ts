import { SERVER } from '../workload/draw-plan.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I21: the event stream is ordered, without gaps and without doubles, live and when it is taken up again after a restart;
 * an entry never changes.
 */
export const eventStream: MakeChecker = ({ violated }) => {
  const entries = new Map<number, string>();
  let live: number | undefined;
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'boot' && sighting.process === SERVER) live = undefined;
      if (sighting.type === 'event') {
        const { sequence } = sighting.entry;
        if (live !== undefined && sequence !== live + 1) violated(`after event ${live} came ${sequence}`);
        live = sequence;
        keep(sequence, JSON.stringify(sighting.entry));
      }
      if (sighting.type !== 'resumed') return;
      let last = sighting.after;
      for (const entry of sighting.entries) {
        if (entry.sequence !== last + 1)
          violated(`read back after ${sighting.after}: ${entry.sequence} follows ${last}`);
        last = entry.sequence;
        keep(entry.sequence, JSON.stringify(entry));
      }
    },
  };

  function keep(sequence: number, text: string): void {
    const known = entries.get(sequence);
    if (known !== undefined && known !== text) violated(`event ${sequence} changed: ${known} became ${text}`);
    entries.set(sequence, text);
  }
};
