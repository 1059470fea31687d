import type { MakeChecker } from './checker.ts';

/** From the start of a program to the moment it works, where nothing outside stands in its way. */
const READY_MS_MAX = 60_000;

/** I19: from any crash every program starts again by itself, within a bound. */
export const recover: MakeChecker = ({ violated }) => {
  const booting = new Map<string, number>();
  return {
    see(atMs, sighting) {
      switch (sighting.type) {
        case 'boot':
          booting.set(sighting.process, atMs);
          return;
        case 'ready':
        case 'crash':
          booting.delete(sighting.process);
          return;
        case 'refused':
          booting.delete(sighting.process);
          return violated(`${sighting.process} refused to start`);
        case 'phase': {
          if (sighting.phase !== 'quiet' && sighting.phase !== 'end') return;
          for (const [process, since] of booting) {
            if (atMs - since > READY_MS_MAX) violated(`${process} was started ${atMs - since} ms ago and is not ready`);
          }
          return;
        }
        default:
      }
    },
  };
};
