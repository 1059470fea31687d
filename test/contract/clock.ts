import { describe, expect, test } from 'vitest';
import { monotonicMs } from '../../src/core/brand.ts';
import type { Clock } from '../../src/ports/clock.ts';

export interface ClockUnderTest {
  readonly clock: Clock;
  /** Lets time pass until the condition holds. */
  until(condition: () => boolean): Promise<void>;
}

/** The promises of `src/ports/clock.ts`, for every implementation. */
export function describeClock(name: string, open: () => ClockUnderTest): void {
  describe(`the clock port, kept by ${name}`, () => {
    test('timers fire in the order of their due times, ties in the order they were set', async () => {
      const { clock, until } = open();
      const start = clock.monotonic();
      const fired: string[] = [];
      const set = (name: string, inMs: number) => clock.at(monotonicMs(start + inMs), () => fired.push(name));
      set('late', 12);
      set('tie 1', 8.5);
      set('tie 2', 8.5);
      set('just before', 8.25);
      set('past', -5);
      set('further past', -6);
      await until(() => fired.length === 6);
      expect(fired).toEqual(['further past', 'past', 'just before', 'tie 1', 'tie 2', 'late']);
    });

    test('a timer fires once, never early and never inside the call that set it', async () => {
      const { clock, until } = open();
      const early: number[] = [];
      let fired = 0;
      for (const inMs of [0, 0.3, 1, 1.7, 4.2, 9.9]) {
        const due = monotonicMs(clock.monotonic() + inMs);
        clock.at(due, () => {
          fired++;
          if (clock.monotonic() < due) early.push(inMs);
        });
        expect(fired).toBe(0);
      }
      await until(() => fired === 6);
      let after = false;
      clock.at(monotonicMs(clock.monotonic() + 5), () => (after = true));
      await until(() => after);
      expect({ fired, early }).toEqual({ fired: 6, early: [] });
    });

    test('a cancelled timer never fires, and cancelling twice or late does nothing', async () => {
      const { clock, until } = open();
      const fired: string[] = [];
      const start = clock.monotonic();
      const cancel = clock.at(monotonicMs(start + 2), () => fired.push('cancelled'));
      const late = clock.at(monotonicMs(start + 1), () => fired.push('kept'));
      clock.at(monotonicMs(start + 6), () => fired.push('last'));
      cancel();
      cancel();
      await until(() => fired.includes('kept'));
      late();
      await until(() => fired.includes('last'));
      expect(fired).toEqual(['kept', 'last']);
    });

    test('a handler may cancel a timer that is due at the same instant', async () => {
      const { clock, until } = open();
      const fired: string[] = [];
      const due = monotonicMs(clock.monotonic() + 2);
      clock.at(due, () => {
        fired.push('first');
        cancel();
      });
      const cancel = clock.at(due, () => fired.push('second'));
      clock.at(monotonicMs(due + 2), () => fired.push('third'));
      await until(() => fired.includes('third'));
      expect(fired).toEqual(['first', 'third']);
    });

    test('a distance beyond 2^31 ms is waited for, not cut to now', async () => {
      const { clock, until } = open();
      const start = clock.monotonic();
      let far = false;
      let near = false;
      const cancel = clock.at(monotonicMs(start + 2 ** 31 + 5_000), () => (far = true));
      clock.at(monotonicMs(start + 10), () => (near = true));
      await until(() => near);
      expect(far).toBe(false);
      cancel();
    });

    test('a handler that arms itself for now again and again lets others have their turn', async () => {
      const { clock, until } = open();
      let rounds = 0;
      let other = false;
      const start = clock.monotonic();
      const again = () => {
        if (++rounds < 50) clock.at(start, again);
      };
      clock.at(start, again);
      setImmediate(() => (other = true));
      await until(() => rounds > 0 && other);
      await until(() => rounds === 50);
    });
  });
}
