import { createHmac, createPublicKey } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { base64url, exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTokenVerifier } from '../../../src/adapters/jose/token-verifier.ts';
import type { TokenVerifier } from '../../../src/ports/access-control.ts';
import { parseAccessFile, type IssuerEntry } from '../../../src/protocol/access-file.ts';

const ISSUER = 'https://id.example';
const AUDIENCE = 'shadowctl';

let folder: string;
let ours: { privateKey: CryptoKey; publicKey: CryptoKey };
let strange: { privateKey: CryptoKey; publicKey: CryptoKey };
let jwk: JWK;
let verifier: TokenVerifier;

function issuer(more: Partial<Record<keyof IssuerEntry, unknown>> = {}): IssuerEntry {
  const parsed = parseAccessFile({
    version: 1,
    roles: { viewer: { rules: [] } },
    issuers: [
      { name: 'id', issuer: ISSUER, audience: AUDIENCE, jwks: 'jwks.json', algorithms: ['RS256'], ...(more as object) },
    ],
  });
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value.issuers[0]!;
}

async function verifierOf(...issuers: IssuerEntry[]): Promise<TokenVerifier> {
  const made = await createTokenVerifier(issuers, { folder });
  if (!made.ok) throw new Error(made.problem.message);
  return made.value;
}

