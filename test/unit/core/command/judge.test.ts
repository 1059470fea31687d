import { expect, test } from 'vitest';
import type { Command, FieldOutcome } from '../../../../src/core/command/command.ts';
import { isPast, judge, type DeviceWord } from '../../../../src/core/command/judge.ts';
import type { JsonObject } from '../../../../src/core/json/json.ts';
import { NO_MODEL, type Model } from '../../../../src/core/model/model.ts';
import { seeSnapshot, type AcceptedUpdate, type ReadShadow } from '../../../../src/core/view/sight.ts';
import { absentView, commandSource, type ShadowView } from '../../../../src/core/view/view.ts';
import {
  accepted,
  aCommand,
  commandId,
  HEATER,
  modelWith,
  sightAfter,
  T0,
  word,
} from '../../../support/command-fixtures.ts';

/** The command under judgement was accepted as version 2 with stamp …002. */
const SENT = { status: 'sent', version: 2, incarnation: 1, stamp: 1_800_000_002 } as const;
const wrote = (patch: JsonObject): AcceptedUpdate => accepted(2, { desired: patch });
const BEFORE = accepted(1, { reported: { targetC: 20 } });

interface Case {
  readonly when: string;
  readonly patch?: JsonObject;
  readonly updates: readonly AcceptedUpdate[];
  readonly word?: DeviceWord;
  readonly model?: Model;
  readonly command?: Partial<Command>;
  /** The outcome of the first field, or undefined where the judge has nothing to say. */
  readonly expected: Partial<FieldOutcome> | undefined;
  readonly delivered?: boolean;
}

const reported = (version: number, patch: JsonObject): AcceptedUpdate => accepted(version, { reported: patch });
const desired = (version: number, patch: JsonObject | null, clientToken?: string): AcceptedUpdate =>
  accepted(version, { desired: patch }, clientToken === undefined ? {} : { clientToken: clientToken as never });

