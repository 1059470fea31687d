import type { AccessRule, Grant, Principal } from '../../core/access/access.ts';
import { resolveRules } from '../../core/access/decide.ts';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { TokenVerifier, VerifiedToken } from '../../ports/access-control.ts';
import type { AccessFile, KeyEntry } from '../../protocol/access-file.ts';
import { parseApiKey } from '../../protocol/api-key.ts';
import { fitsHash } from './secret.ts';

/** One state of the access file, with the question it answers. Replaced as a whole when the file changes. */
export class Credentials {
  readonly file: AccessFile;
  readonly #tokens: TokenVerifier;
  readonly #now: () => number;
  readonly #keys: ReadonlyMap<string, KeyEntry>;

  constructor(file: AccessFile, tokens: TokenVerifier, now: () => number) {
    this.file = file;
    this.#tokens = tokens;
    this.#now = now;
    this.#keys = new Map(file.keys.map((key) => [key.id, key]));
  }

  async authenticate(bearer: string): Promise<Result<Principal>> {
    const given = parseApiKey(bearer);
    if (given === undefined) {
      const token = await this.#tokens.verify(bearer);
      return token.ok ? ok(this.#principalOfToken(token.value)) : token;
    }
    const key = this.#keys.get(given.id);
    if (!fitsHash(given.secret, key?.sha256) || key === undefined) return refused('unknown key');
    if (!this.#isActive(key)) return refused('revoked or expired key');
    return ok(this.#principal({ principal: `key:${key.name}`, roles: key.roles, variables: key.variables }, key.name));
  }

  /** Keys of one name are one principal: a queued command survives the rotation of the key that sent it. */
  rulesOf(grant: Grant): Result<readonly AccessRule[]> {
    const [kind, ...rest] = grant.principal.split(':');
    const name = rest.join(':');
    if (kind === 'key') {
      const keys = this.file.keys.filter((key) => key.name === name && this.#isActive(key));
      if (keys.length === 0) return forbidden();
      return ok(keys.flatMap(({ roles, variables }) => this.#rules(roles, variables)));
    }
    const [issuerName, ...subject] = rest;
    const issuer = this.file.issuers.find((each) => kind === 'jwt' && each.name === issuerName);
    if (issuer === undefined || issuer.blocked.includes(subject.join(':'))) return forbidden();
    return ok(this.#rules(grant.roles, grant.variables));
  }

  #principalOfToken({ issuerName, subject, roles, variables }: VerifiedToken): Principal {
    const name = `${issuerName}:${subject}`;
    const known = roles.filter((role) => Object.hasOwn(this.file.roles, role));
    return this.#principal({ principal: `jwt:${name}`, roles: known, variables }, name);
  }

  #principal({ principal, roles, variables }: Grant, name: string): Principal {
    return { name, id: principal, roles, variables, rules: this.#rules(roles, variables) };
  }

  #rules(roles: readonly string[], variables: Readonly<Record<string, string>>): readonly AccessRule[] {
    const rules = roles.flatMap((role) =>
      Object.hasOwn(this.file.roles, role) ? (this.file.roles[role]?.rules ?? []) : [],
    );
    return resolveRules(rules as readonly AccessRule[], variables);
  }

  #isActive({ revokedAt, expiresAt }: KeyEntry): boolean {
    return revokedAt === undefined && (expiresAt === undefined || Date.parse(expiresAt) > this.#now());
  }
}

function refused(cause: string): Result<never> {
  return fail(problem('unauthenticated', 'this credential is not valid', { cause }));
}

function forbidden(): Result<never> {
  return fail(problem('forbidden', 'whoever asked for this has no right to it any more'));
}
