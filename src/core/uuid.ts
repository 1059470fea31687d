import { assert } from './assert.ts';
import type { EpochMs } from './brand.ts';

/** Random bytes one identifier needs. */
export const UUID_RANDOM_BYTES = 10;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether `text` is a UUIDv7 as we print it: lower case, with hyphens. */
export function isUuidV7(text: string): boolean {
  return UUID_V7.test(text);
}

/**
 * A UUIDv7: 48 bits of wall clock, 74 random bits. Sorts by time across milliseconds only; see `uuidV7Source`.
 *
 * Units    `wall` in milliseconds since the epoch; a fraction is cut off.
 * Errors   None in `wall` from 0 to 2^48 - 1 and with at least ten random bytes.
 * Source   RFC 9562, section 5.7.
 */
export function uuidV7(wall: EpochMs, random: Uint8Array): string {
  return format(Math.trunc(wall), ((random[0] ?? 0) & 0x0f) * 256 + (random[1] ?? 0), random);
}

/**
 * Identifiers that rise one by one: within a millisecond, and while the wall clock stands still or jumps back, a 12-bit
 * counter (seeded below its half, so that it has room) counts up and borrows from the next millisecond when full.
 *
 * Source   RFC 9562, section 6.2, method 1.
 */
export function uuidV7Source(wall: () => EpochMs, bytes: (count: number) => Uint8Array): () => string {
  let lastMs = -1;
  let counter = 0;
  return () => {
    const random = bytes(UUID_RANDOM_BYTES);
    // A clock that was never set may stand before 1970 (C16): then the counter goes on from there.
    const now = Math.max(0, Math.trunc(wall()));
    const seed = ((random[0] ?? 0) & 0x07) * 256 + (random[1] ?? 0);
    if (now > lastMs) {
      lastMs = now;
      counter = seed;
    } else if (++counter > 0xfff) {
      lastMs++;
      counter = seed;
    }
    return format(lastMs, counter, random);
  };
}

function format(ms: number, counter: number, random: Uint8Array): string {
  assert(ms >= 0 && ms < 2 ** 48, 'the wall clock of an identifier is between 1970 and the year 10889');
  assert(random.length >= UUID_RANDOM_BYTES, 'an identifier has ten random bytes');
  const [high, low] = [Math.floor(ms / 0x1_0000), ms % 0x1_0000];
  const time = `${hex(high >>> 24)}${hex(high >>> 16)}${hex(high >>> 8)}${hex(high)}-${hex(low >>> 8)}${hex(low)}`;
  const version = hex(0x70 | (counter >>> 8)) + hex(counter);
  const variant = hex(((random[2] ?? 0) & 0x3f) | 0x80) + hex(random[3] ?? 0);
  let tail = '';
  for (let at = 4; at < UUID_RANDOM_BYTES; at++) tail += hex(random[at] ?? 0);
  return `${time}-${version}-${variant}-${tail}`;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** The lowest eight bits. */
const hex = (bits: number): string => HEX[bits & 0xff] ?? '';
