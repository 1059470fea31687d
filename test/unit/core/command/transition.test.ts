import { expect, test } from 'vitest';
import type { Command, CommandStatus } from '../../../../src/core/command/command.ts';
import type { CommandEvent, CommandEventType } from '../../../../src/core/command/events.ts';
import { transition } from '../../../../src/core/command/transition.ts';
import { aCommand, at, commandIn, field, writeId } from '../../../support/command-fixtures.ts';

const confirmed = { field: field('/targetC'), state: { outcome: 'confirmed' } } as const;

/** One event of each type, as it would come at its usual place. */
const EVENTS: { [Type in CommandEventType]: Extract<CommandEvent, { type: Type }> } = {
  carried: { type: 'carried', writeId: writeId(1) },
  accepted: { type: 'accepted', version: 7, from: 'accepted', incarnation: 1, stamp: 1, facts: [] },
  rejected: { type: 'rejected', code: 'payload_too_large', message: '413', by: 'service' },
  judged: { type: 'judged', findings: { version: 9, delivered: true, fields: [confirmed] } },
  overwritten: { type: 'overwritten', fields: [{ field: field('/targetC'), by: { kind: 'deleted' } }] },
  clock: { type: 'clock', run: true },
  jumped: { type: 'jumped', byMs: 5 },
  remark: { type: 'remark', reason: 'unverified' },
  deadline: { type: 'deadline', reason: 'no_answer' },
  unreachable: { type: 'unreachable' },
  cancel: { type: 'cancel', by: 'ben' },
  extend: { type: 'extend', by: 'ben', applyMoreMs: 1 },
  retried: { type: 'retried', by: 'ben' },
  ending: { type: 'ending', result: 'restored' },
};

/** The whole life cycle, every status by every event: a forgotten pair is a type error. */
const NEXT: Record<CommandStatus, Record<CommandEventType, CommandStatus>> = {
  queued: {
    ...stays('queued'),
    ...{ accepted: 'sent', rejected: 'failed', overwritten: 'superseded', deadline: 'expired' },
    ...{ unreachable: 'failed', cancel: 'cancelled' },
  },
  sent: { ...stays('sent'), judged: 'succeeded', deadline: 'expired', unreachable: 'failed', cancel: 'cancelled' },
  delivered: { ...stays('delivered'), judged: 'succeeded', deadline: 'timed_out', cancel: 'cancelled' },
  succeeded: stays('succeeded'),
  failed: stays('failed'),
  superseded: stays('superseded'),
  cancelled: stays('cancelled'),
  timed_out: { ...stays('timed_out'), judged: 'succeeded_late' },
  expired: { ...stays('expired'), judged: 'succeeded_late' },
  succeeded_late: stays('succeeded_late'),
};

function stays(status: CommandStatus): Record<CommandEventType, CommandStatus> {
  return Object.fromEntries(Object.keys(EVENTS).map((type) => [type, status])) as Record<
    CommandEventType,
    CommandStatus
  >;
}

const AFTER_EXPIRY = at(3_600_000);
const PAIRS = Object.entries(NEXT).flatMap(([status, row]) =>
  Object.entries(row).map(([type, next]) => [status, type, next] as [CommandStatus, CommandEventType, CommandStatus]),
);

test.each(PAIRS)('%s, then %s: %s', (status, type, next) => {
  const step = transition(commandIn(status), EVENTS[type], AFTER_EXPIRY);

  expect(step.command.status).toBe(next);
});

test.each(PAIRS)(
  '%s, then %s: an end has an instant and a stopped clock, and nothing is written into the command',
  (status, type) => {
    const before = deepFrozen(commandIn(status));

    const { command } = transition(before, EVENTS[type], AFTER_EXPIRY);

    const open = ['queued', 'sent', 'delivered'].includes(command.status);
    expect(command.endedAt !== undefined).toBe(!open);
    if (!open) expect(command.clock.runningSince).toBeUndefined();
  },
);

test.each(Object.keys(NEXT).filter((status) => !['queued', 'sent', 'delivered'].includes(status)) as CommandStatus[])(
  '%s is final: fields, reason and end stay, whatever comes but late proof',
  (status) => {
    const before = commandIn(status);
    for (const type of Object.keys(EVENTS) as CommandEventType[]) {
      if (type === 'judged' || type === 'ending') continue;
      const { command } = transition(before, EVENTS[type], AFTER_EXPIRY);
      expect(command).toMatchObject({ status, endedAt: before.endedAt, fields: before.fields });
    }
  },
);

test('a deadline that is not reached changes nothing', () => {
  const command = commandIn('delivered');

  expect(transition(command, EVENTS.deadline, at(10)).command).toBe(command);
});

