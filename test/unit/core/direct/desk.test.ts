import fc from 'fast-check';
import { expect, test } from 'vitest';
import { epochMs, type CommandId, type EpochMs, type ThingName } from '../../../../src/core/brand.ts';
import { VERDICT_OF, type CommandStatus } from '../../../../src/core/command/command.ts';
import { transactionOf, type DirectCommand } from '../../../../src/core/direct/direct-command.ts';
import {
  DIRECT_SETTINGS,
  type DirectDesk,
  type DirectEffect,
  type DirectEvent,
  type DirectStep,
} from '../../../../src/core/direct/direct-desk.ts';
import type { DirectResponse, ResponseStatus } from '../../../../src/core/direct/messages.ts';
import { newDirectCommand, type DirectWish } from '../../../../src/core/direct/new-direct-command.ts';
import { nextDirect, nextDirectLookAt, nextNumber, openDirectDesk } from '../../../../src/core/direct/next.ts';
import type { PresenceState } from '../../../../src/core/presence/presence.ts';

const thingName = 'door' as ThingName;
const T0 = epochMs(1_790_000_000_000);
const idOf = (number: number): CommandId => `019a9f00-0000-7000-8000-${String(number).padStart(12, '0')}` as CommandId;

/** A desk that is told what happens, with all it wants done. */
class Told {
  now = T0;
  desk: DirectDesk = openDirectDesk(
    thingName,
    { open: [], ended: [], sequences: new Map() },
    { thingName, state: 'online', since: T0, source: 'lifecycle' },
  );
  readonly effects: { effect: DirectEffect; at: EpochMs }[] = [];
  readonly seen = new Map<CommandId, DirectCommand>();
  readonly #fraction: number;

  constructor(fraction = 0.5) {
    this.#fraction = fraction;
    this.tell({ type: 'link', up: true });
  }

  tell(event: DirectEvent): DirectStep {
    const step = nextDirect(this.desk, event, this.context());
    this.desk = step.desk;
    for (const effect of step.effects) this.effects.push({ effect, at: this.now });
    for (const change of step.changes) if (change.type === 'command') this.seen.set(change.command.id, change.command);
    return step;
  }

