import { expect, test } from 'vitest';
import { epochMs, monotonicMs } from '../../../../src/core/brand.ts';
import { nextDirect, type DirectContext } from '../../../../src/core/direct/device-next.ts';
import {
  DEFAULT_DIRECT_LIMITS,
  type DirectEffect,
  type DirectEvent,
  type DirectState,
  type Job,
} from '../../../../src/core/direct/device-state.ts';
import type { DirectRequest, DirectResponse } from '../../../../src/core/direct/messages.ts';

/** Every state of one command with every event: what the device does. A forgotten pair is a type error. */

const NOW = 50_000;
const request: DirectRequest = {
  id: 'c1',
  name: 'ring',
  args: {},
  issuedAt: epochMs(1_000_000),
  expiresAt: epochMs(1_300_000),
  attempt: 1,
};
const late: DirectRequest = { ...request, expiresAt: epochMs(1_000_000) };
const stored: DirectResponse = { id: 'c1', status: 'succeeded', result: 1 };

type StateName =
  'unseen' | 'waiting for time' | 'behind a gap' | 'at work' | 'at work, announced' | 'at work, cancelled' | 'answered';
const held = (more: Partial<Job> = {}): Job => ({ phase: 'held', request, ...more });
const running = (more: Partial<Job> = {}): Job => ({ phase: 'running', request, ...more });
const second = { ...request, sequence: { key: 'k', number: 2 } };

const JOBS: Record<StateName, Job | undefined> = {
  unseen: undefined,
  'waiting for time': held(),
  'behind a gap': held({ request: second, gapUntil: monotonicMs(NOW) }),
  'at work': running({ tellAt: monotonicMs(NOW + 100) }),
  'at work, announced': running({ toldAt: monotonicMs(NOW - 10_000), tellAt: monotonicMs(NOW) }),
  'at work, cancelled': running({ cancelled: true, toldAt: monotonicMs(NOW) }),
  answered: undefined,
};

const EVENTS = {
  request: { type: 'request', request, full: false },
  'late request': { type: 'request', request: late, full: false },
  'request, no room': { type: 'request', request, full: true },
  cancel: { type: 'request', request: { ...request, cancel: true }, full: false },
  'service time': { type: 'service_time', service: { at: epochMs(1_100_000), since: monotonicMs(NOW) } },
  'service time, later': { type: 'service_time', service: { at: epochMs(1_400_000), since: monotonicMs(NOW) } },
  progress: { type: 'progress', id: 'c1', progress: { percent: 50 } },
  succeeded: { type: 'ended', id: 'c1', outcome: { type: 'succeeded', result: 1 } },
  failed: { type: 'ended', id: 'c1', outcome: { type: 'failed', problem: { code: 'jammed', message: 'x' } } },
  not_begun: { type: 'not_begun', id: 'c1' },
  tick: { type: 'tick' },
  up: { type: 'up' },
  down: { type: 'down' },
  stop: { type: 'stop' },
} as const satisfies Record<string, DirectEvent>;
type EventName = keyof typeof EVENTS;

/** The effects, shortly: `begin`, `abort`, `tell accepted`, `conclude rejected expired`, `answer succeeded`, … */
function shortly(effect: DirectEffect): string {
  switch (effect.type) {
    case 'tell':
      return `tell ${effect.response.status}`;
    case 'conclude': {
      const { status, problem } = effect.reply.response;
      return ['conclude', status, problem?.code].filter((part) => part !== undefined).join(' ');
    }
    case 'answer':
      return ['answer', effect.response.status, effect.response.problem?.code]
        .filter((part) => part !== undefined)
        .join(' ');
    default:
      return effect.type;
  }
}

const nothing: string[] = [];
const quiet = { up: ['catch_up'], down: nothing, stop: nothing };
const EXPECTED: Record<StateName, Record<EventName, string[]>> = {
  unseen: {
    request: ['begin'],
    'late request': ['conclude rejected expired'],
    'request, no room': ['answer rejected busy'],
    cancel: ['conclude rejected cancelled'],
    'service time': nothing,
    'service time, later': nothing,
    progress: nothing,
    succeeded: nothing,
    failed: nothing,
    not_begun: nothing,
    tick: nothing,
    ...quiet,
  },
  'waiting for time': {
    request: nothing,
    'late request': nothing,
    'request, no room': nothing,
    cancel: ['conclude rejected cancelled'],
    'service time': ['begin'],
    'service time, later': ['conclude rejected expired'],
    progress: nothing,
    succeeded: nothing,
    failed: nothing,
    not_begun: nothing,
    tick: nothing,
    ...quiet,
  },
  'behind a gap': {
    request: ['conclude rejected out_of_order'],
    'late request': ['conclude rejected out_of_order'],
    'request, no room': ['conclude rejected out_of_order'],
    cancel: ['conclude rejected cancelled'],
    'service time': ['conclude rejected out_of_order'],
    'service time, later': ['conclude rejected expired'],
    progress: ['conclude rejected out_of_order'],
    succeeded: ['conclude rejected out_of_order'],
    failed: ['conclude rejected out_of_order'],
    not_begun: ['conclude rejected out_of_order'],
    tick: ['conclude rejected out_of_order'],
    up: ['catch_up', 'conclude rejected out_of_order'],
    down: nothing,
    stop: nothing,
  },
  'at work': {
    request: nothing,
    'late request': nothing,
    'request, no room': nothing,
    cancel: ['abort', 'tell accepted'],
    'service time': nothing,
    'service time, later': nothing,
    progress: nothing,
    succeeded: ['conclude succeeded'],
    failed: ['conclude failed jammed'],
    not_begun: ['conclude rejected busy'],
    tick: nothing,
    ...quiet,
  },
  'at work, announced': {
    request: ['tell accepted'],
    'late request': ['tell accepted'],
    'request, no room': ['tell accepted'],
    cancel: ['abort', 'tell accepted'],
    'service time': nothing,
    'service time, later': nothing,
    progress: ['tell in_progress'],
    succeeded: ['conclude succeeded'],
    failed: ['conclude failed jammed'],
    not_begun: ['conclude rejected busy'],
    tick: ['tell accepted'],
    ...quiet,
  },
  'at work, cancelled': {
    request: ['tell accepted'],
    'late request': ['tell accepted'],
    'request, no room': ['tell accepted'],
    cancel: ['tell accepted'],
    'service time': nothing,
    'service time, later': nothing,
    progress: nothing,
    succeeded: ['conclude succeeded'],
    failed: ['conclude failed cancelled'],
    not_begun: ['conclude rejected cancelled'],
    tick: nothing,
    ...quiet,
  },
  answered: {
    request: ['answer succeeded'],
    'late request': ['answer succeeded'],
    'request, no room': ['answer succeeded'],
    cancel: ['answer succeeded'],
    'service time': nothing,
    'service time, later': nothing,
    progress: nothing,
    succeeded: nothing,
    failed: nothing,
    not_begun: nothing,
    tick: nothing,
    ...quiet,
  },
};

