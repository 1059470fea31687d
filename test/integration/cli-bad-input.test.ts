import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shadowctl } from '../support/shadowctl.ts';

/** Nothing listens on port 1 of loopback. */
const NOWHERE = 'http://127.0.0.1:1';
const SOME_ID = '019aa1b2-c3d4-7e5f-8a6b-0123456789ab';

let dir: string;
let stranger: Server;
let strangerUrl: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'shadowctl-test-'));
  await writeFile(join(dir, 'broken.json'), '{"models":');
  await writeFile(join(dir, 'unknown-member.json'), '{"modles":[]}');
  await writeFile(join(dir, 'no-model.json'), '{"models":[{"things":"*","model":"missing.json"}]}');
  await writeFile(join(dir, 'bad-model.json'), '{"models":[{"things":"*","model":"model.json"}]}');
  await writeFile(join(dir, 'model.json'), '{"type":"object"}');
  await writeFile(join(dir, 'no-ledger.sqlite'), 'this is a text file and no database at all, really not');
  stranger = createServer((_request, response) => response.end('<html>\u001b[2J not you'));
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
});

afterAll(async () => {
  stranger.close();
  await rm(dir, { recursive: true, force: true });
});

interface Case {
  readonly what: string;
  readonly args: () => readonly string[];
  readonly code: string;
  readonly exit: number;
  readonly says?: RegExp;
}

describe('what cannot be meant ends with one line, a stable code and an exit code', () => {
  test.each<Case>([
    {
      what: 'an unknown verb',
      args: () => ['sett', 'a', '/x=1'],
      code: 'invalid_usage',
      exit: 2,
      says: /Did you mean set\?/,
    },
    {
      what: 'an unknown option',
      args: () => ['set', 'a', '/x=1', '--wiat'],
      code: 'invalid_usage',
      exit: 2,
      says: /Did you mean --wait\?/,
    },
    { what: 'no thing', args: () => ['set'], code: 'invalid_usage', exit: 2, says: /thing/ },
    { what: 'no change', args: () => ['set', 'heater'], code: 'invalid_usage', exit: 2, says: /field=value/ },
    { what: 'a thing name that is none', args: () => ['set', '../x', '/a=1'], code: 'invalid_thing_name', exit: 2 },
    { what: 'a thing name with a wildcard', args: () => ['get', 'room-+'], code: 'invalid_thing_name', exit: 2 },
    {
      what: 'a thing name that clears the screen',
      args: () => ['get', '\u001b[2Jx'],
      code: 'invalid_thing_name',
      exit: 2,
      says: /\\u001b\[2Jx/,
    },
    { what: 'a field without a slash', args: () => ['set', 'heater', 'targetC=1'], code: 'invalid_pointer', exit: 2 },
    {
      what: 'a value that is broken JSON',
      args: () => ['set', 'heater', '/a={on:true}'],
      code: 'invalid_usage',
      exit: 2,
      says: /quote JSON/,
    },
    {
      what: 'a time without a unit',
      args: () => ['set', 'heater', '/a=1', '--apply-within', '5'],
      code: 'invalid_usage',
      exit: 2,
      says: /30s/,
    },
    {
      what: 'a choice that is none',
      args: () => ['set', 'heater', '/a=1', '--on-end', 'explode'],
      code: 'invalid_usage',
      exit: 2,
      says: /restore, withdraw, keep/,
    },
    { what: 'a command id that is none', args: () => ['cancel', '42'], code: 'invalid_usage', exit: 2 },
    { what: 'an extension by nothing', args: () => ['extend', SOME_ID], code: 'invalid_usage', exit: 2 },
    {
      what: 'a server that is no URL',
      args: () => ['get', 'heater', '--server', 'localhost'],
      code: 'invalid_usage',
      exit: 2,
    },
    {
      what: 'a server that is not there',
      args: () => ['get', 'heater', '--server', NOWHERE],
      code: 'server_unreachable',
      exit: 7,
      says: /shadowctl serve/,
    },
    {
      what: 'a stranger where the server should be',
      args: () => ['commands', '--server', strangerUrl],
      code: 'server_unreachable',
      exit: 7,
      says: /no shadowctl server/,
    },
    {
      what: 'listening where everybody can come',
      args: () => ['serve', '--listen', '0.0.0.0:0'],
      code: 'invalid_usage',
      exit: 2,
      says: /--access FILE/,
    },
    { what: 'an address that is none', args: () => ['serve', '--listen', 'here'], code: 'invalid_config', exit: 2 },
    {
      what: 'a store that is none',
      args: () => ['serve', '--store', 'postgres://x'],
      code: 'invalid_usage',
      exit: 2,
      says: /sqlite:PATH/,
    },
    {
      what: 'a configuration file that is not there',
      args: () => serveWith('missing.json'),
      code: 'invalid_config',
      exit: 2,
      says: /no such file/,
    },
    { what: 'a configuration that is a directory', args: () => serveWith('.'), code: 'invalid_config', exit: 2 },
    {
      what: 'a configuration that is no JSON',
      args: () => serveWith('broken.json'),
      code: 'invalid_config',
      exit: 2,
      says: /broken\.json/,
    },
    {
      what: 'a configuration with an unknown member',
      args: () => serveWith('unknown-member.json'),
      code: 'invalid_config',
      exit: 2,
      says: /unknown-member\.json/,
    },
    {
      what: 'a model that is not there',
      args: () => serveWith('no-model.json'),
      code: 'invalid_config',
      exit: 2,
      says: /missing\.json/,
    },
    {
      what: 'a model without a name',
      args: () => serveWith('bad-model.json'),
      code: 'invalid_model',
      exit: 2,
      says: /\$id/,
    },
    {
      what: 'a broker that is no URL',
      args: () => ['serve', '--listen', '127.0.0.1:0', '--mqtt', 'broker', '--store', freshStore()],
      code: 'invalid_config',
      exit: 2,
      says: /mqtt:\/\//,
    },
    {
      what: 'a store that is no ledger',
      args: () => ['serve', '--listen', '127.0.0.1:0', '--store', `sqlite:${join(dir, 'no-ledger.sqlite')}`],
      code: 'ledger_corrupt',
      exit: 2,
    },
    {
      what: 'a port that is taken',
      args: () => [
        'serve',
        '--listen',
        new URL(strangerUrl).host,
        '--mqtt',
        'mqtt://127.0.0.1:1',
        '--store',
        freshStore(),
      ],
      code: 'address_in_use',
      exit: 2,
      says: /port 0/,
    },
  ])('$what: $code, exit code $exit', async ({ args, code, exit, says = /./ }) => {
    const ran = await shadowctl(args());
    expect(ran.stderr).toContain(`[${code}]`);
    expect(ran.stderr).toMatch(says);
    expect(
      ran.stderr
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('{')),
    ).toHaveLength(1);

    expect(ran.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(ran.stdout).toBe('');
    expect(ran.code).toBe(exit);

    const asJson = await shadowctl([...args(), '--json']);
    const lines = asJson.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level?: string; problem?: unknown });
    expect(lines.find(({ level }) => level === undefined)?.problem).toMatchObject({ code, exitCode: exit });
    expect(asJson.code).toBe(exit);
  });
});

