import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../../protocol/api-key.ts';

const ID_CHARACTERS = '0123456789abcdefghijklmnopqrstuvwxyz';

/** 256 random bits, and an id to find the entry by. */
export function newApiKey(): ApiKey {
  // 36 does not divide 256; the id is no secret, it only has to be rare.
  const id = [...randomBytes(12)].map((byte) => ID_CHARACTERS[byte % 36]).join('');
  return { id, secret: randomBytes(32).toString('base64url') };
}

export function sha256(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Takes the same time whatever is wrong, an unknown id (no hash) included (attack C-07). */
export function fitsHash(secret: string, hash: string | undefined): boolean {
  const given = Buffer.from(sha256(secret), 'hex');
  const wanted = Buffer.from(hash ?? NOBODY, 'hex');
  return timingSafeEqual(given, wanted) && hash !== undefined;
}

const NOBODY = '0'.repeat(64);
