import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { epochMs, type EpochMs } from '../../core/brand.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';

/** When the certificate in a PEM file ends: from then on the broker lets nobody in with it. */
export function certificateEndsAt(file: string): Result<EpochMs> {
  try {
    return ok(epochMs(Date.parse(new X509Certificate(readFileSync(file)).validTo)));
  } catch (cause) {
    return fail(problem('invalid_config', 'the certificate cannot be read', { at: file, cause }));
  }
}
