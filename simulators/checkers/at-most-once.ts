import { ACTIONS, type Action } from '../hardware/actuator.ts';
import type { MakeChecker } from './checker.ts';

/**
 * I4: an action that may not be repeated happens at most once for what its sender wanted, over all requests, restarts and
 * crashes. One that may is repeated only after the device went down.
 */
export const atMostOnce: MakeChecker = ({ violated }) => {
  const lives = new Map<string, number>();
  const done = new Map<number, { id: string; life: number }>();
  return {
    see(_atMs, sighting) {
      if (sighting.type === 'boot') lives.set(sighting.process, (lives.get(sighting.process) ?? 0) + 1);
      if (sighting.type !== 'action' || sighting.phase !== 'done') return;
      const { thing, id, name, intent } = sighting;
      const before = done.get(intent);
      const life = lives.get(thing) ?? 0;
      done.set(intent, { id, life });
      if (before === undefined) return;
      const isHarmless = ACTIONS[name as Action].idempotent && before.id === id && before.life !== life;
      if (!isHarmless) violated(`${thing} did ${name} twice for one wish: as ${before.id} and as ${id}`);
    },
  };
};
