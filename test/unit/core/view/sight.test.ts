import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClientToken } from '../../../../src/core/brand.ts';
import type { JsonObject } from '../../../../src/core/json/json.ts';
import { AWS_RULES } from '../../../../src/core/shadow/limits.ts';
import { acceptedPart, applyUpdate, type ShadowRecord } from '../../../../src/core/shadow/update.ts';
import {
  HOLD_MS,
  newIncarnation,
  NOTHING_SEEN,
  seeAccepted,
  seeHeld,
  seeSnapshot,
  type AcceptedUpdate,
  type ReadShadow,
  type Sight,
} from '../../../../src/core/view/sight.ts';
import { absentView, foreignSource, markAt, sourceOf } from '../../../../src/core/view/view.ts';
import { accepted, at, field, HEATER, sightAfter, T0 } from '../../../support/command-fixtures.ts';

const place = { ref: HEATER, now: T0 };
const see = (before: Sight, update: AcceptedUpdate) => {
  const { sight, seen } = seeAccepted(before, { update, source: () => foreignSource(update.clientToken) }, place);
  return { sight: throughHeld(sight), seen };
};
const snapshot = (version: number, state: ReadShadow['state'], stamp = 1): ReadShadow => ({
  version,
  state,
  metadata: {
    ...(state.desired === undefined ? {} : { desired: stamped(state.desired, stamp) }),
    ...(state.reported === undefined ? {} : { reported: stamped(state.reported, stamp) }),
  },
});

function throughHeld(sight: Sight): Sight {
  const next = seeHeld(sight, T0);
  return next === undefined ? sight : throughHeld(next);
}

function stamped(section: JsonObject, timestamp: number): JsonObject {
  return Object.fromEntries(Object.keys(section).map((key) => [key, { timestamp }]));
}

test('known + 1 is applied, at or below known changes nothing', () => {
  const first = sightAfter([accepted(1, { desired: { a: 1 } })]);

  expect(see(first, accepted(2, { reported: { a: 1 } })).seen).toBe('applied');
  expect(see(first, accepted(1, { desired: { a: 9 } }))).toEqual({ sight: first, seen: 'dropped' });
});

test('a later update waits for the one before it, at most 250 ms', () => {
  const first = sightAfter([accepted(1, { desired: { a: 1 } })]);
  const early = see(first, accepted(3, { desired: { a: 3 } }));
  expect(early.seen).toBe('held');
  expect(early.sight).toMatchObject({ view: { version: 1 }, holdUntil: at(HOLD_MS) });

  const both = see(early.sight, accepted(2, { desired: { b: 2 } }));

  expect(both.sight).toMatchObject({ view: { version: 3, state: { desired: { a: 3, b: 2 } } }, held: [] });
  expect(both.sight.holdUntil).toBeUndefined();
});

test('a snapshot fills a gap and releases what was held behind it; an older one is dropped', () => {
  const early = see(sightAfter([accepted(1, { desired: { a: 1 } })]), accepted(5, { reported: { a: 5 } })).sight;

  const filled = seeSnapshot(early, snapshot(4, { desired: { a: 4 } }), place);

  expect(filled.sight.view).toMatchObject({ version: 5, state: { desired: { a: 4 }, reported: { a: 5 } } });
  expect(seeSnapshot(filled.sight, snapshot(3, {}), place).seen).toBe('dropped');
});

test('without a snapshot only version 1 can be understood', () => {
  expect(see(NOTHING_SEEN, accepted(1, { desired: { a: 1 } })).seen).toBe('applied');
  expect(see(NOTHING_SEEN, accepted(2, { desired: { a: 1 } })).seen).toBe('held');
});

test('each desired leaf knows who wrote it last, equal values included', () => {
  const token = 'console' as ClientToken;
  const { view } = sightAfter([
    accepted(1, { desired: { a: { b: 1 }, c: 2 } }, { clientToken: 'x' as ClientToken }),
    accepted(2, { desired: { a: { b: 1 } } }, { clientToken: token }),
  ]);

  const mark = markAt(view?.marks.desired, field('/a/b'));
  expect(mark?.[1]).toBe(2);
  expect(mark === undefined ? undefined : sourceOf(mark)).toEqual({ kind: 'foreign', clientToken: token });
  expect(markAt(view?.marks.desired, field('/c'))?.[1]).toBe(1);
});

