import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatchReport, Changes } from '../src/adapters/sqlite/group-commit.ts';
import { openSqliteLedger } from '../src/adapters/sqlite/sqlite-ledger.ts';
import { AppendLog } from './support/append-log.ts';
import { lifeOf } from './support/ledger-load.ts';
import { median, percentile, spread } from './support/statistics.ts';

/**
 * The SQLite ledger beside an append log with the same group commit, both durable (FULL sync / fdatasync).
 *
 *   load   commits a second at 1, 100 and 1,000 outstanding, and the latency of one
 *   scale  cost of a commit while 1,000 to 1,000,000 commands are pending
 *   start  from opening to knowing every open shadow: 100,000 pending of 1,000,000 commands
 */

interface Store {
  commit(changes: Changes): Promise<{ readonly ok: boolean }>;
  close(): Promise<void> | void;
}

type Opener = (folder: string, onBatch: (batch: BatchReport) => void) => Promise<Store>;

const STORES: Readonly<Record<string, Opener>> = {
  log: async (folder, onBatch) => new AppendLog(join(folder, 'log'), onBatch),
  sqlite: async (folder, onBatch) => {
    const opened = await openSqliteLedger({ path: join(folder, 'ledger.sqlite'), onBatch });
    if (!opened.ok) throw new Error(opened.problem.message);
    return opened.value;
  },
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'bench-ledger-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly batch: number;
}

/** `outstanding` commands live at once, one commit of each in flight. */
function load(open: Opener, outstanding: number, commands: number): Promise<Load> {
  return inFolder(async (folder) => {
    let [batches, commits, next] = [0, 0, 0];
    const latencies: number[] = [];
    const store = await open(folder, () => (batches += 1));
    const lane = async (): Promise<void> => {
      for (let number = next++; number < commands; number = next++) {
        for (const changes of lifeOf(number, 1_000)) {
          const started = performance.now();
          const result = await store.commit(changes);
          if (!result.ok) throw new Error('a commit failed');
          latencies.push(performance.now() - started);
          commits += 1;
        }
      }
    };
    const started = performance.now();
    await Promise.all(Array.from({ length: outstanding }, lane));
    const perSecond = (commits / (performance.now() - started)) * 1_000;
    await store.close();
    return { perSecond, p50: median(latencies), p99: percentile(latencies, 99), batch: commits / batches };
  });
}

async function compareLoad(quick: boolean): Promise<void> {
  const rounds = quick ? 3 : 7;
  for (const [outstanding, commands] of [
    [1, 300],
    [100, 5_000],
    [1_000, 10_000],
  ] as const) {
    const runs: Record<string, Load[]> = { log: [], sqlite: [] };
    for (let round = 0; round < rounds; round++) {
      for (const name of Object.keys(STORES))
        runs[name]?.push(await load(STORES[name] as Opener, outstanding, commands));
    }
    const ratios = (runs['sqlite'] ?? []).map((run, round) => run.perSecond / (runs['log']?.[round]?.perSecond ?? 0));
    for (const [name, list] of Object.entries(runs)) {
      const of = (key: keyof Load): number => median(list.map((run) => run[key]));
      say(
        `load ${outstanding} outstanding, ${name.padEnd(6)} ${of('perSecond').toFixed(0).padStart(6)} commits/s  p50 ${of('p50').toFixed(2)} ms  p99 ${of('p99').toFixed(2)} ms  batch ${of('batch').toFixed(0)}`,
      );
    }
    say(`load ${outstanding} outstanding, ratio  ${median(ratios).toFixed(2)} (${spread(ratios)})`);
  }
}

const [part = 'load', ...flags] = process.argv.slice(2);
const quick = flags.includes('--quick');
if (part === 'load') await compareLoad(quick);
