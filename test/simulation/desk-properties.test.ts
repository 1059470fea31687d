import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOpenCommand } from '../../src/core/command/clocks.ts';
import { deskAction } from '../support/desk-actions.ts';
import { DeskWorld } from '../support/desk-world.ts';

/**
 * The life cycle against a world that knows the truth (`DeskWorld` checks legal states, evidence, deadlines and ghosts
 * after every event), under every mixture of loss, doubling, reordering, restarts, foreign writers and deletions.
 */
const RUNS = Number(process.env['DESK_RUNS'] ?? 400);

test('whatever happens no verdict is false, and when faults end every command gets its end', () => {
  fc.assert(
    fc.property(fc.array(deskAction, { minLength: 10, maxLength: 60, size: 'max' }), (actions) => {
      const world = new DeskWorld();
      world.link(true);
      try {
        for (const [, act] of actions) act(world);
        world.heal();
      } catch (error) {
        throw new Error(`${String(error)} after ${actions.map(([name]) => name).join('; ')}`, { cause: error });
      }
      const left = [...world.stored.values()].filter(
        (command) => isOpenCommand(command) || command.endResult === 'not_yet',
      );
      const story = actions.map(([name]) => name).join('; ');
      expect({ left, lane: world.desk.lane, story }).toEqual({ left: [], lane: undefined, story });
    }),
    { numRuns: RUNS },
  );
}, 600_000);
