import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { TokenVerifier, VerifiedToken } from '../../ports/access-control.ts';
import type { IssuerEntry } from '../../protocol/access-file.ts';

/**
 * JSON Web Tokens by `jose`, wrapped once so that no check can be left out (RFC 8725): issuer, audience, algorithm from
 * the configured list, expiry and subject required, keys only from the configured set and by exact `kid`. What the token
 * itself says about keys (`jku`, `x5u`, `jwk`) is never followed.
 */
export async function createTokenVerifier(
  issuers: readonly IssuerEntry[],
  { folder }: { folder: string },
): Promise<Result<TokenVerifier>> {
  const known = new Map<string, { entry: IssuerEntry; keys: JWTVerifyGetKey }>();
  for (const entry of issuers) {
    const keys = await keysOf(entry, folder);
    if (!keys.ok) return keys;
    known.set(entry.issuer, { entry, keys: keys.value });
  }
  return ok({
    verify: async (token) => {
      const claimed = claimedIssuer(token);
      const found = claimed === undefined ? undefined : known.get(claimed);
      return found === undefined ? refused('unknown issuer') : verify(token, found);
    },
  });
}

async function verify(
  token: string,
  { entry, keys }: { entry: IssuerEntry; keys: JWTVerifyGetKey },
): Promise<Result<VerifiedToken>> {
  let payload: JWTPayload;
  try {
    ({ payload } = await jwtVerify(token, keys, {
      issuer: entry.issuer,
      audience: entry.audience,
      algorithms: [...entry.algorithms],
      clockTolerance: entry.clockToleranceS,
      requiredClaims: ['exp', 'sub'],
      ...(entry.typ === null ? {} : { typ: entry.typ }),
    }));
  } catch (cause) {
    if (isAway(cause))
      return fail(problem('server_unreachable', 'the keys of the token issuer cannot be read', { cause }));
    return refused(cause);
  }
  const { sub = '' } = payload;
  // The subject becomes an author in timelines and terminals: one line of printable text (attack E-04).
  if (!/^[\x21-\x7e]{1,128}$/.test(sub)) return refused('the subject is no printable text');
  if (entry.blocked.includes(sub)) return refused('the subject is blocked');
  return ok({
    issuerName: entry.name,
    subject: sub,
    roles: rolesOf(payload, entry),
    variables: variablesOf(payload, entry),
  });
}

function rolesOf(payload: JWTPayload, entry: IssuerEntry): string[] {
  const claim = payload[entry.rolesClaim];
  const given = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  const values = given.filter((value): value is string => typeof value === 'string' && value !== '').slice(0, 64);
  const { roles } = entry;
  if (roles === undefined) return [...new Set(values)];
  return [...new Set(values.flatMap((value) => (Object.hasOwn(roles, value) ? (roles[value] ?? []) : [])))];
}

function variablesOf(payload: JWTPayload, { variables }: IssuerEntry): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, claim]) => {
      const value = payload[claim];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

async function keysOf({ jwks }: IssuerEntry, folder: string): Promise<Result<JWTVerifyGetKey>> {
  if (/^https?:\/\//i.test(jwks)) return ok(createRemoteJWKSet(new URL(jwks), { timeoutDuration: 5_000 }));
  const file = path.resolve(folder, jwks);
  try {
    return ok(createLocalJWKSet(JSON.parse(await readFile(file, 'utf8')) as JSONWebKeySet));
  } catch (cause) {
    return fail(problem('invalid_config', 'the key set (JWKS) cannot be read', { at: file, cause }));
  }
}

/** Only to choose the configured issuer that then has to prove it; nothing is believed yet. */
function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

function isAway(cause: unknown): boolean {
  return cause instanceof errors.JWKSTimeout || (cause instanceof Error && !(cause instanceof errors.JOSEError));
}

function refused(cause: unknown): Result<never> {
  return fail(problem('unauthenticated', 'this credential is not valid', { cause }));
}
