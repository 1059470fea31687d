import fc from 'fast-check';
import { expect, test } from 'vitest';
import { epochMs } from '../../../src/core/brand.ts';
import { instantText } from '../../../src/core/instant-text.ts';

test.each([
  0, 1, 951_782_399_999, 951_782_400_000, 951_868_800_000, 1_709_164_800_000, 1_735_689_599_999, 4_107_542_400_000,
  253_402_300_799_999, 253_402_300_800_000, -1, -62_135_596_800_000, 1_500.7,
])('%d is written as a Date writes it', (at) => {
  expect(instantText(epochMs(at))).toBe(new Date(at).toISOString());
});

test('any instant is written as a Date writes it', () => {
  fc.assert(
    fc.property(fc.integer({ min: -8.64e15, max: 8.64e15 }), fc.integer({ min: 0, max: 5e12 }), (any, ours) => {
      for (const at of [any, ours]) expect(instantText(epochMs(at))).toBe(new Date(at).toISOString());
    }),
    { numRuns: 2_000 },
  );
});

test('what is no instant throws', () => expect(() => instantText(Number.NaN as never)).toThrow(RangeError));
