import type { MakeChecker } from './checker.ts';
import { conditionalWrite } from './conditional-write.ts';
import { storedOnce } from './stored-once.ts';
import { successors } from './successors.ts';
import { takenBack } from './taken-back.ts';

/**
 * I11: a conditional command is stored only if none of its fields changed since the version it names. A superseded field
 * names a successor that exists and came later. What a command left behind is taken back only while it is its own. And
 * once a write of a command was stored, the same wish is not written again in that life of the shadow, by whoever believed
 * himself in the same one.
 */
export const noLostUpdate: MakeChecker = (context) => {
  const parts = [conditionalWrite, successors, takenBack, storedOnce].map((make) => make(context));
  return {
    see(atMs, sighting) {
      for (const part of parts) part.see(atMs, sighting);
    },
  };
};