test.each<Case>([
  // A plain device: (b)
  {
    when: 'the value comes in an update above V',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 22 })],
    expected: { outcome: 'confirmed' },
    delivered: true,
  },
  {
    when: 'the value stood there before V',
    updates: [reported(1, { targetC: 22 }), wrote({ targetC: 22 })],
    expected: undefined,
  },
  {
    when: 'another value comes',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 21 })],
    expected: undefined,
  },
  {
    when: 'another field comes',
    updates: [reported(1, { targetC: 22 }), wrote({ targetC: 22 }), reported(3, { fan: 1 })],
    expected: undefined,
  },
  // B17, B16, B21: equality by the model
  {
    when: 'a float comes back as float32',
    patch: { targetC: 21.3 },
    updates: [BEFORE, wrote({ targetC: 21.3 }), reported(3, { targetC: 21.299999237060547 })],
    model: modelWith({ '/targetC': { tolerance: { absolute: 0.01 } } }),
    expected: { outcome: 'confirmed' },
    delivered: true,
  },
  {
    when: 'the device clamps',
    patch: { targetC: 120 },
    updates: [BEFORE, wrote({ targetC: 120 }), reported(3, { targetC: 100 })],
    expected: undefined,
  },
  {
    when: 'an unordered array comes sorted',
    patch: { days: ['tu', 'mo'] },
    updates: [BEFORE, wrote({ days: ['tu', 'mo'] }), reported(3, { days: ['mo', 'tu'] })],
    model: modelWith({ '/days': { unordered: true } }),
    expected: { outcome: 'confirmed' },
    delivered: true,
  },
  {
    when: 'an array comes in another order and order counts',
    patch: { days: ['tu', 'mo'] },
    updates: [BEFORE, wrote({ days: ['tu', 'mo'] }), reported(3, { days: ['mo', 'tu'] })],
    expected: undefined,
  },
  // Our reconciler: (a)
  {
    when: 'the device took V into account and lists nothing',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 22 })],
    word: word(2),
    expected: { outcome: 'confirmed' },
    delivered: true,
  },
  {
    when: 'the device took V into account and the value stood there before',
    updates: [reported(1, { targetC: 22 }), wrote({ targetC: 22 }), reported(3, {})],
    word: word(2),
    expected: { outcome: 'confirmed' },
    delivered: true,
  },
  {
    when: 'the value is right but the device has not seen V',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 22 })],
    word: word(1),
    expected: undefined,
  },
  {
    when: 'the device took V into account and reports another value',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 21 })],
    word: word(2),
    expected: undefined,
    delivered: true,
  },
  {
    when: 'the value is right but the device lists the field',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 22 })],
    word: word(2, { '/targetC': { outcome: 'applying' } }),
    expected: { outcome: 'applying' },
    delivered: true,
  },
  {
    when: 'the device refuses',
    updates: [BEFORE, wrote({ targetC: 22 })],
    word: word(2, { '/targetC': { outcome: 'refused', code: 'out_of_range', message: 'no' } }),
    expected: { outcome: 'refused', code: 'out_of_range', message: 'no' },
    delivered: true,
  },
  {
    when: 'the device refused an older wish',
    updates: [BEFORE, wrote({ targetC: 22 })],
    word: word(1, { '/targetC': { outcome: 'refused', code: 'old' } }),
    expected: undefined,
  },
  {
    when: 'the device refuses the object above',
    patch: { climate: { targetC: 22 } },
    updates: [BEFORE, wrote({ climate: { targetC: 22 } })],
    word: word(2, { '/climate': { outcome: 'refused', code: 'unsupported' } }),
    expected: { outcome: 'refused', code: 'unsupported' },
    delivered: true,
  },
  {
    when: 'the device retries',
    updates: [BEFORE, wrote({ targetC: 22 })],
    word: word(2, { '/targetC': { outcome: 'retrying', code: 'busy', retryAt: 5 } }),
    expected: { outcome: 'retrying', code: 'busy', retryAt: 5 as never },
    delivered: true,
  },
  {
    when: 'a person holds the field',
    updates: [BEFORE, wrote({ targetC: 22 })],
    word: word(2, { '/targetC': { outcome: 'overridden', by: 'panel', until: 9 } }),
    expected: { outcome: 'overridden', by: 'panel', until: 9 as never },
    delivered: true,
  },
  {
    when: 'it takes effect at a restart',
    updates: [BEFORE, wrote({ targetC: 22 })],
    word: word(2, { '/targetC': { outcome: 'deferred', until: 'restart' } }),
    expected: { outcome: 'deferred', until: 'restart' },
    delivered: true,
  },
  // Overwritten
  {
    when: 'a foreign write changes the field',
    updates: [BEFORE, wrote({ targetC: 22 }), desired(3, { targetC: 5 }, 'console')],
    expected: { outcome: 'superseded', by: { kind: 'foreign', version: 3, clientToken: 'console' as never } },
  },
  {
    when: 'a foreign write sets the same value',
    updates: [BEFORE, wrote({ targetC: 22 }), desired(3, { targetC: 22 }, 'console')],
    expected: undefined,
  },
  {
    when: 'the field is removed',
    updates: [BEFORE, wrote({ targetC: 22 }), desired(3, { targetC: null })],
    expected: { outcome: 'superseded', by: { kind: 'unknown', version: 3 } },
  },
  {
    when: 'the section is removed',
    updates: [BEFORE, wrote({ targetC: 22 }), desired(3, null)],
    expected: { outcome: 'superseded', by: { kind: 'unknown', version: 3 } },
  },
  {
    when: 'the object above becomes a scalar',
    patch: { a: { b: 1 } },
    updates: [BEFORE, wrote({ a: { b: 1 } }), desired(3, { a: 7 }, 'x')],
    expected: { outcome: 'superseded', by: { kind: 'foreign', version: 3, clientToken: 'x' as never } },
  },
  // Seed 1136: who wrote before the command did not follow it
  {
    when: 'what stands there is older than the command',
    updates: [desired(1, { targetC: 5 }, 'console'), reported(2, { fan: 1 })],
    expected: { outcome: 'superseded', by: { kind: 'unknown', version: 1 } },
  },
  // B1: reported first, overwritten then
  {
    when: 'the value was truly reported before it was overwritten',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 22 }), desired(4, { targetC: 5 })],
    expected: { outcome: 'confirmed' },
    delivered: true,
  },
  {
    when: 'the reconciler had answered V before it was overwritten',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 22 }), desired(4, { targetC: 5 })],
    word: word(2),
    expected: { outcome: 'confirmed' },
    delivered: true,
  },
  {
    when: 'the reconciler has already seen what overwrote it',
    updates: [BEFORE, wrote({ targetC: 22 }), desired(3, { targetC: 5 }, 'x'), reported(4, { targetC: 22 })],
    word: word(3),
    expected: { outcome: 'superseded' },
    delivered: true,
  },
  // B2: A, B, A again
  {
    when: 'B was asked between two A that the device reported all along',
    patch: { mode: 'b' },
    updates: [
      reported(1, { mode: 'a' }),
      wrote({ mode: 'b' }),
      desired(3, { mode: 'a' }, 'x'),
      reported(4, { mode: 'a' }),
    ],
    expected: { outcome: 'superseded' },
  },
  // B8, B9
  {
    when: 'the shadow began a new life',
    updates: [BEFORE, wrote({ targetC: 22 })],
    command: { incarnation: 0 },
    expected: { outcome: 'superseded', by: { kind: 'deleted' } },
  },
  // Taken back by the device
  {
    when: 'what the device listed before is over',
    updates: [BEFORE, wrote({ targetC: 22 }), reported(3, { targetC: 21 })],
    word: word(2),
    command: { fields: [{ field: '/targetC' as never, desired: 22, state: { outcome: 'applying' } }] },
    expected: { outcome: 'pending' },
    delivered: true,
  },
  // The view is behind
  { when: 'the view has not reached V', updates: [BEFORE], expected: undefined },
  // An empty object asks for an object to be there (R38)
  {
    when: 'somebody filled the empty object asked for',
    patch: { slot: {} },
    updates: [BEFORE, wrote({ slot: {} }), desired(3, { slot: { x: 1 } })],
    expected: undefined,
  },
])(
  'when $when: $expected',
  ({ patch = { targetC: 22 }, updates, word: said, model = NO_MODEL, command, expected, delivered = false }) => {
    const view = sightAfter(updates).view as ShadowView;

    const findings = judge(aCommand(patch, { ...SENT, ...command }), {
      view,
      ...(said === undefined ? {} : { word: said }),
      model,
    });

    if (expected === undefined) expect(findings.fields).toEqual([]);
    else expect(findings.fields[0]?.state).toMatchObject(expected);
    expect(findings.delivered).toBe(delivered);
  },
);

