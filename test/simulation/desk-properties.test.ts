import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOpenCommand } from '../../src/core/command/clocks.ts';
import type { CommandId } from '../../src/core/brand.ts';
import { DeskWorld, presence } from '../support/desk-world.ts';

/**
 * The life cycle against a world that knows the truth (`DeskWorld` checks legal states, evidence, deadlines and ghosts
 * after every event), under every mixture of loss, doubling, reordering, restarts, foreign writers and deletions.
 */
type Action = (world: DeskWorld) => void;

const patch = fc.dictionary(
  fc.constantFrom('a', 'b'),
  fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 2 }) }, { weight: 1, arbitrary: fc.constant(null) }),
  {
    minKeys: 1,
    maxKeys: 2,
  },
);
const policy = fc.record({
  applyWithinMs: fc.constantFrom(1_000, 30_000),
  expiresInMs: fc.constantFrom(2_000, 60_000, 600_000),
  onEnd: fc.constantFrom('restore', 'withdraw', 'keep'),
});

const action: fc.Arbitrary<[string, Action]> = fc.oneof(
  { weight: 10, arbitrary: fc.constant<[string, Action]>(['deliver all', (world) => world.deliverAll()]) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(patch, policy)
      .map(([wish, more]): [string, Action] => [
        `create ${JSON.stringify([wish, more])}`,
        (world) => world.create(wish, more),
      ]),
  },
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.nat(9), fc.boolean())
      .map(([index, twice]): [string, Action] => [
        `deliver ${index}${twice ? ' twice' : ''}`,
        (world) => world.deliver(index, { twice }),
      ]),
  },
  { weight: 3, arbitrary: fc.nat(9).map((index): [string, Action] => [`lose ${index}`, (world) => world.lose(index)]) },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom('obeys' as const, 'obeys' as const, 'refuses' as const, 'applies' as const, 'differs' as const)
      .map((how): [string, Action] => [`the device ${how}`, (world) => world.act(how)]),
  },
  {
    weight: 2,
    arbitrary: fc
      .option(patch, { nil: null })
      .map((desired): [string, Action] => [`foreign ${JSON.stringify(desired)}`, (world) => world.foreign(desired)]),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(10, 300, 3_000, 20_000, 90_000)
      .map((ms): [string, Action] => [`${ms} ms`, (world) => world.advance(ms)]),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map((up): [string, Action] => [`link ${String(up)}`, (world) => world.link(up)]),
  },
  {
    weight: 1,
    arbitrary: fc
      .boolean()
      .map((keepView): [string, Action] => [`restart ${String(keepView)}`, (world) => world.restart({ keepView })]),
  },
  { weight: 1, arbitrary: fc.constant<[string, Action]>(['delete', (world) => world.delete()]) },
  { weight: 2, arbitrary: fc.constant<[string, Action]>(['lose the next write', (world) => world.loseWrite()]) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('online' as const, 'offline' as const, 'unknown' as const)
      .map((state): [string, Action] => [
        `presence ${state}`,
        (world) => world.send({ type: 'presence', presence: presence(state) }),
      ]),
  },
  {
    weight: 1,
    arbitrary: fc
      .nat(5)
      .map((index): [string, Action] => [
        `cancel ${index}`,
        (world) =>
          world.send({ type: 'cancel', id: [...world.stored.keys()][index] ?? ('none' as CommandId), by: 'ben' }),
      ]),
  },
);

const RUNS = Number(process.env['DESK_RUNS'] ?? 400);

test('whatever happens no verdict is false, and when faults end every command gets its end', () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), (actions) => {
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
