import { z } from 'zod';
import { ACCESS_ACTIONS, type AccessAction } from '../core/access/access.ts';
import { parsePointer } from '../core/json/json-pointer.ts';
import type { JsonValue } from '../core/json/json.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { missingSaid } from './missing.ts';

/**
 * The access file: who may do what. Strict: a member that is not known is refused, because a misspelt `deny` would
 * otherwise be a right (attack G-08). `docs/api.md` shows one.
 */
export type AccessFile = z.output<typeof accessFile>;
export type KeyEntry = AccessFile['keys'][number];
export type IssuerEntry = AccessFile['issuers'][number];
export type AccessLimits = AccessFile['limits'];

/** Names that timelines use for those who are not callers; a key of that name could forge an author. */
const RESERVED = new Set(['anonymous', 'device', 'operator', 'service', 'shadowctl', 'system', 'watcher', 'local']);

const THINGS = /^(?:[a-zA-Z0-9:_*-]|\$\{[a-zA-Z][a-zA-Z0-9_]{0,31}\}){1,256}$/;
const things = z
  .string()
  .max(256)
  .regex(THINGS, 'a thing name, in which * stands for any characters and ${name} for a variable');
const shadows = z
  .string()
  .regex(
    /^(?:\(classic\)|\(direct\)|[$a-zA-Z0-9:_*-]{1,64})$/,
    'a shadow name, in which * stands for any characters, or (classic), or (direct) for direct commands',
  );
const field = z
  .string()
  .max(512)
  .refine((text) => parsePointer(text).ok, 'a JSON Pointer such as /climate/targetC or /zones/*/targetC');
/** What a name of a direct command can hold, and `*`. */
const command = z.string().regex(/^[a-zA-Z0-9_.*-]{1,64}$/, 'the name of a direct command, in which * stands for any');
const listed = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(256);

const rule = z
  .strictObject({
    effect: z.enum(['allow', 'deny']),
    actions: listed(z.enum(ACCESS_ACTIONS as [AccessAction, ...AccessAction[]])),
    things: listed(things),
    shadows: listed(shadows).optional(),
    fields: listed(field).optional(),
    commands: listed(command).optional(),
  })
  .refine(({ commands, actions }) => commands === undefined || actions.every((action) => action === 'command'), {
    message: 'commands go with the action command alone; give the other actions a rule of their own',
    path: ['commands'],
  })
  .refine(({ fields, actions }) => fields === undefined || actions.every((action) => action === 'command'), {
    message: 'fields go with the action command alone; give the other actions a rule of their own',
    path: ['fields'],
  });

const roleName = z.string().regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/, 'a role is named by letters, digits, _ and -');
const variables = z.record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]{0,31}$/), z.string().max(128));
const instant = z.iso.datetime({ offset: true });

const key = z.strictObject({
  /** The part of the key that is no secret. */
  id: z.string().regex(/^[0-9a-z]{12}$/),
  name: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/, 'a key is named by letters, digits, ., _ and -')
    .refine((name) => !RESERVED.has(name.toLowerCase()), 'this name stands for the system itself in timelines'),
  roles: listed(roleName),
  variables: variables.default({}),
  /** SHA-256 of the secret part, in hex. The secret has 256 random bits, so a slow hash would add nothing. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: instant,
  expiresAt: instant.optional(),
  revokedAt: instant.optional(),
});

/** Asymmetric ones only: with HS256 whoever can verify can sign, and a public key could be taken for a secret (C-05). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

const issuer = z.strictObject({
  /** Short name: authors read `name:subject`. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  issuer: z.string().min(1).max(512),
  audience: z.string().min(1).max(512),
  /** An https URL (http on loopback), or a file relative to this one. */
  jwks: z.string().min(1).max(1_024).refine(isAcceptableJwks, 'a file, or an https URL (http only on loopback)'),
  algorithms: listed(z.enum(ALGORITHMS)),
  /** The header's `typ`; null for issuers that send none. */
  typ: z.string().min(1).max(64).nullable().default('JWT'),
  clockToleranceS: z.int().min(0).max(300).default(5),
  /** The claim that names roles: an array of strings or a string with spaces. */
  rolesClaim: z.string().min(1).max(128).default('roles'),
  /** From the claim's values to roles; absent: a value is a role's name. */
  roles: z.record(z.string().max(256), listed(roleName)).optional(),
  /** From variables to the claims that hold them. */
  variables: z.record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]{0,31}$/), z.string().max(128)).default({}),
  /** Subjects that are not let in any more, whatever their tokens say. */
  blocked: z.array(z.string().max(256)).max(10_000).default([]),
});

const limits = z.strictObject({
  /** Of one credential, all requests together. */
  requestsPerS: z.number().positive().max(100_000).default(100),
  requestsBurst: z.int().min(1).max(100_000).default(200),
  /** Commands to one thing, whoever sends them. */
  commandsPerThingPerS: z.number().positive().max(10_000).default(10),
  commandsPerThingBurst: z.int().min(1).max(10_000).default(20),
  eventStreams: z.int().min(1).max(10_000).default(10),
  failedLoginsPerMinute: z.int().min(1).max(1_000).default(10),
});

const accessFile = z
  .strictObject({
    version: z.literal(1),
    roles: z.record(
      roleName,
      z.strictObject({ description: z.string().max(1_024).optional(), rules: z.array(rule).max(1_000) }),
    ),
    keys: z.array(key).max(10_000).default([]),
    issuers: z.array(issuer).max(32).default([]),
    limits: limits.default(limits.parse({})),
  })
  .superRefine((file, context) => {
    const unknown = (role: string, path: (string | number)[]) => {
      if (!Object.hasOwn(file.roles, role))
        context.addIssue({ code: 'custom', message: `there is no role "${role}"`, path });
    };
    file.keys.forEach((each, at) => each.roles.forEach((role, index) => unknown(role, ['keys', at, 'roles', index])));
    file.issuers.forEach((each, at) =>
      Object.entries(each.roles ?? {}).forEach(([claim, roles]) =>
        roles.forEach((role, index) => unknown(role, ['issuers', at, 'roles', claim, index])),
      ),
    );
    twice(file.keys.map(({ id }) => id)).forEach((id) =>
      context.addIssue({ code: 'custom', message: `two keys have the id ${id}`, path: ['keys'] }),
    );
    for (const member of ['name', 'issuer'] as const) {
      twice(file.issuers.map((each) => each[member])).forEach((text) =>
        context.addIssue({ code: 'custom', message: `two issuers have the ${member} "${text}"`, path: ['issuers'] }),
      );
    }
  });

/** Errors   `invalid_config` with the JSON Pointer of the first place that is wrong. */
export function parseAccessFile(value: JsonValue): Result<AccessFile> {
  const read = accessFile.safeParse(value, missingSaid);
  if (read.success) return ok(read.data);
  const [issue] = read.error.issues;
  const at = `/${(issue?.path ?? []).map(String).join('/')}`;
  return fail(problem('invalid_config', `${at}: ${issue?.message ?? 'not an access file'}`, { at }));
}

function isAcceptableJwks(text: string): boolean {
  if (!/^[a-z]+:\/\//i.test(text)) return true;
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname))
  );
}

function twice(texts: readonly string[]): string[] {
  return [...new Set(texts.filter((text, at) => texts.indexOf(text) !== at))];
}
