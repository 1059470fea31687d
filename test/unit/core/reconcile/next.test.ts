import { expect, test } from 'vitest';
import { monotonicMs, type ClientToken } from '../../../../src/core/brand.ts';
import { NO_MODEL } from '../../../../src/core/model/model.ts';
import { DEFAULT_LIMITS } from '../../../../src/core/reconcile/limits.ts';
import { next } from '../../../../src/core/reconcile/next.ts';
import type { ShadowEvent } from '../../../../src/core/reconcile/shadow-event.ts';
import {
  initialState,
  type PassOutcome,
  type ShadowEffect,
  type ShadowState,
} from '../../../../src/core/reconcile/shadow-state.ts';
import type { NextContext } from '../../../../src/core/reconcile/talk.ts';

/** Every state of the conversation with every event: what the device does. A forgotten pair is a type error. */

const NOW = 1_000_000;
const token = (text: string): ClientToken => text as ClientToken;
const context: NextContext = {
  now: monotonicMs(NOW),
  fraction: 0.5,
  tokenPrefix: 'own-',
  model: NO_MODEL,
  limits: DEFAULT_LIMITS,
};
const view = { version: 5, desired: { a: 1 }, reported: { a: 1, reconciler: { version: 5 } } };
const field = '/a' as never;
/** What a pass found; `a` is 2 now, which nobody has been told. */
const found = (must = false): PassOutcome => ({
  version: 5,
  must,
  readings: new Map([[field, { value: 2 }]]),
  states: new Map(),
  adopt: [],
  unfinished: false,
});
const due = { ask: monotonicMs(NOW), report: monotonicMs(NOW), gap: monotonicMs(NOW), poll: monotonicMs(NOW) };

type StateName = keyof typeof STATES;
const down = initialState({ incarnation: 0, bytesMax: 8_192, localSpacingMs: 1_000 });
const idle: ShadowState = { ...down, link: 'up', synced: true, view, woken: 5, lastOwnVersion: 5 };
const STATES = {
  down,
  asking: { ...down, link: 'up', ask: { token: token('own-1'), told: 0 }, timers: { ...down.timers, ask: due.ask } },
  idle,
  passing: { ...idle, running: 0 },
  reporting: {
    ...idle,
    report: { token: token('own-2'), outcome: found(true), adopting: false },
    timers: { ...down.timers, report: due.report },
  },
  'behind a gap': { ...idle, awaiting: 7, timers: { ...down.timers, gap: due.gap } },
  'without a shadow': { ...down, link: 'up', synced: true },
  stopping: { ...idle, stopping: true },
} as const satisfies Record<string, ShadowState>;

const EVENTS = {
  up: { type: 'up' },
  down: { type: 'down' },
  'our document': { type: 'document', clientToken: token('own-1'), view: { ...view, version: 6 } },
  "somebody's document": { type: 'document', clientToken: token('app'), view: { ...view, version: 6 } },
  'our 404': { type: 'get_rejected', clientToken: token('own-1'), code: 404 },
  'our 429': { type: 'get_rejected', clientToken: token('own-1'), code: 429 },
  'the next wish': { type: 'accepted', patch: { version: 6, clientToken: token('app'), desired: { a: 3 } } },
  'a later wish': { type: 'accepted', patch: { version: 8, clientToken: token('app'), desired: { a: 3 } } },
  'an old wish': { type: 'accepted', patch: { version: 4, clientToken: token('app'), desired: { a: 3 } } },
  'our report, accepted': {
    type: 'accepted',
    patch: { version: 6, clientToken: token('own-2'), reported: { a: 2 }, stampS: 1_800_000_000 },
  },
  'a delta told of': { type: 'delta', version: 6, clientToken: token('app') },
  'our own delta': { type: 'delta', version: 6, clientToken: token('own-2') },
  'our report, 409': { type: 'update_rejected', clientToken: token('own-2'), code: 409, message: '' },
  'our report, 413': { type: 'update_rejected', clientToken: token('own-2'), code: 413, message: '' },
  'our report, 500': { type: 'update_rejected', clientToken: token('own-2'), code: 500, message: '' },
  'our report, 400': { type: 'update_rejected', clientToken: token('own-2'), code: 400, message: '' },
  deleted: { type: 'deleted', version: 5 },
  'pass ended': { type: 'pass_ended', outcome: found() },
  'local change': { type: 'local_change' },
  'call settled': { type: 'call_settled' },
  tick: { type: 'tick' },
  stop: { type: 'stop' },
} as const satisfies Record<string, ShadowEvent>;
type EventName = keyof typeof EVENTS;

/** `get`, `look`, `answer` (a pass that must report), `report`, `rearm`, …; notes by their level. */
function shortly(effect: ShadowEffect): string {
  switch (effect.type) {
    case 'pass':
      return effect.must ? 'answer' : 'look';
    case 'update':
      return 'report';
    case 'note':
      return effect.note.level;
    default:
      return effect.type;
  }
}

/** What most states make of most events: a message that is not for us, or not now, has no effect. */
const SILENT: Record<EventName, string> = {
  up: '',
  down: '',
  'our document': '',
  "somebody's document": '',
  'our 404': '',
  'our 429': '',
  'the next wish': '',
  'a later wish': '',
  'an old wish': '',
  'our report, accepted': '',
  'a delta told of': '',
  'our own delta': '',
  'our report, 409': '',
  'our report, 413': '',
  'our report, 500': '',
  'our report, 400': '',
  deleted: '',
  'pass ended': '',
  'local change': '',
  'call settled': '',
  tick: '',
  stop: '',
};

