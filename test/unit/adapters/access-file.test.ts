import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { changeAccessFile, readAccessFile } from '../../../src/adapters/access-file/access-file.ts';
import { addKey, revokeKeys, rotateKey, starterFile, type CreatedKey } from '../../../src/adapters/access-file/keys.ts';
import { WatchedAccess } from '../../../src/adapters/access-file/watched-access.ts';
import { createTokenVerifier } from '../../../src/adapters/jose/token-verifier.ts';
import type { ThingName } from '../../../src/core/brand.ts';
import type { Command } from '../../../src/core/command/command.ts';
import { createPublishGate } from '../../../src/cloud/publish-gate.ts';
import { SILENT } from '../../../src/ports/log.ts';

let folder: string;
let file: string;
let access: WatchedAccess;
let nowMs = Date.parse('2026-11-20T12:00:00Z');

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'access-'));
  file = path.join(folder, 'access.json');
  nowMs = Date.parse('2026-11-20T12:00:00Z');
});
afterEach(async () => {
  access?.close();
  await rm(folder, { recursive: true });
});

async function openAccess(): Promise<WatchedAccess> {
  const opened = await WatchedAccess.open({ file, log: SILENT, createTokens: createTokenVerifier, now: () => nowMs });
  if (!opened.ok) throw new Error(opened.problem.message);
  access = opened.value;
  return access;
}

async function create(name: string, ...roles: string[]): Promise<CreatedKey> {
  const made = await changeAccessFile(file, (before) => addKey(before, { name, roles }, nowMs));
  if (!made.ok) throw new Error(made.problem.message);
  return made.value;
}

