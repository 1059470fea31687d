import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RestingDesks } from '../../../src/cloud/resting-desks.ts';
import { epochMs, type CommandId, type EpochMs } from '../../../src/core/brand.ts';
import type { Rest } from '../../../src/core/desk/rest.ts';
import { shadowKey, type ShadowRef } from '../../../src/core/shadow/shadow-ref.ts';

const ref = fc
  .record({ thingName: fc.constantFrom('a', 'b', 'c', 'd'), shadowName: fc.constantFrom(undefined, 'x', 'y') })
  .map(({ shadowName, ...rest }) => (shadowName === undefined ? rest : { ...rest, shadowName }) as ShadowRef);
const instant = fc.nat(9).map((at) => epochMs(1_000 + at));
const rest: fc.Arbitrary<Rest> = fc.record({
  fresh: fc.boolean(),
  resyncAt: fc.option(instant, { nil: undefined }),
  nudge: fc.option(fc.record({ at: instant, count: fc.integer({ min: -1, max: 40 }) }), { nil: undefined }),
  ended: fc.array(fc.constantFrom('c1' as CommandId, 'c2' as CommandId), { maxLength: 2 }),
});

/** The same as plain objects: slow, large, and right at a glance. */
class PlainRests {
  readonly all = new Map<string, { ref: ShadowRef; rest: Rest; at: number }>();

  wake(thingName: string): void {
    for (const one of this.all.values()) if (one.ref.thingName === thingName) one.at = 0;
  }

  deaf(): void {
    for (const one of this.all.values()) one.rest = { ...one.rest, fresh: false, resyncAt: undefined };
  }

  earliest(): number | undefined {
    const least = Math.min(...[...this.all.values()].map(({ at }) => at));
    return least === Infinity ? undefined : least;
  }
}

type Step = (resting: RestingDesks, plain: PlainRests) => void;

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(ref, rest, fc.option(instant, { nil: undefined })).map(([place, one, at]): Step => (resting, plain) => {
    if (plain.all.has(shadowKey(place))) return;
    resting.put(place, one, at);
    plain.all.set(shadowKey(place), { ref: place, rest: one, at: at ?? Infinity });
  }),
  ref.map((place): Step => (resting, plain) => {
    expect(resting.take(place)).toEqual(plain.all.get(shadowKey(place))?.rest);
    plain.all.delete(shadowKey(place));
  }),
  instant.map((now): Step => (resting, plain) => {
    const due = resting.due(now);
    const least = plain.earliest() ?? Infinity;
    if (due === undefined) return expect(least).toBeGreaterThan(now);
    const known = plain.all.get(shadowKey(due));
    expect(known?.at).toBe(least);
    if (known !== undefined) known.at = Infinity;
  }),
  ref.map(({ thingName }): Step => (resting, plain) => {
    resting.wake(thingName);
    plain.wake(thingName);
  }),
  fc.constant<Step>((resting, plain) => {
    resting.deaf();
    plain.deaf();
  }),
);

function staleIn(resting: RestingDesks): string[] {
  const found: string[] = [];
  for (let next = resting.stale(0); next !== undefined; next = resting.stale(next.place + 1)) {
    found.push(shadowKey(next.ref));
  }
  return found.sort();
}

test('what rests is remembered, found by its thing, and comes up in order of time', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const [resting, plain] = [new RestingDesks(), new PlainRests()];
      for (const take of steps) {
        take(resting, plain);
        expect(resting.size).toBe(plain.all.size);
        expect(resting.dueAt).toBe(plain.earliest());
        const stale = [...plain.all]
          .filter(
            ([
              ,
              {
                rest: { fresh },
              },
            ]) => !fresh,
          )
          .map(([key]) => key);
        expect(staleIn(resting)).toEqual(stale.sort());
      }
    }),
  );
});

test('ten thousand come up in order of time, whatever left in between', () => {
  const resting = new RestingDesks();
  const one: Rest = { fresh: true, resyncAt: undefined, nudge: undefined, ended: [] };
  const refOf = (number: number) => ({ thingName: `thing-${number}` }) as ShadowRef;
  const due = (number: number): EpochMs => epochMs((number * 7_919) % 10_007);
  for (let number = 0; number < 10_000; number += 1) resting.put(refOf(number), one, due(number));
  for (let number = 0; number < 10_000; number += 3) resting.take(refOf(number));
  const found: number[] = [];
  for (let at = resting.dueAt; at !== undefined; at = resting.dueAt) {
    found.push(at);
    resting.due(at);
  }
  expect(found).toHaveLength(6_666);
  expect(found).toEqual([...found].sort((left, right) => left - right));
});
