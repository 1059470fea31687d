import type { AccessRule, Grant, Principal } from '../core/access/access.ts';
import type { Result } from '../core/result.ts';

/**
 * Who a credential belongs to, and what it may do now. Implementations promise: what was taken away is gone for the next
 * question at the latest one second after the source of truth changed; a source that cannot be read leaves the last good
 * state in force and is logged.
 */
export interface AccessControl {
  /** `unauthenticated` for every credential that is not valid, without saying why; `cause` is for the log. */
  authenticate(bearer: string): Promise<Result<Principal>>;
  /** The rules that stand behind an open command now; `forbidden` when its principal has no rights any more. */
  rulesOf(grant: Grant): Result<readonly AccessRule[]>;
  readonly limits: AccessLimits;
}

/** Bounds per credential, thing and address. Rates are means; bursts may be spent at once. */
export interface AccessLimits {
  readonly requestsPerS: number;
  readonly requestsBurst: number;
  readonly commandsPerThingPerS: number;
  readonly commandsPerThingBurst: number;
  readonly eventStreams: number;
  readonly failedLoginsPerMinute: number;
}

/** What a signed token proved: issuer, audience, time and signature were checked. */
export interface VerifiedToken {
  readonly issuerName: string;
  readonly subject: string;
  readonly roles: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

export interface TokenVerifier {
  verify(token: string): Promise<Result<VerifiedToken>>;
}