  context() {
    return { now: this.now, settings: DIRECT_SETTINGS, fraction: () => this.#fraction };
  }

  create(number: number, wish: Partial<DirectWish> & { key?: string } = {}): CommandId {
    const { key, ...rest } = wish;
    const sequence = key === undefined ? undefined : { key, number: nextNumber(this.desk, key) };
    const made = newDirectCommand(
      { id: idOf(number), thingName, name: 'open', author: 'anna', sequence, ...rest },
      this.now,
    );
    if (!made.ok) throw new Error(made.problem.message);
    this.tell({ type: 'create', command: made.value, inGroup: false });
    return made.value.id;
  }

  answer(id: string, status: ResponseStatus, more: Partial<DirectResponse> = {}): DirectStep {
    return this.tell({ type: 'answered', response: { id, status, ...more } });
  }

  presence(state: PresenceState): void {
    this.tell({ type: 'presence', presence: { thingName, state, since: this.now, source: 'lifecycle' } });
  }

  /** Lets time pass, looking whenever the desk asked to be looked at. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let next = nextDirectLookAt(this.desk, this.context()); next !== undefined && next <= until;) {
      this.now = next;
      this.tell({ type: 'tick' });
      next = nextDirectLookAt(this.desk, this.context());
    }
    this.now = epochMs(until);
  }

  published(id: CommandId): void {
    this.tell({ type: 'published', id });
  }

  status(id: CommandId): CommandStatus | undefined {
    return this.seen.get(id)?.status;
  }
}

test('a command that is created goes out at once, and is stored first', () => {
  const told = new Told();
  const id = told.create(1);
  expect(told.effects).toMatchObject([{ effect: { type: 'publish', id, purpose: 'first', request: { attempt: 1 } } }]);
  told.published(id);
  expect(told.seen.get(id)).toMatchObject({ status: 'sent', attempts: 1 });
});

test('the device may be heard before the broker: what it said stands, and one request was sent, not two', () => {
  const told = new Told();
  const working = told.create(1);
  told.answer(working, 'in_progress');
  told.published(working);
  expect(told.seen.get(working)).toMatchObject({ status: 'delivered', attempts: 1, sentAt: T0 });

  const done = told.create(2);
  told.answer(done, 'succeeded');
  told.published(done);
  expect(told.seen.get(done)).toMatchObject({ status: 'succeeded', attempts: 1, sentAt: T0 });
});

test('without an answer it goes out again, less and less often, at most twelve times', () => {
  const told = new Told();
  const id = told.create(1, { applyWithinMs: 10_000_000, expiresInMs: 10_000_000 });
  told.published(id);
  for (let minute = 0; minute < 60; minute++) {
    told.pass(60_000);
    if (told.desk.sendings.get(id)?.stage === 'publishing') told.published(id);
  }
  const again = told.effects.filter(({ effect }) => effect.purpose === 'again');
  expect(again).toHaveLength(DIRECT_SETTINGS.attemptsMax - 1);
  expect(new Set(told.effects.map(({ effect }) => effect.request.id))).toEqual(new Set([id]));
});

test.each<[string, (told: Told, id: CommandId) => void, CommandStatus, string | undefined]>([
  ['no answer while online', (told) => told.pass(60_000), 'timed_out', 'no_answer'],
  ['an answer, but no end', (told, id) => (told.answer(id, 'accepted'), told.pass(60_000)), 'timed_out', 'stuck'],
  [
    'a cancel before any answer',
    (told, id) => void told.tell({ type: 'cancel', id, by: 'ops' }),
    'cancelled',
    undefined,
  ],
  [
    'the device stopping when asked',
    (told, id) => {
      told.answer(id, 'in_progress');
      told.tell({ type: 'cancel', id, by: 'ops' });
      told.answer(id, 'failed', { problem: { code: 'cancelled', message: '' } });
    },
    'cancelled',
    undefined,
  ],
  [
    'the device being faster than the cancel',
    (told, id) => {
      told.answer(id, 'in_progress');
      told.tell({ type: 'cancel', id, by: 'ops' });
      told.answer(id, 'succeeded');
    },
    'succeeded',
    undefined,
  ],
  [
    'the broker refusing it',
    (told, id) => void told.tell({ type: 'unpublished', id, code: 'transport_refused', refused: true }),
    'failed',
    'transport_refused',
  ],
])('%s ends it', (_, happen, status, statusReason) => {
  const told = new Told();
  const id = told.create(1);
  if (statusReason !== 'transport_refused') told.published(id);
  happen(told, id);
  expect([told.status(id), told.seen.get(id)?.statusReason]).toEqual([status, statusReason]);
});

test('while the device is away nothing is sent and the apply clock stands still; what was never sent expires', () => {
  const told = new Told();
  told.presence('offline');
  const id = told.create(1);
  told.pass(299_999);
  expect([told.effects.length, told.status(id)]).toEqual([0, 'queued']);
  told.pass(1);
  expect(told.status(id)).toBe('expired');
});

test('nothing ends while answers do not reach us, and then they get time to arrive', () => {
  const told = new Told();
  const id = told.create(1);
  told.published(id);
  told.tell({ type: 'link', up: false });
  told.pass(400_000);
  expect(told.seen.get(id)).toMatchObject({ status: 'sent', statusReason: 'unverified' });
  told.tell({ type: 'link', up: true });
  told.pass(DIRECT_SETTINGS.verifyMs - 1);
  expect(told.status(id)).toBe('sent');
  expect(told.effects.filter((each) => each.at >= each.effect.request.expiresAt)).toEqual([]);
  told.answer(id, 'succeeded');
  expect(told.status(id)).toBe('succeeded');
});

test('of one key the next command goes when the one before has ended, whatever its end', () => {
  const told = new Told();
  const [first, second, third] = [
    told.create(1, { key: 'k' }),
    told.create(2, { key: 'k' }),
    told.create(3, { key: 'k' }),
  ];
  const sent = (): CommandId[] => told.effects.map(({ effect }) => effect.id);
  expect(sent()).toEqual([first]);
  told.published(first);
  told.answer(first, 'failed', { problem: { code: 'x', message: '' } });
  expect(sent()).toEqual([first, second]);
  told.tell({ type: 'cancel', id: second, by: 'ops' });
  expect(sent().at(-1)).toBe(third);
  expect([first, second, third].map((id) => told.seen.get(id)?.sequence?.number)).toEqual([1, 2, 3]);
});

test.each<[string, ResponseStatus, Partial<DirectResponse>, number]>([
  ['success', 'succeeded', {}, 3],
  ['failure', 'failed', {}, 3],
  ['a refusal', 'rejected', { problem: { code: 'invalid_args', message: '' } }, 2],
  ['what the device says', 'succeeded', { sequence: { key: 'k', number: 9 } }, 10],
  [
    'a refusal because of the order',
    'rejected',
    { problem: { code: 'out_of_order', message: '' }, sequence: { key: 'k', number: 0 } },
    1,
  ],
])('after %s the numbers of a key go on where the device stands', (_, status, more, expected) => {
  const told = new Told();
  const first = told.create(1, { key: 'k' });
  told.published(first);
  told.answer(first, 'succeeded');
  const second = told.create(2, { key: 'k' });
  told.published(second);
  told.answer(second, status, more);
  expect(nextNumber(told.desk, 'k')).toBe(expected);
});

test('a result stands in the command, not in its history again', () => {
  const told = new Told();
  const id = told.create(1);
  const step = told.answer(id, 'succeeded', { result: 'x'.repeat(50_000) });
  const lines = step.changes.filter(({ type }) => type === 'timeline');
  expect(JSON.stringify(lines).length).toBeLessThan(2_000);
  expect(told.seen.get(id)?.result).toHaveLength(50_000);
});

test('D-13: progress takes a bounded number of lines, and the newest is known', () => {
  const told = new Told();
  const id = told.create(1, { applyWithinMs: 10_000_000, expiresInMs: 10_000_000 });
  told.published(id);
  let lines = 0;
  for (let step = 0; step < 1_000; step++) {
    told.pass(300);
    const { changes } = told.answer(id, 'in_progress', { progress: { percent: step / 10 } });
    lines += changes.filter(({ type }) => type === 'timeline').length;
  }
  expect(lines).toBeLessThanOrEqual(100);
  expect(told.seen.get(id)?.progress).toEqual({ percent: 99.9 });
});

type Move =
  | { do: 'create'; key: boolean }
  | { do: 'answer'; nth: number; status: ResponseStatus; code: string }
  | { do: 'published' | 'unpublished' | 'cancel'; nth: number }
  | { do: 'link'; up: boolean }
  | { do: 'presence'; state: PresenceState }
  | { do: 'pass'; ms: number };

const moves = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('create' as const), key: fc.boolean() }),
    fc.record({
      do: fc.constant('answer' as const),
      nth: fc.nat(8),
      status: fc.constantFrom<ResponseStatus>('accepted', 'in_progress', 'succeeded', 'failed', 'rejected'),
      code: fc.constantFrom('x', 'cancelled', 'out_of_order', 'expired'),
    }),
    fc.record({ do: fc.constantFrom('published' as const, 'unpublished' as const, 'cancel' as const), nth: fc.nat(8) }),
    fc.record({ do: fc.constant('link' as const), up: fc.boolean() }),
    fc.record({
      do: fc.constant('presence' as const),
      state: fc.constantFrom<PresenceState>('online', 'offline', 'unknown'),
    }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 120_000 }) }),
  ),
  { maxLength: 60 },
);

function move(told: Told, one: Move, count: number): void {
  switch (one.do) {
    case 'create':
      told.create(count, one.key ? { key: 'k' } : {});
      return;
    case 'answer': {
      const failed = one.status === 'failed' || one.status === 'rejected';
      told.answer(idOf(one.nth), one.status, failed ? { problem: { code: one.code, message: '' } } : {});
      return;
    }
    case 'published':
      if (told.desk.sendings.get(idOf(one.nth))?.stage === 'publishing') told.published(idOf(one.nth));
      return;
    case 'unpublished':
      told.tell({ type: 'unpublished', id: idOf(one.nth), code: 'transport_timeout', refused: false });
      return;
    case 'cancel':
      told.tell({ type: 'cancel', id: idOf(one.nth), by: 'ops' });
      return;
    case 'link':
      told.tell({ type: 'link', up: one.up });
      return;
    case 'presence':
      told.presence(one.state);
      return;
    case 'pass':
      told.pass(one.ms);
  }
}

test('whatever happens: one end, nothing sent after expiry or out of turn, and every command ends', () => {
  fc.assert(
    fc.property(moves, fc.double({ min: 0, max: 0.999, noNaN: true }), (script, fraction) => {
      const told = new Told(fraction);
      const ends = new Map<CommandId, CommandStatus>();
      let count = 0;
      for (const one of script) {
        if (one.do === 'create') count += 1;
        const before = told.effects.length;
        move(told, one, count);
        for (const { effect, at: when } of told.effects.slice(before)) {
          expect(when).toBeLessThan(effect.request.expiresAt);
          expect(effect.request.id).toBe(transactionOf(told.seen.get(effect.id) as DirectCommand));
          const { sequence } = effect.request;
          const earlier = [...told.desk.commands.values()].filter(
            (each) =>
              VERDICT_OF[each.status] === 'pending' && (each.sequence?.number ?? Infinity) < (sequence?.number ?? 0),
          );
          if (effect.purpose !== 'notice') expect(earlier).toEqual([]);
        }
        for (const [id, { status }] of told.seen) {
          const end = ends.get(id);
          if (end !== undefined && status !== end) expect([end, status]).toEqual([end, 'succeeded_late']);
          if (VERDICT_OF[status] !== 'pending') ends.set(id, status);
        }
      }
      told.tell({ type: 'link', up: true });
      told.presence('online');
      told.pass(10 * 60_000);
      for (const { status } of told.seen.values()) expect(VERDICT_OF[status]).not.toBe('pending');
    }),
    { numRuns: 300 },
  );
});
