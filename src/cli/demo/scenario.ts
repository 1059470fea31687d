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
    title: 'The lock is connected but hangs: its time to act runs out.',
    before: [{ type: 'freeze', part: 'lock' }],
    sends: [
      {
        thingName: 'front-door',
        desired: { locked: false },
        applyWithinMs: APPLY_WITHIN_MS,
        expected: { status: 'timed_out' },
      },
    ],
  },
  {
    title: 'The bulb in the garage is switched off and stays off: the wish expires.',
    before: [{ type: 'stop', part: 'garage bulb' }],
    sends: [
      { thingName: 'garage-bulb', desired: { on: true }, expiresInMs: EXPIRES_IN_MS, expected: { status: 'expired' } },
    ],
  },
];