function serveWith(config: string): readonly string[] {
  return ['serve', '--listen', '127.0.0.1:0', '--store', freshStore(), '--config', join(dir, config)];
}

let stores = 0;
function freshStore(): string {
  return `sqlite:${join(dir, `ledger-${(stores += 1)}.sqlite`)}`;
}

test('a server whose port is taken neither connects nor makes a ledger', async () => {
  let connections = 0;
  const broker = createTcpServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  const mqtt = `mqtt://127.0.0.1:${(broker.address() as AddressInfo).port}`;
  const store = freshStore();
  const ran = await shadowctl(['serve', '--listen', new URL(strangerUrl).host, '--mqtt', mqtt, '--store', store]);
  broker.close();
  expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('[address_in_use]') });
  expect(connections).toBe(0);
  expect(existsSync(store.slice('sqlite:'.length))).toBe(false);
});

test('help and version are data, without a server, and name the exit codes', async () => {
  const help = await shadowctl(['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const word of ['demo', 'serve', 'set', 'drift', 'SHADOWCTL_SERVER', 'NO_COLOR', '124', '130']) {
    expect(help.stdout).toContain(word);
  }
  expect(await shadowctl(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test('every verb has help with its options', async () => {
  const root = await shadowctl(['--help']);
  const verbs = [...root.stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, verb]) => verb ?? '');
  expect(verbs).toContain('rollback');
  for (const verb of verbs.filter((name) => name !== 'help')) {
    const help = await shadowctl(['help', verb]);
    expect(help, verb).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(new RegExp(`^Usage: shadowctl ${verb}`));
    expect(help.stdout).not.toMatch(MACHINE_DEFAULT);
  }
});

test('defaults stand in the help as one would type them', async () => {
  const [serve, rotate] = [await shadowctl(['help', 'serve']), await shadowctl(['keys', 'rotate', '--help'])];
  expect(serve.stdout).toMatch(/--listen <host:port>[^-]*\(default:\s+127\.0\.0\.1:8080\)/);
  expect(rotate.stdout).toMatch(/--overlap <duration>[^-]*\(default: 1d\)/);
});

/** An object, or milliseconds. */
const MACHINE_DEFAULT = /\(default:\s+(\{|\d{4,})/;

test('without a verb the help goes to stderr and the exit code says that something was missing', async () => {
  expect(await shadowctl([])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('Usage: shadowctl'),
  });
});

test('colours are on when forced, and off with NO_COLOR', async () => {
  const args = ['get', 'heater', '--server', NOWHERE];
  expect((await shadowctl(args, { env: { FORCE_COLOR: '1' } })).stderr).toContain('\u001b[');
  expect((await shadowctl(args, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stderr).not.toContain('\u001b[');
});
