import type { CommandId } from '../../src/core/brand.ts';
import { ACTIONS, type Action } from '../hardware/actuator.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I4: an action that may not be repeated happens at most once on a thing for what its sender wanted, over all requests,
 * restarts and crashes, and once more each time that somebody asked for it again. One that may is repeated only after the
 * device went down.
 */
export const atMostOnce: MakeChecker = ({ durableDirects, violated }) => {
  const lives = new Map<string, number>();
  /** By thing and wish: under which ids it was done, and in which life of the device. */
  const done = new Map<string, Map<string, number>>();
  const retries = new Map<CommandId, number>();
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'boot') lives.set(sighting.process, (lives.get(sighting.process) ?? 0) + 1);
      if (sighting.type === 'actsDirect' && sighting.action.type === 'retry') {
        retries.set(sighting.id, (retries.get(sighting.id) ?? 0) + 1);
      }
      if (sighting.type !== 'action' || sighting.phase !== 'done') return;
      const { thing, id, name, intent } = sighting;
      const wish = `${thing} ${intent}`;
      const ids = done.get(wish) ?? new Map<string, number>();
      done.set(wish, ids);
      const before = ids.get(id);
      const life = lives.get(thing) ?? 0;
      ids.set(id, life);
      if (before !== undefined) {
        const isHarmless = ACTIONS[name as Action].idempotent && before !== life;
        if (!isHarmless) violated(`${thing} did ${name} twice as ${id}`);
        return;
      }
      // One of them is the first wish; each of the others must have been asked for.
      const asked = [...ids.keys()].map((each) => durableDirects(each).get(thing)?.retryOf);
      const firsts = asked.filter((of) => of === undefined).length;
      const uncalledFor = asked.some(
        (of) => of !== undefined && asked.filter((other) => other === of).length > (retries.get(of) ?? 0),
      );
      if (firsts > 1 || uncalledFor)
        violated(`${thing} did ${name} twice for one wish: as ${[...ids.keys()].join(', ')}`);
    },
  };
};
