import type { Scene } from './play.ts';

/** Short, so that the whole play takes seconds; in real life a minute and a week (DESIGN.md section 3). */
const APPLY_WITHIN_MS = 2_000;
const EXPIRES_IN_MS = 2_000;

/** Every verdict once, with the world that leads to it. */
export const SCENARIO: readonly Scene[] = [
  {
    title: 'An app sets a temperature; the heater applies it, reads it back and reports.',
    sends: [{ thingName: 'room-heater', desired: { targetC: 21.5 }, expected: { status: 'succeeded' } }],
  },
  {
    title: 'The same wish again: the device is asked, and nothing has to change.',
    sends: [{ thingName: 'room-heater', desired: { targetC: 21.5 }, expected: { status: 'succeeded', noop: true } }],
  },
  {
    title: 'Two fields of a named shadow at once.',
    sends: [
      {
        thingName: 'lobby-bulb',
        shadowName: 'light',
        desired: { on: true, brightness: 80 },
        expected: { status: 'succeeded' },
      },
    ],
  },
  {
    title: 'The model allows it, but this heater cannot: the device refuses, and desired goes back to what it was.',
    sends: [{ thingName: 'room-heater', desired: { fanSpeed: 9 }, expected: { status: 'failed' } }],
  },
  {
    title: 'Actions, once each: a visitor at the door, a heater that restarts, the log of a bulb.',
    sends: [
      {
        thingName: 'front-door',
        action: 'unlock',
        args: { visitor: 'Ada', seconds: 1 },
        expected: { status: 'succeeded' },
      },
      { thingName: 'room-heater', action: 'restart', expected: { status: 'succeeded' } },
      { thingName: 'lobby-bulb', action: 'send_log', args: { bytes: 2_000 }, expected: { status: 'succeeded' } },
    ],
  },
  {
    title: 'Stop before start: the motor refuses, and says how it is.',
    sends: [{ thingName: 'pump-motor', action: 'stop', expected: { status: 'failed' } }],
  },
  {
    title: 'The motor hangs, is asked twice, starts once. A step is called off: the next one comes out of order.',
    before: [{ type: 'freeze', part: 'motor' }],
    sends: [
      { thingName: 'pump-motor', action: 'start', sequence: 'run', expected: { status: 'succeeded' } },
      {
        thingName: 'pump-motor',
        action: 'speed',
        args: { rpm: 300 },
        sequence: 'run',
        expected: { status: 'cancelled' },
      },
      { thingName: 'pump-motor', action: 'stop', sequence: 'run', expected: { status: 'failed' } },
    ],
    // Behind a start that cannot end yet, the step waits in its line: whatever the machine, it never left.
    meanwhile: [
      { type: 'cancel', send: 1 },
      { type: 'asked_again', send: 0 },
      { type: 'thaw', part: 'motor' },
    ],
  },
  {
    title: 'From there the sequence goes on, step by step.',
    sends: [
      {
        thingName: 'pump-motor',
        action: 'speed',
        args: { rpm: 300 },
        sequence: 'run',
        expected: { status: 'succeeded' },
      },
      { thingName: 'pump-motor', action: 'stop', sequence: 'run', expected: { status: 'succeeded' } },
    ],
  },
  {
    title: 'One request for a group: each bulb answers for itself.',
    sends: [{ group: 'bulbs', action: 'send_log', args: { bytes: 300 }, expected: { status: 'succeeded' } }],
  },
  {
    title: 'The motor is switched off. Two wishes wait for it; the second takes the place of the first.',
    before: [{ type: 'stop', part: 'motor' }],
    sends: [
      { thingName: 'pump-motor', desired: { rpm: 900 }, expected: { status: 'superseded' } },
      { thingName: 'pump-motor', desired: { rpm: 1200 }, expected: { status: 'succeeded' } },
    ],
    meanwhile: [
      { type: 'kill', part: 'server' },
      { type: 'start', part: 'server' },
      { type: 'start', part: 'motor' },
    ],
  },
  {
    title:
      'The lock is connected but hangs: its time to act runs out. The bulb in the garage stays off: its wish expires.',
    before: [
      { type: 'freeze', part: 'lock' },
      { type: 'stop', part: 'garage bulb' },
    ],
    sends: [
      {
        thingName: 'front-door',
        desired: { locked: false },
        applyWithinMs: APPLY_WITHIN_MS,
        expected: { status: 'timed_out' },
      },
      { thingName: 'garage-bulb', desired: { on: true }, expiresInMs: EXPIRES_IN_MS, expected: { status: 'expired' } },
    ],
  },
  {
    title: 'The lock still hangs and answers no action. The next one in line waits behind it, and expires unsent.',
    sends: [
      {
        thingName: 'front-door',
        action: 'unlock',
        args: { visitor: 'Bob' },
        sequence: 'door',
        expiresInMs: EXPIRES_IN_MS * 2,
        expected: { status: 'timed_out' },
      },
      {
        thingName: 'front-door',
        action: 'unlock',
        args: { visitor: 'Cy' },
        sequence: 'door',
        expiresInMs: EXPIRES_IN_MS,
        expected: { status: 'expired' },
      },
    ],
  },
];
