import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { BatchWriter } from '../src/adapters/sqlite/batch-writer.ts';
import { openDatabase } from '../src/adapters/sqlite/open-database.ts';
import type { EpochMs } from '../src/core/brand.ts';
import type { LedgerChange } from '../src/ports/ledger.ts';
import { startChild, startShadowctl } from './support/child.ts';
import { lifeOf } from './support/ledger-load.ts';
import { machine, print, table } from './support/report.ts';

/**
 * `npm run bench -- restart [10000 100000 …]`
 *
 * A real `serve` starts on a ledger with so many queued commands, each on a shadow of its own that the service does not
 * have yet. Until it is ready, until all of them are accepted by the service, the memory that took, and how long the
 * slowest of the `/readyz` asked four times a second took.
 */

const FILL = 5_000;
const WEEK_MS = 604_800_000;

function queued(number: number, now: number): LedgerChange[] {
  const [[created = []] = []] = lifeOf(number, Number.MAX_SAFE_INTEGER);
  return created.flatMap((change): LedgerChange[] => {
    if (change.type === 'write') return [];
    if (change.type !== 'command' || change.command.kind !== 'shadow') return [change];
    const { writeId: _, ...command } = change.command;
    const policy = { ...command.policy, applyWithinMs: WEEK_MS, expiresAt: (now + WEEK_MS) as EpochMs };
    const clock = { leftMs: WEEK_MS };
    return [{ type: 'command', command: { ...command, createdAt: now as EpochMs, policy, clock } }];
  });
}

function fill(path: string, count: number): void {
  const opened = openDatabase(Sqlite, { path });
  if (!opened.ok) throw new Error(opened.problem.message);
  const { database, lock } = opened.value;
  database.pragma('synchronous = OFF');
  const writer = new BatchWriter(database, path);
  const now = Date.now();
  for (let from = 0; from < count; from += FILL) {
    const commits = Array.from({ length: Math.min(FILL, count - from) }, (_, index) => queued(from + index, now));
    if (writer.store(commits).some(({ ok }) => !ok)) throw new Error('the ledger could not be filled');
  }
  database.close();
  lock.close();
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The most that a process ever held, in MB. */
function peakMegabytes(pid: number | undefined): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

async function restart(count: number): Promise<string[]> {
  const folder = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'bench-restart-'));
  const path = join(folder, 'ledger.sqlite');
  fill(path, count);
  const simulator = await startChild<{ mqttUrl: string }>('simulator');
  const began = performance.now();
  const server = await startShadowctl(
    ['serve', '--listen', '127.0.0.1:0', '--store', `sqlite:${path}`].concat([
      '--mqtt',
      simulator.ready.mqttUrl,
      '--log',
      'error',
    ]),
    /(http:\/\/127\.0\.0\.1:\d+)/,
  );
  const readyMs = performance.now() - began;
  const url = server.ready[1] ?? '';
  const accepted = async (): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(/shadow_commands_pending\{status="sent"\} (\d+)/.exec(text)?.[1]);
  };
  let slowestMs = 0;
  let halfMs: number | undefined;
  for (let round = 0; ; round += 1) {
    const asked = performance.now();
    await (await fetch(`${url}/readyz`)).text();
    slowestMs = Math.max(slowestMs, performance.now() - asked);
    if (round % 8 === 0) {
      const done = await accepted();
      if (done >= count / 2) halfMs ??= performance.now() - began;
      if (done === count) break;
    }
    await pause(250);
  }
  const tookMs = performance.now() - began;
  const memory = peakMegabytes(server.process.pid);
  await server.stop();
  await simulator.stop();
  rmSync(folder, { recursive: true, force: true });
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  return [
    count.toLocaleString('en-US'),
    seconds(readyMs),
    seconds(halfMs ?? 0),
    seconds(tookMs),
    ((count / tookMs) * 1_000).toFixed(0),
    memory.toFixed(0),
    slowestMs.toFixed(0),
  ];
}

const sizes = process.argv.slice(2).map(Number);
const rows: string[][] = [];
for (const size of sizes.length > 0 ? sizes : [10_000, 30_000, 100_000]) rows.push(await restart(size));
print(`\nRestart with pending commands, one on each shadow. ${machine()}\n`);
print(
  table(
    ['pending', 'ready, s', 'half sent, s', 'all sent, s', 'a second', 'peak memory, MB', 'slowest /readyz, ms'],
    rows,
  ),
);
process.exit(0);
