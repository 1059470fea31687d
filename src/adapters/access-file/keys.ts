import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { AccessFile, KeyEntry } from '../../protocol/access-file.ts';
import { parseAccessFile } from '../../protocol/access-file.ts';
import { formatApiKey } from '../../protocol/api-key.ts';
import { newApiKey, sha256 } from './secret.ts';

export interface NewKey {
  readonly name: string;
  readonly roles: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  readonly expiresAt?: string;
}

/** `key` is shown once and kept nowhere. */
export interface CreatedKey {
  readonly key: string;
  readonly entry: KeyEntry;
}

type Change<T> = Result<{ after: AccessFile; value: T }>;

export function addKey(before: AccessFile | undefined, asked: NewKey, nowMs: number): Change<CreatedKey> {
  const file = before ?? starterFile();
  const missing = asked.roles.find((role) => !Object.hasOwn(file.roles, role));
  if (missing !== undefined) {
    const known = Object.keys(file.roles).join(', ');
    return fail(problem('invalid_usage', `there is no role "${missing}" in the access file; it has ${known}`));
  }
  const made = newApiKey();
  const entry: KeyEntry = {
    id: made.id,
    name: asked.name,
    roles: [...asked.roles],
    variables: { ...asked.variables },
    sha256: sha256(made.secret),
    createdAt: new Date(nowMs).toISOString(),
    ...(asked.expiresAt === undefined ? {} : { expiresAt: asked.expiresAt }),
  };
  return ok({ after: { ...file, keys: [...file.keys, entry] }, value: { key: formatApiKey(made), entry } });
}

/** Ends every key of that id, or of that name, at once. */
export function revokeKeys(before: AccessFile | undefined, which: string, nowMs: number): Change<readonly KeyEntry[]> {
  const revokedAt = new Date(nowMs).toISOString();
  const ended = matching(before, which).filter((key) => key.revokedAt === undefined);
  if (before === undefined || ended.length === 0) return unknownKey(which);
  const keys = before.keys.map((key) => (ended.includes(key) ? { ...key, revokedAt } : key));
  return ok({ after: { ...before, keys }, value: ended.map((key) => ({ ...key, revokedAt })) });
}

/** A second key with the same name and rights; the old ones end after the overlap, so that callers can change over. */
export function rotateKey(
  before: AccessFile | undefined,
  { which, overlapMs, nowMs }: { which: string; overlapMs: number; nowMs: number },
): Change<CreatedKey> {
  const active = matching(before, which).filter((key) => key.revokedAt === undefined);
  const newest = active.at(-1);
  if (before === undefined || newest === undefined) return unknownKey(which);
  const endsAt = new Date(nowMs + overlapMs).toISOString();
  const keys = before.keys.map((key) =>
    active.includes(key) && (key.expiresAt === undefined || Date.parse(key.expiresAt) > Date.parse(endsAt))
      ? { ...key, expiresAt: endsAt }
      : key,
  );
  const { name, roles, variables } = newest;
  return addKey({ ...before, keys }, { name, roles, variables }, nowMs);
}

function matching(file: AccessFile | undefined, which: string): KeyEntry[] {
  const id = which.replace(/^sctl_/, '');
  return (file?.keys ?? []).filter((key) => key.id === id || key.name === which);
}

function unknownKey(which: string): Result<never> {
  return fail(problem('not_found', 'no active key has this id or name', { at: which.slice(0, 64) }));
}

/** What a first `keys create` starts with. Nobody has a right until a key has a role. */
export function starterFile(): AccessFile {
  const everywhere = { effect: 'allow' as const, things: ['*'] };
  const parsed = parseAccessFile({
    version: 1,
    roles: {
      viewer: { description: 'looks at everything', rules: [{ ...everywhere, actions: ['look'] }] },
      commander: {
        description: 'looks, and sends commands to every thing',
        rules: [{ ...everywhere, actions: ['look', 'command'] }],
      },
      operator: {
        description: 'looks, sends commands, and acts on those of others',
        rules: [{ ...everywhere, actions: ['look', 'command', 'operate', 'acknowledge'] }],
      },
      monitor: { description: 'reads metrics', rules: [{ ...everywhere, actions: ['observe'] }] },
    },
  });
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
}