test('another command of ours that overwrote a field is named', () => {
  const own = sightAfter([BEFORE, wrote({ targetC: 22 })]);
  const view = sightAfter([BEFORE, wrote({ targetC: 22 }), desired(3, { targetC: 5 })], () =>
    commandSource({ id: commandId(9), author: 'ben' }),
  ).view as ShadowView;
  expect(own.view?.version).toBe(2);

  const [finding] = judge(aCommand(undefined, SENT), { view, model: NO_MODEL }).fields;

  expect(finding?.state).toEqual({ outcome: 'superseded', by: { kind: 'command', commandId: commandId(9) } });
});

test.each([
  { reportedStamp: 1_800_000_002, outcome: 'confirmed' },
  { reportedStamp: 1_800_000_001, outcome: undefined },
])('a value that only a get shows, stamped $reportedStamp, is $outcome', ({ reportedStamp, outcome }) => {
  const read: ReadShadow = {
    version: 9,
    state: { desired: { targetC: 22 }, reported: { targetC: 22 } },
    metadata: {
      desired: { targetC: { timestamp: 1_800_000_002 } },
      reported: { targetC: { timestamp: reportedStamp } },
    },
  };
  const place = { ref: HEATER, now: T0 };
  const view = seeSnapshot({ view: absentView(HEATER, 1, T0), held: [] }, read, place).sight.view as ShadowView;

  const findings = judge(aCommand(undefined, SENT), { view, model: NO_MODEL });

  expect(findings.fields.map(({ state }) => state.outcome)).toEqual(outcome === undefined ? [] : [outcome]);
});

test('seed 43683: an empty array that only a get shows proves nothing, for neither it nor the wish carries a stamp', () => {
  const read: ReadShadow = {
    version: 9,
    state: { desired: { zones: [] }, reported: { zones: [] } },
    metadata: { desired: { zones: [] }, reported: { zones: [] } },
  };
  const place = { ref: HEATER, now: T0 };
  const view = seeSnapshot({ view: absentView(HEATER, 1, T0), held: [] }, read, place).sight.view as ShadowView;

  const command = aCommand({ zones: [] }, { ...SENT, versionFrom: 'get', stamp: 0 });

  expect(judge(command, { view, model: NO_MODEL }).fields).toEqual([]);
});

test('judging twice says nothing new: it is level-triggered', () => {
  const view = sightAfter([BEFORE, wrote({ targetC: 22 })]).view as ShadowView;
  const said = word(2, { '/targetC': { outcome: 'retrying', code: 'busy' } });
  const command = aCommand(undefined, SENT);
  const [finding] = judge(command, { view, word: said, model: NO_MODEL }).fields;

  const after = { ...command, fields: command.fields.map((own) => ({ ...own, state: finding?.state ?? own.state })) };

  expect(judge(after, { view, word: said, model: NO_MODEL }).fields).toEqual([]);
});

test.each([
  { when: 'the device knows only the wish', knows: 2, past: false },
  { when: 'the device has taken into account what came after it', knows: 3, past: true },
  { when: 'nothing came after it', knows: 9, stands: true, past: false },
])('$when: whether the wish is past for the device is $past (seed 197)', ({ knows, stands, past }) => {
  const updates = [BEFORE, wrote({ targetC: 22 }), ...(stands === true ? [] : [desired(3, { targetC: null })])];
  const view = sightAfter(updates).view as ShadowView;
  const command = aCommand(undefined, SENT);

  expect(command.fields.map((field) => isPast(field, command, { view, word: word(knows, {}) }))).toEqual([past]);
});
