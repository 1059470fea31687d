import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { deskAction } from '../support/desk-actions.ts';
import { DeskWorld } from '../support/desk-world.ts';

const RUNS = Number(process.env['DESK_RUNS'] ?? 400);

/** How many desks left and came back, linked and not; a property that never lets one go proves nothing. */
const left = { linked: 0, unlinked: 0 };

function rest(world: DeskWorld): void {
  const { desk } = world;
  if (!world.rest()) return;
  left[desk.linked ? 'linked' : 'unlinked'] += 1;
  if (!desk.linked) return;
  // Which question was asked last, and how patiently, is of no concern once a later one was answered.
  const { patient, needed } = desk.asking;
  expect(world.desk.asking.needed).toBeGreaterThanOrEqual(needed);
  // Nor is how far the life before went: of a desk that leaves, no write of it is on its way.
  const { buried } = desk.sight;
  const sight = { ...world.desk.sight, ...(buried === undefined ? {} : { buried }) };
  expect({ ...world.desk, sight, asking: { ...world.desk.asking, patient, needed } }).toEqual(desk);
}

/** What was decided: all that is stored, and all that was sent (each write and each question has its number). */
const decided = ({ stored, mail, record, reports, now }: DeskWorld) => ({ stored, mail, record, reports, now });

test('a desk that leaves the memory whenever it may decides as one that stays', () => {
  fc.assert(
    fc.property(fc.array(deskAction, { minLength: 10, maxLength: 60, size: 'max' }), (actions) => {
      const [stays, leaves] = [new DeskWorld(), new DeskWorld()];
      for (const world of [stays, leaves]) world.link(true);
      for (const [at, [, act]] of actions.entries()) {
        act(stays);
        act(leaves);
        rest(leaves);
        const story = actions.slice(0, at + 1).map(([name]) => name);
        expect({ ...decided(leaves), story }).toEqual({ ...decided(stays), story });
      }
    }),
    { numRuns: RUNS },
  );
}, 600_000);

afterAll(() => {
  expect(left.linked).toBeGreaterThan(RUNS);
  expect(left.unlinked).toBeGreaterThan(RUNS / 4);
});
