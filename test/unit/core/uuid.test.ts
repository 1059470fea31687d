import { expect, test } from 'vitest';
import { epochMs } from '../../../src/core/brand.ts';
import { isUuidV7, uuidV7, uuidV7Source } from '../../../src/core/uuid.ts';
import { SeededRandom } from '../../../simulators/time/seeded-random.ts';

test('the example of RFC 9562 (appendix A.6) comes out of its instant and its random bits', () => {
  const random = Uint8Array.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
  expect(uuidV7(epochMs(1_645_557_742_000), random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
});

test('identifiers of one source rise strictly, within a millisecond and when the wall clock jumps back', () => {
  const random = new SeededRandom(7);
  let wall = 1_800_000_000_000;
  const next = uuidV7Source(
    () => epochMs(wall),
    (count) => random.bytes(count),
  );
  const ids: string[] = [];
  for (let at = 0; at < 20_000; at++) {
    if (at === 10_000) wall -= 86_400_000;
    if (at === 15_000) wall += 2 * 86_400_000;
    ids.push(next());
  }
  expect(ids.every(isUuidV7)).toBe(true);
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(ids.length);
});

test.each([
  '017f22e2-79b0-4cc3-98c4-dc0c0c07398f',
  '017F22E2-79B0-7CC3-98C4-DC0C0C07398F',
  '017f22e2-79b0-7cc3-18c4-dc0c0c07398f',
  '017f22e279b07cc398c4dc0c0c07398f',
  '',
])('%j is none of our identifiers', (text) => expect(isUuidV7(text)).toBe(false));

test('identifiers rise also where the clock was never set and stands before 1970', () => {
  let wall = -7_200_000;
  const next = uuidV7Source(
    () => epochMs(wall++),
    (count) => new Uint8Array(count),
  );
  const ids = [next(), next(), next()];
  expect(ids.every(isUuidV7)).toBe(true);
  expect([...ids].sort()).toEqual(ids);
});