const context = (more: Partial<DirectContext> = {}): DirectContext => ({
  now: monotonicMs(NOW),
  commands: new Map([['ring', { idempotent: false, violation: () => undefined, stateNow: () => undefined }]]),
  limits: DEFAULT_DIRECT_LIMITS,
  ...more,
});

function stateWith(...jobs: (Job | undefined)[]): DirectState {
  const known = jobs.filter((job) => job !== undefined);
  return {
    link: 'up',
    service: { at: epochMs(1_100_000), since: monotonicMs(NOW) },
    jobs: new Map(known.map((job) => [job.request.id, job])),
    sequences: new Map(),
    stopping: false,
  };
}

const PAIRS = (Object.keys(EXPECTED) as StateName[]).flatMap((state) =>
  (Object.keys(EVENTS) as EventName[]).map((event) => ({ state, event, effects: EXPECTED[state][event] })),
);

test.each(PAIRS)('a command that is $state, $event: $effects', ({ state: name, event: eventName, effects }) => {
  const state = stateWith(JOBS[name]);
  if (name === 'waiting for time') delete (state as { service?: unknown }).service;
  const event: DirectEvent = EVENTS[eventName];
  const given = name === 'answered' && event.type === 'request' ? { ...event, stored } : event;
  const before = JSON.stringify([...state.jobs]);
  expect(nextDirect(state, given, context()).effects.map(shortly)).toEqual(effects);
  expect(JSON.stringify([...state.jobs])).toBe(before);
});

test('at most runningMax handlers work at a time, and the next one begins when one has ended', () => {
  const limits = { ...DEFAULT_DIRECT_LIMITS, runningMax: 2 };
  const work = (id: string): Job => running({ request: { ...request, id } });
  const full = stateWith(work('a'), work('b'), held({ request: { ...request, id: 'c' } }));
  expect(nextDirect(full, { type: 'tick' }, context({ limits })).effects).toEqual([]);
  const ended = nextDirect(full, { type: 'ended', id: 'a', outcome: { type: 'succeeded' } }, context({ limits }));
  expect(ended.effects.map(shortly)).toEqual(['conclude succeeded', 'begin']);
});

test('more than heldMax waiting commands are refused as busy', () => {
  const limits = { ...DEFAULT_DIRECT_LIMITS, heldMax: 1 };
  const state = stateWith(held({ request: { ...second, id: 'waits' } }));
  expect(nextDirect(state, EVENTS.request, context({ limits })).effects.map(shortly)).toContain('answer rejected busy');
});

test('the order used longest ago is forgotten when there are too many', () => {
  const limits = { ...DEFAULT_DIRECT_LIMITS, keysMax: 2 };
  let state: DirectState = {
    ...stateWith(),
    sequences: new Map([
      ['old', 7],
      ['used', 3],
    ]),
  };
  const sequence = { key: 'used', number: 4 };
  state = nextDirect(state, { ...EVENTS.request, request: { ...request, sequence } }, context({ limits })).state;
  state = nextDirect(state, EVENTS.succeeded, context({ limits })).state;
  const other = { ...request, id: 'c2', sequence: { key: 'new', number: 1 } };
  state = nextDirect(state, { ...EVENTS.request, request: other }, context({ limits })).state;
  const { state: last, effects } = nextDirect(state, { ...EVENTS.succeeded, id: 'c2' }, context({ limits }));
  expect([...last.sequences]).toEqual([
    ['used', 4],
    ['new', 1],
  ]);
  expect(effects).toContainEqual({ type: 'forget_sequence', key: 'old' });
});

test('what is refused does not count in its order, what failed does', () => {
  const first = { ...request, sequence: { key: 'k', number: 1 } };
  const begun = nextDirect(stateWith(), { ...EVENTS.request, request: first }, context()).state;
  const refused = { type: 'rejected', problem: { code: 'not_running', message: 'x' } } as const;
  expect(nextDirect(begun, { type: 'ended', id: 'c1', outcome: refused }, context()).state.sequences.size).toBe(0);
  expect(nextDirect(begun, EVENTS.failed, context()).state.sequences.get('k')).toBe(1);
});