test('a leaf that a snapshot shows unchanged, stamp included, keeps its author; a changed one has none', () => {
  const known = sightAfter([
    accepted(1, { desired: { a: 1, b: 1 } }, { timestamp: 7, clientToken: 'x' as ClientToken }),
  ]);

  const { view } = seeSnapshot(
    known,
    {
      version: 4,
      state: { desired: { a: 1, b: 2 } },
      metadata: { desired: { a: { timestamp: 7 }, b: { timestamp: 9 } } },
    },
    place,
  ).sight;

  expect(markAt(view?.marks.desired, field('/a'))).toEqual([7, 1, 'f:x']);
  expect(markAt(view?.marks.desired, field('/b'))).toEqual([9, 4, '']);
});

test('what was held is taken up one version after the other', () => {
  const known = sightAfter([accepted(1, { desired: { a: 1 } })]);
  const held = see(see(known, accepted(4, { reported: { a: 4 } })).sight, accepted(3, { reported: { a: 3 } })).sight;
  const update = accepted(2, { reported: { a: 2 } });

  const second = seeAccepted(held, { update, source: () => '' }, place).sight;
  const third = seeHeld(second, T0);

  expect(second.view).toMatchObject({ version: 2, state: { reported: { a: 2 } } });
  expect(third?.view).toMatchObject({ version: 3, state: { reported: { a: 3 } } });
  expect(third).toBeDefined();
  expect(third === undefined ? undefined : seeHeld(third, T0)).toMatchObject({ view: { version: 4 }, held: [] });
});

test('a new incarnation forgets everything but that it is a new one, how far the old one got, and until when', () => {
  const known = see(sightAfter([accepted(1, { desired: { a: 1 } })]), accepted(9, {})).sight;

  const stamp = known.view?.stamp ?? 0;
  expect(stamp).toBeGreaterThan(0);
  expect(newIncarnation(known, place)).toEqual({ view: { ...absentView(HEATER, 2, T0), stamp }, held: [], buried: 1 });
});

test('keys of the prototype are ordinary keys', () => {
  const patch = JSON.parse('{"__proto__":{"x":1},"constructor":2}') as JsonObject;

  const { view } = sightAfter([accepted(1, { desired: patch })]);

  expect(JSON.stringify(view?.state.desired)).toBe('{"__proto__":{"x":1},"constructor":2}');
  expect(markAt(view?.marks.desired, field('/__proto__/x'))?.[1]).toBe(1);
});

/** Any order, any duplicates, any losses up to a final snapshot: the view is what the service has. */
test('the view is the document of the service, in whatever order and however often its messages come', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const leaf = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(null), fc.constant([1]));
  const patch = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf, { maxKeys: 2 })), { maxKeys: 3 });
  const update = fc.record({
    section: fc.constantFrom('desired', 'reported'),
    patch: fc.oneof({ weight: 9, arbitrary: patch }, { weight: 1, arbitrary: fc.constant(null) }),
  });
  fc.assert(
    fc.property(
      fc.array(update, { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(200), { maxLength: 40 }),
      (updates, order) => {
        const { messages, record } = served(updates as { section: 'desired' | 'reported'; patch: JsonObject | null }[]);
        let sight: Sight = { ...NOTHING_SEEN, view: absentView(HEATER, 1, T0) };
        for (const index of order) {
          const message = messages[index % messages.length];
          if (message !== undefined) sight = see(sight, message).sight;
        }
        const { document } = record;
        sight = seeSnapshot(
          sight,
          { version: document.version, state: document.state, metadata: document.metadata },
          place,
        ).sight;
        expect(sight.view?.version).toBe(document.version);
        expect(sight.view?.state).toEqual(document.state);
        expect(sight.held).toEqual([]);

        let inOrder: Sight = { ...NOTHING_SEEN, view: absentView(HEATER, 1, T0) };
        for (const message of messages) inOrder = see(inOrder, message).sight;
        expect(inOrder.view?.state).toEqual(document.state);
      },
    ),
    { numRuns: 300 },
  );
});

/** What the simulated service, which has its own tests against recorded behaviour, makes of these updates. */
function served(updates: readonly { section: 'desired' | 'reported'; patch: JsonObject | null }[]): {
  messages: AcceptedUpdate[];
  record: ShadowRecord;
} {
  let record: ShadowRecord | undefined;
  const messages: AcceptedUpdate[] = [];
  for (const { section, patch } of updates) {
    const state = { [section]: patch };
    const result = applyUpdate({ record, versionBefore: 0, nowSeconds: 5, rules: AWS_RULES }, { state } as never);
    if (!result.ok) throw new Error(result.problem.message);
    record = result.value.record;
    messages.push({
      version: record.document.version,
      timestamp: 5,
      ...(acceptedPart(state, 5) as unknown as Pick<AcceptedUpdate, 'state' | 'metadata'>),
    });
  }
  return { messages, record: record as ShadowRecord };
}
