import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProgramRegister } from '../../../src/adapters/exec/program-register.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { identityOf, isRunning } from '../../../src/adapters/process/identity.ts';
import { SILENT } from '../../../src/ports/log.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

let folder: TemporaryFolder;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  folder.remove();
});

const register = (): ProgramRegister =>
  new ProgramRegister({ directory: folder.path('programs'), clock: new SystemClock(), log: SILENT });

async function program(body: string): Promise<{ pid: number; child: ChildProcess }> {
  const child = spawn('/bin/sh', ['-c', `${body}; echo ready; while :; do sleep 1; done`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  if (child.stdout !== null) await once(child.stdout, 'data');
  return { pid: child.pid ?? 0, child };
}

test.each([
  ['that ends when it is asked to', ':'],
  ['that ignores the polite request', 'trap "" TERM'],
])('the next life ends a program %s, with what it started', async (_which, body) => {
  const { pid, child } = await program(`${body}; sleep 1000 & echo $! > ${folder.path('grandchild')}`);
  register().enter(pid);
  const next = register();
  next.clear();
  await next.cleared();

  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const grandchild = Number(readFileSync(folder.path('grandchild'), 'utf8'));
  await eventually(() => identityOf(grandchild) === undefined);
  expect(readdirSync(folder.path('programs'))).toEqual([]);
});

test('a stranger that got the number of a program that ended is left alone', async () => {
  const { pid, child } = await program(':');
  register().enter(pid);
  const path = folder.path(`programs/${pid}`);
  const { startedAt } = JSON.parse(readFileSync(path, 'utf8')) as { startedAt: string };
  writeFileSync(path, JSON.stringify({ pid, startedAt: `${startedAt}0` }));
  const next = register();
  next.clear();
  await next.cleared();

  expect(child.exitCode ?? child.signalCode).toBeNull();
  expect(isRunning({ pid, startedAt })).toBe(true);
  expect(existsSync(path)).toBe(false);
});

test('without a clearing, as in a dry run, a program of a living agent is left alone', async () => {
  const { pid } = await program(':');
  register().enter(pid);
  await register().cleared();
  expect(identityOf(pid)).toBeDefined();
  expect(existsSync(folder.path(`programs/${pid}`))).toBe(true);
});

test.each(['', '{}', '{"pid":-1}', 'nonsense'])('a register entry that holds %o is dropped', async (content) => {
  register().enter(process.pid)();
  writeFileSync(folder.path('programs/1'), content);
  const next = register();
  next.clear();
  await next.cleared();
  expect(readdirSync(folder.path('programs'))).toEqual([]);
});
