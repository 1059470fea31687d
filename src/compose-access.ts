import { WatchedAccess } from './adapters/access-file/watched-access.ts';
import { createTokenVerifier } from './adapters/jose/token-verifier.ts';
import type { Result } from './core/result.ts';
import type { Clock } from './ports/clock.ts';
import type { Log } from './ports/log.ts';

/** Access control by a file: keys, tokens, roles; read again whenever it changes. */
export function openAccess(file: string, { clock, log }: { clock: Clock; log: Log }): Promise<Result<WatchedAccess>> {
  return WatchedAccess.open({ file, log, createTokens: createTokenVerifier, now: () => clock.wall() });
}
