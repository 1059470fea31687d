import { expect, test } from 'vitest';
import { epochMs, monotonicMs } from '../../../src/core/brand.ts';
import { SIMULATION_START, SimulatedClock } from '../../../simulators/time/simulated-clock.ts';

test('each timer sees its own due time, and promises settle before the next one fires', async () => {
  const clock = new SimulatedClock();
  const seen: string[] = [];
  clock.at(monotonicMs(10), () => {
    seen.push(`a at ${clock.monotonic()}`);
    void (async () => {
      for (let step = 0; step < 20; step++) await Promise.resolve();
      seen.push(`a settled at ${clock.monotonic()}`);
      clock.at(monotonicMs(15), () => seen.push(`set by a at ${clock.monotonic()}`));
    })();
  });
  clock.at(monotonicMs(20), () => seen.push(`b at ${clock.monotonic()}`));
  await clock.advance(100);
  expect(seen).toEqual(['a at 10', 'a settled at 10', 'set by a at 15', 'b at 20']);
  expect(clock.monotonic()).toBe(100);
});

test('setting the wall clock moves neither timers nor the monotonic clock', async () => {
  const clock = new SimulatedClock();
  let fired = false;
  clock.at(monotonicMs(1_000), () => (fired = true));
  clock.setWall(epochMs(0));
  await clock.advance(999);
  expect({ fired, wall: clock.wall(), monotonic: clock.monotonic() }).toEqual({
    fired: false,
    wall: 999,
    monotonic: 999,
  });
  await clock.advance(1);
  expect(fired).toBe(true);
});

test('a device with a wrong wall clock shares the timers of the world', async () => {
  const clock = new SimulatedClock();
  const device = clock.withWall(epochMs(0));
  let deviceWall: number | undefined;
  device.at(monotonicMs(50), () => (deviceWall = device.wall()));
  await clock.advance(60);
  expect(deviceWall).toBe(50);
  expect(clock.wall()).toBe(SIMULATION_START + 60);
});

test('a timer that re-arms itself for the same instant for ever is stopped with a reason', async () => {
  const clock = new SimulatedClock();
  const again = () => void clock.at(clock.monotonic(), again);
  again();
  await expect(clock.advance(1)).rejects.toThrow('timers let time go on');
});