describe('keys in the file', () => {
  test('the file holds a hash, never the key, and is for its owner only', async () => {
    const { key } = await create('heating', 'viewer');
    const secret = key.slice('sctl_'.length + 13);
    expect(await readFile(file, 'utf8')).not.toContain(secret);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('C-07: a key proves its name and roles; any other does not, in the same words', async () => {
    const { key } = await create('heating', 'viewer');
    await openAccess();
    expect(await access.authenticate(key)).toMatchObject({
      ok: true,
      value: { name: 'heating', id: 'key:heating', roles: ['viewer'] },
    });
    const wrong = [
      key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A'),
      key.replace(/^sctl_.{12}/, 'sctl_000000000000'),
      key.toUpperCase(),
      `${key} `,
      key.slice(0, 17),
      '',
      'sctl___proto_____' + 'a'.repeat(43),
    ];
    for (const each of wrong) {
      const answer = await access.authenticate(each);
      expect(answer).toMatchObject({
        problem: { code: 'unauthenticated', message: 'this credential is not valid' },
      });
    }
  });

  test('rotation: two keys work during the overlap, then only the new one', async () => {
    const first = await create('heating', 'viewer');
    const second = await changeAccessFile(file, (before) =>
      rotateKey(before, { which: 'heating', overlapMs: 60_000, nowMs }),
    );
    if (!second.ok) throw new Error(second.problem.message);
    await openAccess();
    const work = async () => [
      (await access.authenticate(first.key)).ok,
      (await access.authenticate(second.value.key)).ok,
    ];
    expect(await work()).toEqual([true, true]);
    nowMs += 60_000;
    expect(await work()).toEqual([false, true]);
  });

  test('a revoked key is refused once the file was looked at again', async () => {
    const { key } = await create('heating', 'viewer');
    await openAccess();
    expect((await access.authenticate(key)).ok).toBe(true);
    await changeAccessFile(file, (before) => revokeKeys(before, 'heating', nowMs));
    await access.refresh();
    expect((await access.authenticate(key)).ok).toBe(false);
  });

  test('a file that became wrong changes nothing', async () => {
    const { key } = await create('heating', 'viewer');
    await openAccess();
    await writeFile(file, '{"version":1,"roles":{},"keyz":[]}');
    await access.refresh();
    expect((await access.authenticate(key)).ok).toBe(true);
  });

  test('two changes at once do not lose one another', async () => {
    await create('a', 'viewer');
    const both = await Promise.all([
      changeAccessFile(file, (before) => addKey(before, { name: 'b', roles: ['viewer'] }, nowMs)),
      changeAccessFile(file, (before) => addKey(before, { name: 'c', roles: ['viewer'] }, nowMs)),
    ]);
    const names = await readAccessFile(file);
    const stored = names.ok ? names.value.keys.map(({ name }) => name) : [];
    expect(stored).toHaveLength(1 + both.filter(({ ok }) => ok).length);
  });
});

describe('G-08: what an access file may hold', () => {
  const base = starterFile();
  const key = {
    id: 'abcdefghijkl',
    name: 'x',
    roles: ['viewer'],
    sha256: '0'.repeat(64),
    createdAt: '2026-11-20T12:00:00Z',
  };
  const rule = { effect: 'allow', actions: ['look'], things: ['*'] };
  test.each([
    { what: 'a misspelt member', file: { ...base, role: {} }, at: '' },
    {
      what: 'a role that does not exist',
      file: { ...base, keys: [{ ...key, roles: ['nix'] }] },
      at: '/keys/0/roles/0',
    },
    {
      what: 'a key that is called like the system',
      file: { ...base, keys: [{ ...key, name: 'Watcher' }] },
      at: '/keys/0/name',
    },
    {
      what: 'a name that could be a token subject',
      file: { ...base, keys: [{ ...key, name: 'id:alice' }] },
      at: '/keys/0/name',
    },
    { what: 'two keys with one id', file: { ...base, keys: [key, key] }, at: '/keys' },
    {
      what: 'fields beside an action that has none',
      file: { ...base, roles: { viewer: { rules: [{ ...rule, fields: ['/a'] }] } } },
      at: '/roles/viewer/rules/0/fields',
    },
    {
      what: 'a field in dots',
      file: { ...base, roles: { viewer: { rules: [{ ...rule, actions: ['command'], fields: ['a.b'] }] } } },
      at: '/roles/viewer/rules/0/fields/0',
    },
    {
      what: 'a pattern that no thing name can fit',
      file: { ...base, roles: { viewer: { rules: [{ ...rule, things: ['a/b'] }] } } },
      at: '/roles/viewer/rules/0/things/0',
    },
    {
      what: 'an effect that is none',
      file: { ...base, roles: { viewer: { rules: [{ ...rule, effect: 'Deny' }] } } },
      at: '/roles/viewer/rules/0/effect',
    },
    { what: 'another version', file: { ...base, version: 2 }, at: '/version' },
  ])('$what is refused at $at', async ({ file: content, at }) => {
    await writeFile(file, JSON.stringify(content));
    const read = await readAccessFile(file);
    expect(read).toMatchObject({ ok: false, problem: { code: 'invalid_config' } });
    expect(read.ok ? '' : read.problem.message).toMatch(new RegExp(`^${at === '' ? '/' : at}`));
  });
});

describe('C-28: rights are looked up again when a queued command is published', () => {
  const queued = (roles: string[], fields: string[]): Command =>
    ({
      ref: { thingName: 'room-1' as ThingName },
      fields: fields.map((field) => ({ field, desired: 1, state: { outcome: 'pending' } })),
      grant: { principal: 'key:heating', roles, variables: {} },
    }) as unknown as Command;

  test('it goes out while the key stands, also after a rotation', async () => {
    await create('heating', 'commander');
    await changeAccessFile(file, (before) => rotateKey(before, { which: 'heating', overlapMs: 1, nowMs }));
    nowMs += 2;
    const gate = createPublishGate(await openAccess());
    expect(gate(queued(['commander'], ['/a'])).ok).toBe(true);
  });

  test('it does not after the key was revoked', async () => {
    await create('heating', 'commander');
    const gate = createPublishGate(await openAccess());
    await changeAccessFile(file, (before) => revokeKeys(before, 'heating', nowMs));
    await access.refresh();
    expect(gate(queued(['commander'], ['/a']))).toMatchObject({ problem: { code: 'forbidden' } });
  });

  test('it does not after the role lost the field, and the field is named', async () => {
    await create('heating', 'commander');
    const gate = createPublishGate(await openAccess());
    await changeAccessFile(file, (before) => {
      const after = structuredClone(before!);
      after.roles['commander']!.rules.push({ effect: 'deny', actions: ['command'], things: ['*'], fields: ['/lock'] });
      return { ok: true, value: { after, value: undefined } };
    });
    await access.refresh();
    expect(gate(queued(['commander'], ['/a', '/lock']))).toMatchObject({ problem: { code: 'forbidden', at: '/lock' } });
    expect(gate(queued(['commander'], ['/a'])).ok).toBe(true);
  });

  test('commands from before access control was switched on go out', async () => {
    await create('heating', 'viewer');
    const { grant: _, ...without } = queued([], ['/a']);
    expect(createPublishGate(await openAccess())(without as Command).ok).toBe(true);
  });
});
