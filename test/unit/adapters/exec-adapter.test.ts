import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ExecAdapter } from '../../../src/adapters/exec/exec-adapter.ts';
import { ProgramRegister } from '../../../src/adapters/exec/program-register.ts';
import { GATE } from '../../../src/adapters/exec/run-program.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { SILENT } from '../../../src/ports/log.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { field } from '../../support/test-device.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const signal = new AbortController().signal;

function adapter({ read = 'echo 1', apply = 'true', timeoutMs = 5_000 } = {}): ExecAdapter {
  for (const [name, body] of Object.entries({ read, apply })) {
    writeFileSync(folder.path(name), `#!/bin/sh\n${body}\n`);
    chmodSync(folder.path(name), 0o755);
  }
  return new ExecAdapter({
    name: 'zone',
    field: field('/zone'),
    read: ['./read'],
    apply: ['./apply'],
    timeoutMs,
    directory: folder.path(''),
    env: { PATH: process.env['PATH'] },
    ...world(),
  });
}

function world() {
  const clock = new SystemClock();
  return { clock, register: new ProgramRegister({ directory: folder.path('programs'), clock, log: SILENT }) };
}

const zone = [{ field: field('/zone'), value: 'UTC' }];

test.each([
  ['JSON', `echo '{"a":[1,2]}'`, { field: '/zone', value: { a: [1, 2] } }],
  ['nothing', 'true', { field: '/zone', value: null }],
  ['no JSON', 'echo hello', { unreadable: { code: 'not_json' } }],
  ['an error', 'echo no sensor >&2; exit 4', { unreadable: { code: 'exit_4', message: 'no sensor' } }],
])('a read program that prints %s', async (_case, read, expected) => {
  expect(await adapter({ read }).read(signal)).toMatchObject([expected]);
});

test('an apply program gets the value as JSON on its standard input and the field in its environment', async () => {
  const apply = 'cat > got; echo "$SHADOWCTL_FIELD" >> got';
  expect(await adapter({ apply }).apply(zone, signal)).toEqual([{ field: '/zone', result: 'applied' }]);
  expect(readFileSync(folder.path('got'), 'utf8')).toBe('"UTC"\n/zone\n');
});

test.each([
  [65, { result: 'refused', code: 'exit_65', message: 'no such zone' }],
  [64, { result: 'refused' }],
  [77, { result: 'refused' }],
  [75, { result: 'failed', code: 'exit_75' }],
  [1, { result: 'failed', code: 'exit_1' }],
  [3, { result: 'deferred', until: 'restart' }],
])('exit code %i of an apply program means %o', async (code, expected) => {
  const apply = `echo starting >&2; echo no such zone >&2; exit ${code}`;
  expect(await adapter({ apply }).apply(zone, signal)).toMatchObject([expected]);
});

test('an apply program may name its own code', async () => {
  const apply = `echo '{"code":"no_such_zone","message":"Mars has no zone"}' >&2; exit 65`;
  expect(await adapter({ apply }).apply(zone, signal)).toEqual([
    { field: '/zone', result: 'refused', code: 'no_such_zone', message: 'Mars has no zone' },
  ]);
});

test('a program that is not there is a failure with its name', async () => {
  const missing = new ExecAdapter({
    name: 'zone',
    field: field('/zone'),
    read: ['./nowhere'],
    apply: ['./nowhere'],
    timeoutMs: 1_000,
    directory: folder.path(''),
    env: {},
    ...world(),
  });
  expect(await missing.read(signal)).toMatchObject([{ unreadable: { code: 'program_missing' } }]);
  expect(await missing.apply(zone, signal)).toMatchObject([{ result: 'failed', code: 'program_missing' }]);
});

test('a program that does not end is killed with everything it started', async () => {
  const apply = 'trap "" TERM; (trap "" TERM; echo $$ > child; while true; do sleep 0.1; echo x >> alive; done) & wait';
  const result = await adapter({ apply, timeoutMs: 200 }).apply(zone, signal);
  expect(result).toMatchObject([{ result: 'failed', code: 'program_timeout' }]);
  expect(existsSync(folder.path('alive'))).toBe(true);
  const size = (): number => readFileSync(folder.path('alive')).length;
  let before = -1;
  await eventually(
    () => {
      const now = size();
      const still = now === before;
      before = now;
      return still;
    },
    { everyMs: 300 },
  );
});

test('an abort ends the program', async () => {
  const controller = new AbortController();
  const running = adapter({ apply: 'sleep 60' }).apply(zone, controller.signal);
  controller.abort();
  expect(await running).toMatchObject([{ result: 'failed', code: 'program_timeout' }]);
});

test('a program that prints without end does not fill the memory', async () => {
  const read = 'head -c 5000000 /dev/zero | tr "\\0" x';
  expect(await adapter({ read }).read(signal)).toMatchObject([{ unreadable: { code: 'not_json' } }]);
});

test('an apply program stands in the register while it runs, and no longer', async () => {
  const running = adapter({ apply: 'read value; echo $$ > pid; read -r wait < fifo' });
  spawnSync('mkfifo', [folder.path('fifo')]);
  const ended = running.apply(zone, signal);
  const pid = await eventually(() => existsSync(folder.path('pid')) && readFileSync(folder.path('pid'), 'utf8').trim());
  expect(readdirSync(folder.path('programs'))).toEqual([pid]);
  writeFileSync(folder.path('fifo'), 'go\n');
  expect(await ended).toEqual([{ field: '/zone', result: 'applied' }]);
  expect(readdirSync(folder.path('programs'))).toEqual([]);
});

test('an apply program whose agent dies before it stands in the register never begins', async () => {
  const gated = spawn('/bin/sh', ['-c', GATE[2], 'sh', '/bin/touch', folder.path('begun')], { stdio: ['pipe'] });
  gated.stdin.end();
  await once(gated, 'exit');
  expect(existsSync(folder.path('begun'))).toBe(false);
});
