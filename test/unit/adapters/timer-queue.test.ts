import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimerQueue } from '../../../src/adapters/system/timer-queue.ts';
import { monotonicMs } from '../../../src/core/brand.ts';

test('any mix of adding, cancelling and taking gives the order of a sorted list', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 20 }) }) },
    { weight: 2, arbitrary: fc.record({ cancel: fc.nat(400) }) },
    { weight: 1, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 20 }) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const queue = new TimerQueue();
      const model: { due: number; id: number }[] = [];
      const cancels: (() => void)[] = [];
      const fired: number[] = [];
      const expected: number[] = [];
      for (const each of steps) {
        if ('add' in each) {
          const id = cancels.length;
          cancels.push(queue.add(monotonicMs(each.add), () => fired.push(id)));
          model.push({ due: each.add, id });
        } else if ('cancel' in each) {
          cancels[each.cancel]?.();
          const at = model.findIndex(({ id }) => id === each.cancel);
          if (at >= 0) model.splice(at, 1);
        } else {
          queue.take(monotonicMs(each.take))?.fire();
          const [first] = model.toSorted((a, b) => a.due - b.due || a.id - b.id);
          if (first !== undefined && first.due <= each.take) {
            expected.push(first.id);
            model.splice(model.indexOf(first), 1);
          }
        }
        expect(queue.size).toBe(model.length);
      }
      expect(fired).toEqual(expected);
    }),
  );
});
