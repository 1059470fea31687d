import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
  type Extension,
} from '@peculiar/x509';
import { APPLICATION_UNIT } from './access.ts';

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: KeyPair;
  readonly server: KeyPair;
  /** By common name: one per thing, one per application. */
  readonly clients: Readonly<Record<string, KeyPair>>;
}

export interface CertificateRequest {
  readonly things?: readonly string[];
  readonly applications?: readonly string[];
  /** Names and addresses of the server besides loopback. */
  readonly hosts?: readonly string[];
  /** An authority made earlier; without it a new one is made. */
  readonly ca?: KeyPair;
}

// The curve that every TLS library of the clients takes, and quick to make.
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEARS_VALID = 10;
const CLOCK_SKEW_MS = 24 * 3600 * 1000;

/** Makes what mutual TLS on a local cloud needs. For development: the authority's key lies beside the others. */
export async function makeCertificates(request: CertificateRequest = {}): Promise<Certificates> {
  const authority = request.ca === undefined ? await newAuthority() : await readAuthority(request.ca);
  const hosts = ['localhost', '127.0.0.1', '::1', ...(request.hosts ?? [])];
  const server = await issue(authority, 'CN=localhost, O=shadowctl', [
    new SubjectAlternativeNameExtension(
      hosts.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value })),
    ),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
  ]);
  const clients: Record<string, KeyPair> = {};
  const client = new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]);
  for (const name of request.things ?? []) {
    clients[name] = await issue(authority, [{ CN: [name] }, { OU: ['thing'] }, { O: ['shadowctl'] }], [client]);
  }
  for (const name of request.applications ?? []) {
    clients[name] = await issue(
      authority,
      [{ CN: [name] }, { OU: [APPLICATION_UNIT] }, { O: ['shadowctl'] }],
      [client],
    );
  }
  return { ca: authority.pair, server, clients };
}

interface Authority {
  readonly pair: KeyPair;
  readonly certificate: X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

async function newAuthority(): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: 'CN=shadowctl local authority, O=shadowctl',
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { pair: await pairOf(certificate, keys.privateKey), certificate, key: keys.privateKey };
}

async function readAuthority(pair: KeyPair): Promise<Authority> {
  const [der] = PemConverter.decode(pair.key);
  const key = await webcrypto.subtle.importKey('pkcs8', der as ArrayBuffer, ALGORITHM, true, ['sign']);
  return { pair, certificate: new X509Certificate(pair.cert), key };
}

async function issue(
  authority: Authority,
  subject: string | Record<string, string[]>[],
  extensions: Extension[],
): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    ...validity(),
    subject,
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
      ...extensions,
    ],
  });
  return pairOf(certificate, keys.privateKey);
}

function validity() {
  const now = Date.now();
  return {
    // The first bit stays 0: a serial number is positive.
    serialNumber: `4${randomBytes(15).toString('hex')}`,
    // Whoever checks it may have a clock that is behind.
    notBefore: new Date(now - CLOCK_SKEW_MS),
    notAfter: new Date(now + YEARS_VALID * 365 * 24 * 3600 * 1000),
  };
}

async function pairOf(certificate: X509Certificate, privateKey: webcrypto.CryptoKey): Promise<KeyPair> {
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return { cert: `${certificate.toString('pem')}\n`, key: `${PemConverter.encode(der, 'PRIVATE KEY')}\n` };
}