test('the apply clock ends a command that was only sent as timed out, its outcome is unknown', () => {
  const command = commandIn('sent', { clock: { leftMs: 1_000, runningSince: at(0) } });

  expect(transition(command, EVENTS.deadline, at(1_000)).command).toMatchObject({
    status: 'timed_out',
    statusReason: 'no_answer',
    clock: { leftMs: 0 },
  });
});

test.each<[string, Command, CommandStatus]>([
  ['all confirmed', withOutcomes('confirmed', 'confirmed'), 'succeeded'],
  ['one refused', withOutcomes('confirmed', 'refused'), 'failed'],
  ['one refused and one superseded', withOutcomes('superseded', 'refused'), 'failed'],
  ['one superseded', withOutcomes('superseded', 'confirmed'), 'superseded'],
])('with no field open and %s the command ends %3$s', (_when, command, status) => {
  const fields = command.fields.map(({ field: name, state }) => ({ field: name, state }));
  const open = {
    ...command,
    fields: command.fields.map((own) => ({ ...own, state: { outcome: 'pending' as const } })),
  };

  const step = transition(open, { type: 'judged', findings: { version: 9, delivered: true, fields } }, at(1));

  expect(step.command.status).toBe(status);
});

test('a refused field does not end the command while another is open', () => {
  const command = commandIn('sent', { fields: aCommand({ a: 1, b: 2 }).fields });
  const refused = { field: field('/a'), state: { outcome: 'refused', code: 'no', message: '' } } as const;

  const step = transition(
    command,
    { type: 'judged', findings: { version: 9, delivered: true, fields: [refused] } },
    at(1),
  );

  expect(step.command).toMatchObject({ status: 'delivered', deliveredAt: at(1) });
  expect(step.remark).toMatchObject({ event: 'delivered', by: 'device' });
});

test('a closed field keeps its outcome, whatever later findings say', () => {
  const command = commandIn('sent', {
    fields: [{ field: field('/a'), desired: 1, state: { outcome: 'confirmed' } }, ...aCommand({ b: 2 }).fields],
  });
  const refused = { field: field('/a'), state: { outcome: 'refused', code: 'no', message: '' } } as const;

  const step = transition(
    command,
    { type: 'judged', findings: { version: 9, delivered: false, fields: [refused] } },
    at(1),
  );

  expect(step.command).toBe(command);
});

test('a null leaf is confirmed by acceptance, as removed', () => {
  const step = transition(aCommand({ targetC: null }), EVENTS.accepted, at(1));

  expect(step.command).toMatchObject({
    status: 'succeeded',
    fields: [{ state: { outcome: 'confirmed', reason: 'removed' } }],
  });
});

test('success of fields that all were so before is marked as a no-op', () => {
  const command = commandIn('sent', {
    fields: aCommand().fields.map((own) => ({ ...own, alreadyEqual: true as const })),
  });

  expect(transition(command, EVENTS.judged, at(1)).command).toMatchObject({ status: 'succeeded', noop: true });
});

test('extending adds to what is left of the apply clock, moves expiry, and takes back "unverified"', () => {
  const command = commandIn('sent', { clock: { leftMs: 1_000, runningSince: at(0) }, statusReason: 'unverified' });

  const step = transition(command, { type: 'extend', by: 'ben', applyMoreMs: 500, expiresAt: at(9_000_000) }, at(400));

  expect(step.command.clock).toEqual({ leftMs: 1_100, runningSince: at(400) });
  expect(step.command.policy.expiresAt).toBe(at(9_000_000));
  expect(step.command.statusReason).toBeUndefined();
});

test('a second acceptance of a command, by an older attempt, does not move its version', () => {
  const command = commandIn('sent');

  expect(transition(command, EVENTS.accepted, at(1)).command).toBe(command);
});

test('a write that was accepted after the end is put down, so that desired can be restored', () => {
  const { version: _, incarnation: __, ...unwritten } = commandIn('cancelled');

  const step = transition(unwritten, EVENTS.accepted, at(1));

  expect(step.command).toMatchObject({ status: 'cancelled', version: 7, incarnation: 1 });
});

function withOutcomes(first: 'confirmed' | 'superseded', second: 'confirmed' | 'refused'): Command {
  const states = {
    confirmed: { outcome: 'confirmed' },
    refused: { outcome: 'refused', code: 'no', message: '' },
    superseded: { outcome: 'superseded', by: { kind: 'deleted' } },
  } as const;
  return commandIn('sent', {
    fields: [
      { field: field('/a'), desired: 1, state: states[first] },
      { field: field('/b'), desired: 2, state: states[second] },
    ],
  });
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(deepFrozen);
  }
  return value;
}
