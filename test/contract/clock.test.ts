import { expect, test } from 'vitest';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { monotonicMs } from '../../src/core/brand.ts';
import { SimulatedClock } from '../../simulators/time/simulated-clock.ts';
import { eventually } from '../support/eventually.ts';
import { describeClock } from './clock.ts';

describeClock('the system clock', () => ({
  clock: new SystemClock(),
  until: async (condition) => {
    await eventually(condition, { everyMs: 1 });
  },
}));

describeClock('the simulated clock', () => {
  const clock = new SimulatedClock();
  return {
    clock,
    until: async (condition) => {
      for (let ms = 0; !condition(); ms++) {
        if (ms > 10_000) throw new Error('the condition stayed false for 10 simulated seconds');
        await clock.advance(1);
      }
    },
  };
});

test('the simulated clock reaches a timer beyond 2^31 ms exactly at its due time', async () => {
  const clock = new SimulatedClock();
  const due = monotonicMs(2 ** 31 + 5_000);
  let firedAt: number | undefined;
  clock.at(due, () => (firedAt = clock.monotonic()));
  await clock.advance(due - 1);
  expect(firedAt).toBeUndefined();
  await clock.advance(10);
  expect(firedAt).toBe(due);
});

test('the system clock waits for a far timer without spinning: Node never sees a length it would cut to 1 ms', async () => {
  const overflows: string[] = [];
  const listen = (warning: Error) => overflows.push(warning.name);
  process.on('warning', listen);
  const clock = new SystemClock();
  const cancel = clock.at(monotonicMs(clock.monotonic() + 2 ** 40), () => undefined);
  let passed = false;
  setTimeout(() => (passed = true), 5);
  await eventually(() => passed);
  cancel();
  process.off('warning', listen);
  expect(overflows).toEqual([]);
});