const EXPECTED: Record<StateName, Record<EventName, string>> = {
  down: {
    ...SILENT,
    up: 'get',
  },
  asking: {
    ...SILENT,
    up: 'get',
    'our document': 'answer',
    'our 404': 'answer',
    'our 429': 'warn',
    deleted: 'get',
    tick: 'warn',
  },
  idle: {
    ...SILENT,
    up: 'get',
    'the next wish': 'rearm answer',
    // No report is on its way: one that was doubled, on top of whatever came since.
    'our report, accepted': 'look',
    deleted: 'info get',
    // No pass of this life of the shadow: what it found does not count.
    'pass ended': 'answer',
    'local change': 'look',
    'call settled': 'look',
  },
  passing: {
    ...SILENT,
    up: 'get',
    'the next wish': 'rearm',
    deleted: 'info get',
    'pass ended': 'report',
  },
  reporting: {
    ...SILENT,
    up: 'get',
    'the next wish': 'rearm answer',
    'our report, accepted': 'remember',
    'our report, 413': 'report',
    'our report, 500': 'warn',
    'our report, 400': 'error',
    deleted: 'info get',
    'pass ended': 'answer',
    'local change': 'look',
    'call settled': 'look',
    tick: 'warn get',
  },
  'behind a gap': {
    ...SILENT,
    up: 'get',
    'the next wish': 'rearm answer',
    'our report, accepted': 'look',
    deleted: 'info get',
    'pass ended': 'answer',
    'local change': 'look',
    'call settled': 'look',
    tick: 'get',
  },
  'without a shadow': {
    ...SILENT,
    up: 'get',
    'the next wish': 'get',
    'a later wish': 'get',
    'an old wish': 'get',
    'our report, accepted': 'get',
    deleted: 'get',
    'pass ended': 'answer',
    'local change': 'look',
    'call settled': 'look',
  },
  stopping: {
    ...SILENT,
    up: 'get',
    'the next wish': 'rearm',
    deleted: 'info get',
  },
};

const PAIRS = (Object.keys(STATES) as StateName[]).flatMap((state) =>
  (Object.keys(EVENTS) as EventName[]).map((event) => ({ state, event, does: EXPECTED[state][event] })),
);

test.each(PAIRS)('$state, $event: $does', ({ state, event, does }) => {
  const before = JSON.stringify(STATES[state]);
  expect(next(STATES[state], EVENTS[event], context).effects.map(shortly).join(' ')).toBe(does);
  expect(JSON.stringify(STATES[state]), 'the state that went in').toBe(before);
});

test('after a 413 reports are smaller, and a new connection forgets that', () => {
  const refused = next(STATES.reporting, EVENTS['our report, 413'], context).state;
  expect(refused.bytesMax).toBe(6_144);
  expect(next(refused, EVENTS.down, context).state.bytesMax).toBe(DEFAULT_LIMITS.documentBytesMax);
});

test('the answer to the report that creates a shadow tells the service time', () => {
  const creating: ShadowState = { ...STATES.reporting, view: undefined as never };
  const { service } = next(creating, EVENTS['our report, accepted'], context).state;
  expect(service).toEqual({ at: 1_800_000_000_000, since: NOW });
});

test('seed 6722: what a pass of an earlier life of the shadow found is not reported in the next one', () => {
  const gone = next(STATES.passing, EVENTS.deleted, context);
  const asked = gone.effects.find(({ type }) => type === 'get');
  if (asked?.type !== 'get') throw new Error('it asks what became of the shadow');
  const reborn = { version: 2, desired: { a: 3 }, reported: {} };
  const known = next(gone.state, { type: 'document', clientToken: asked.token, view: reborn }, context);
  const after = next(known.state, { type: 'pass_ended', outcome: found(true) }, context);
  expect(after.effects).toEqual([{ type: 'pass', view: reborn, must: true }]);
});

test('nor is what waited behind a report on its way, when a get finds the shadow gone', () => {
  const asking: ShadowState = { ...STATES.reporting, running: 0, ask: { token: token('own-1'), told: 0 } };
  const waiting = next(asking, { type: 'pass_ended', outcome: found(true) }, context);
  const gone = next(waiting.state, EVENTS['our 404'], context);
  expect(gone.effects.map(shortly)).toEqual(['info', 'answer']);
  const refused = next(gone.state, EVENTS['our report, 409'], context);
  expect(refused.effects.map(shortly)).toEqual([]);
});

test('seeds 28446 and 68774: a replayed wish of an earlier life is not applied, although its version is the next one', () => {
  const stamped: ShadowState = { ...idle, view: { ...view, newestS: 2_000 } };
  const wish = (stampS: number): ShadowEvent => ({
    type: 'accepted',
    patch: { version: 6, clientToken: token('app'), desired: { a: 9 }, stampS },
  });
  const replayed = next(stamped, wish(1_999), context);
  expect(replayed.effects.map(shortly)).toEqual(['get']);
  expect(replayed.state.view?.desired).toEqual({ a: 1 });
  expect(next(stamped, wish(2_000), context).state.view?.desired).toEqual({ a: 9 });
});

test('seeds 38031 and 38561: a claim that a doubled report of ours took back is made anew, and only that', () => {
  const doubled = (version: number): ShadowEvent => ({
    type: 'accepted',
    patch: { version: 6, clientToken: token('own-1'), reported: { reconciler: { version } } },
  });
  expect(next(idle, doubled(4), context).effects.map(shortly)).toEqual(['answer']);
  expect(next(idle, doubled(5), context).effects.map(shortly)).toEqual(['look']);
});
