import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileJournal } from '../../../src/adapters/file/journal.ts';
import { identityOf, parseIdentity } from '../../../src/adapters/process/identity.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const path = (): string => folder.path('journal.log');

async function written(count: number): Promise<Buffer> {
  const journal = new FileJournal(path());
  await journal.open();
  for (let n = 1; n <= count; n += 1) await journal.write('a', { n }, { durable: true });
  await journal.close();
  return readFileSync(path());
}

async function reopened() {
  const journal = new FileJournal(path());
  const opened = await journal.open();
  if (!opened.ok) throw new Error(opened.problem.message);
  return { journal, ...opened.value };
}

test('C5 a file cut at any byte gives the last whole entry and says what was lost', async () => {
  const whole = await written(3);
  const lines = whole.toString('utf8').split('\n').slice(0, 3);
  for (let bytes = 0; bytes < whole.length; bytes += 1) {
    writeFileSync(path(), whole.subarray(0, bytes));
    const { journal, records, damage } = await reopened();
    const entries = whole.subarray(0, bytes).toString('utf8').split('\n').length - 1;
    expect(records.get('a')).toEqual(entries === 0 ? undefined : { n: entries });
    const clean = lines.slice(0, entries).join('\n').length + (entries > 0 ? 1 : 0) === bytes;
    expect(damage === undefined).toBe(clean);
    // Usable at once, and clean at the next start.
    await journal.write('a', { n: 99 }, { durable: true });
    await journal.close();
    const next = await reopened();
    expect({ n: next.records.get('a'), damage: next.damage }).toEqual({ n: { n: 99 }, damage: undefined });
    await next.journal.close();
  }
});

test('a flipped byte anywhere loses one entry and keeps the rest, and a copy of the original', async () => {
  const whole = await written(3);
  for (let at = 0; at < whole.length; at += 7) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ 0x20;
    writeFileSync(path(), flipped);
    const { journal, records, damage } = await reopened();
    expect(records.get('a')).toBeDefined();
    expect(damage?.entriesLost).toBeGreaterThanOrEqual(1);
    expect(readFileSync(damage?.keptAs ?? '')).toEqual(flipped);
    await journal.close();
  }
});

test('I13 the file stays small however often it is written', async () => {
  const journal = new FileJournal(path());
  await journal.open();
  const record = { text: 'x'.repeat(1_000) };
  let largest = 0;
  for (let n = 0; n < 1_000; n += 1) {
    await journal.write(`key-${n % 5}`, { ...record, n }, { durable: false });
    largest = Math.max(largest, statSync(path()).size);
  }
  await journal.close();
  expect(largest).toBeLessThan(80 * 1024);
  expect((await reopened()).records.size).toBe(5);
});

test('a journal that cannot be opened is a problem with its path', async () => {
  mkdirSync(path());
  const opened = await new FileJournal(path()).open();
  expect(opened).toMatchObject({ ok: false, problem: { code: 'journal_unavailable', at: path() } });
});

test('a second process is told who uses the journal, and gets it when the first one is gone', async () => {
  const holder = spawn('/bin/sh', ['-c', 'echo ready; read -r wait'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  writeFileSync(`${path()}.lock`, JSON.stringify(identityOf(holder.pid ?? 0)));
  const refused = await new FileJournal(path()).open();
  expect(refused).toMatchObject({
    ok: false,
    problem: { code: 'journal_locked', message: `process ${holder.pid} uses this journal` },
  });
  holder.kill('SIGKILL');
  await once(holder, 'exit');

  const { journal } = await reopened();
  expect(parseIdentity(readFileSync(`${path()}.lock`, 'utf8'))).toEqual(identityOf(process.pid));
  await journal.close();
  expect(existsSync(`${path()}.lock`)).toBe(false);
});

test.each([
  ['a process with the same number but another start', JSON.stringify({ pid: 1, startedAt: 'another boot/1' })],
  ['nobody, because it was killed before it wrote its name', ''],
  ['nonsense', 'nonsense'],
])('a lock that names %s is taken over', async (_whom, content) => {
  writeFileSync(`${path()}.lock`, content);
  const { journal } = await reopened();
  await journal.close();
});

test('a journal that was opened again in this process keeps its lock when the older one is closed', async () => {
  const { journal: older } = await reopened();
  const { journal: newer } = await reopened();
  await older.close();
  expect(existsSync(`${path()}.lock`)).toBe(true);
  await newer.close();
  expect(existsSync(`${path()}.lock`)).toBe(false);
});
