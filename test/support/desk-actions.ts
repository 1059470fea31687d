import fc from 'fast-check';
import type { CommandId } from '../../src/core/brand.ts';
import { presence, type DeskWorld } from './desk-world.ts';

/** What can happen to one desk, its shadow and its device, with a name to tell the story by. */
export type Action = (world: DeskWorld) => void;

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

export const deskAction: fc.Arbitrary<[string, Action]> = fc.oneof(
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
