import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const manifest = read<{
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  overrides: Record<string, string>;
  allowScripts: Record<string, boolean>;
}>('package.json');
const lock = read<{ packages: Record<string, LockedPackage> }>('package-lock.json');

interface LockedPackage {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const locked = Object.entries(lock.packages).filter(([path]) => path !== '');

/** Whoever adds one adds it here too, and says to the reviewer why. */
const RUNTIME = [
  ...['@peculiar/x509', 'aedes', 'ajv', 'aws-iot-device-sdk-v2', 'better-sqlite3', 'commander', 'fast-json-patch'],
  ...['fastify', 'immer', 'jose', 'picocolors', 'pino', 'prom-client', 'reflect-metadata', 'zod'],
];

test('G-01: only the packages that are named with a decision have a script at installation', () => {
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const names = scripted.map(([path]) => path.replace(/^.*node_modules\//, ''));
  expect(names.sort()).toEqual(Object.keys(manifest.allowScripts).sort());
});

test('G-02: what is asked for directly has one exact version', () => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('G-03: nobody depends on a package that is not on the list', () => {
  expect(Object.keys(manifest.dependencies).sort()).toEqual([...RUNTIME].sort());
});

test('G-06: every locked package has a hash, and none comes from another place than the registry', () => {
  const wrong = locked.filter(([, { integrity, resolved, link }]) => {
    const elsewhere = resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/');
    return !/^sha512-[\w+/]{86}==$/.test(integrity ?? '') || elsewhere || link === true;
  });
  expect(wrong.map(([path]) => path)).toEqual([]);
});

test(
  'G-07: the package holds what it names, and nothing that looks like a secret is in the repository',
  { timeout: 120_000 },
  () => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }];
    const named = /^(dist|schemas|docs)\/|^(README\.md|LICENSE|CHANGELOG\.md|package\.json)$/;
    expect(files.map(({ path }) => path).filter((path) => !named.test(path))).toEqual([]);

    // Written apart, so that this file is not a finding.
    const secrets = [
      `AKIA[0-9A-Z]{16}`,
      `-----BEGIN [A-Z ]*PRIVATE ${'KEY'}-----[^\\\\]`,
      `sctl_[0-9a-f]{12}_[\\w-]{43}`,
    ];
    const found = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' })
      .split('\0')
      .filter((path) => /\.(ts|tsx|js|mjs|json|md|sh|txt|pem|key|npmrc)$/.test(path))
      .filter((path) => new RegExp(secrets.join('|')).test(readFileSync(path, 'utf8')));
    expect(found).toEqual([]);
  },
);