const token = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
  new SignJWT({ roles: ['viewer'], tenant: 'a', ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'k1', ...header })
    .setIssuer((claims['iss'] as string | undefined) ?? ISSUER)
    .setAudience((claims['aud'] as string | undefined) ?? AUDIENCE)
    .setSubject('alice')
    .setIssuedAt()
    .setExpirationTime('5m');

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'jwks-'));
  ours = await generateKeyPair('RS256', { extractable: true });
  strange = await generateKeyPair('RS256', { extractable: true });
  jwk = { ...(await exportJWK(ours.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
  await writeFile(path.join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  verifier = await verifierOf(issuer({ variables: { tenant: 'tenant' } }));
});
afterAll(() => rm(folder, { recursive: true }));

test('a token of the configured issuer gives subject, roles and variables', async () => {
  expect(await verifier.verify(await token().sign(ours.privateKey))).toEqual({
    ok: true,
    value: { issuerName: 'id', subject: 'alice', roles: ['viewer'], variables: { tenant: 'a' } },
  });
});

test('roles may be a string with spaces, and may be translated; values that are not listed give nothing', async () => {
  const spaced = await verifierOf(issuer({ rolesClaim: 'scope' }));
  const translated = await verifierOf(issuer({ roles: { 'Heating Team': ['viewer'] } }));
  const scope = await spaced.verify(await token({ scope: 'a b' }).sign(ours.privateKey));
  const roles = await translated.verify(await token({ roles: ['Heating Team', 'admin'] }).sign(ours.privateKey));
  expect(scope).toMatchObject({ value: { roles: ['a', 'b'] } });
  expect(roles).toMatchObject({ value: { roles: ['viewer'] } });
});

describe('C-05: tokens that are refused, all with the same words', () => {
  const text = (value: unknown) => base64url.encode(JSON.stringify(value));
  const claims = () => ({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'alice',
    roles: ['viewer'],
    exp: Math.floor(Date.now() / 1000) + 300,
  });
  const hs256 = (secret: string | Buffer) => {
    const body = `${text({ alg: 'HS256', typ: 'JWT', kid: 'k1' })}.${text(claims())}`;
    return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
  };

  const cases: Record<string, () => Promise<string>> = {
    'alg none': async () => `${text({ alg: 'none', typ: 'JWT' })}.${text(claims())}.`,
    'HS256 with the public key (PEM) as secret': async () => hs256(await exportSPKI(ours.publicKey)),
    'HS256 with the public key (DER) as secret': async () =>
      hs256(createPublicKey(await exportSPKI(ours.publicKey)).export({ type: 'spki', format: 'der' })),
    'another audience': () => token({ aud: 'other' }).setAudience('other').sign(ours.privateKey),
    'another issuer': () => token().setIssuer('https://evil.example').sign(ours.privateKey),
    'an issuer that is a prefix': () => token().setIssuer(`${ISSUER}/`).sign(ours.privateKey),
    'another type of token': () => token({}, { typ: 'at+jwt' }).sign(ours.privateKey),
    expired: () =>
      token()
        .setExpirationTime(Math.floor(Date.now() / 1000) - 60)
        .sign(ours.privateKey),
    'not valid yet': () => token().setNotBefore('10m').sign(ours.privateKey),
    'no expiry': () =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'k1' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject('alice')
        .sign(ours.privateKey),
    'no subject': () =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'k1' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setExpirationTime('5m')
        .sign(ours.privateKey),
    'a subject with an escape sequence': () => token().setSubject('\u001b[2Jroot').sign(ours.privateKey),
    'somebody else’s key': () => token().sign(strange.privateKey),
    'a key id that is a path': () => token({}, { kid: '../../../../dev/null' }).sign(ours.privateKey),
    'a key id that is SQL': () => token({}, { kid: "k1' OR '1'='1" }).sign(ours.privateKey),
    'a key of its own in the header': async () =>
      token({}, { kid: 'mine', jwk: await exportJWK(strange.publicKey) }).sign(strange.privateKey),
    'an address of keys in the header': () =>
      token({}, { kid: 'mine', jku: 'http://127.0.0.1:1/jwks' }).sign(strange.privateKey),
    'a certificate address in the header': () =>
      token({}, { kid: 'mine', x5u: 'http://127.0.0.1:1/cert' }).sign(strange.privateKey),
    'an algorithm off the list': () =>
      token({}, { alg: 'PS256' })
        .sign(ours.privateKey as never)
        .catch(() => 'x.y.z'),
    'no token at all': async () => 'not.a.token',
    'an empty string': async () => '',
    megabytes: async () => `${'a'.repeat(1_000_000)}.${'b'.repeat(1_000_000)}.c`,
  };

  test.each(Object.entries(cases))('%s', async (_name, make) => {
    const verified = await verifier.verify(await make());
    expect(verified).toMatchObject({
      ok: false,
      problem: { code: 'unauthenticated', message: 'this credential is not valid' },
    });
  });

  test('a changed claim', async () => {
    const [header, , signature] = (await token().sign(ours.privateKey)).split('.');
    const forged = `${header}.${text({ ...claims(), roles: ['operator'] })}.${signature}`;
    expect(await verifier.verify(forged)).toMatchObject({ problem: { code: 'unauthenticated' } });
  });

  test('a blocked subject', async () => {
    const strict = await verifierOf(issuer({ blocked: ['alice'] }));
    expect(await strict.verify(await token().sign(ours.privateKey))).toMatchObject({
      problem: { code: 'unauthenticated' },
    });
  });

  test('symmetric algorithms cannot even be configured', () => {
    expect(() => issuer({ algorithms: ['HS256'] })).toThrow(/algorithms/);
  });

  test.each(['http://id.example/jwks', 'file:///etc/passwd', 'ftp://x/y'])(
    'keys from %s cannot be configured',
    (jwks) => expect(() => issuer({ jwks })).toThrow(/jwks/),
  );
});

describe('keys behind an address', () => {
  let server: Server;
  let base: string;
  beforeAll(async () => {
    server = createServer((_request, response) => response.end(JSON.stringify({ keys: [jwk] }))).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test('are fetched', async () => {
    const remote = await verifierOf(issuer({ jwks: base }));
    expect((await remote.verify(await token().sign(ours.privateKey))).ok).toBe(true);
  });

  test('that nobody answers at make the token unproven, not invalid', async () => {
    const away = await verifierOf(issuer({ jwks: 'http://127.0.0.1:1/jwks' }));
    expect(await away.verify(await token().sign(ours.privateKey))).toMatchObject({
      ok: false,
      problem: { code: 'server_unreachable' },
    });
  });
});
