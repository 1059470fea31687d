import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Sqlite from 'better-sqlite3';
import { BatchWriter } from '../src/adapters/sqlite/batch-writer.ts';
import type { BatchReport, Changes } from '../src/adapters/sqlite/group-commit.ts';
import type { ThingName } from '../src/core/brand.ts';
import { VERDICT_OF } from '../src/core/command/command.ts';
import { openDatabase } from '../src/adapters/sqlite/open-database.ts';
import { openSqliteLedger, type SqliteLedger } from '../src/adapters/sqlite/sqlite-ledger.ts';
import type { LedgerChange } from '../src/ports/ledger.ts';
import { AppendLog } from './support/append-log.ts';
import { lifeOf } from './support/ledger-load.ts';
import { median, percentile, spread } from './support/statistics.ts';

/**
 * The SQLite ledger beside an append log with the same group commit, both durable (FULL sync / fdatasync).
 *
 *   load   commits a second at 1, 100 and 1,000 outstanding, and the latency of one
 *   scale  cost of a commit while 1,000 to 1,000,000 commands are pending, one on each shadow
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

async function commitAll(store: Store, step: readonly Changes[]): Promise<void> {
  const results = await Promise.all(step.map((changes) => store.commit(changes)));
  if (results.some(({ ok }) => !ok)) throw new Error('a commit failed');
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
        for (const step of lifeOf(number, 1_000)) {
          const started = performance.now();
          await commitAll(store, step);
          latencies.push(performance.now() - started);
          commits += step.length;
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

/**
 * A ledger with this many commands, of which the newest `pending` are open and the others ended. Filled without a sync
 * and in large transactions: only what comes after is measured.
 */
async function filled(
  path: string,
  { from, to, pending, things }: { from: number; to: number; pending: number; things: number },
): Promise<SqliteLedger> {
  const opened = openDatabase(Sqlite, { path });
  if (!opened.ok) throw new Error(opened.problem.message);
  const { database, lock } = opened.value;
  database.pragma('synchronous = OFF');
  const writer = new BatchWriter(database, path);
  for (let number = from; number < to; number += FILL) {
    const commits = Array.from({ length: Math.min(FILL, to - number) }, (_, index) => {
      const life = lifeOf(number + index, things);
      return (number + index < to - pending ? life.flat() : accepted(life)).flat();
    });
    const failed = writer.store(commits).find(({ ok }) => !ok);
    if (failed !== undefined) throw new Error(JSON.stringify(failed));
  }
  database.close();
  lock.close();
  const ledger = await openSqliteLedger({ path });
  if (!ledger.ok) throw new Error(ledger.problem.message);
  return ledger.value;
}

/** Until the service has it and the device is waited for: this is how nearly all pending commands are. */
function accepted([created = [], [sent = []] = []]: ReturnType<typeof lifeOf>): readonly Changes[] {
  return [...created, sent];
}

const FILL = 5_000;
const THINGS = 20_000;

/**
 * CPU time of the main operations while so many commands are pending, one on each shadow; what they touch lies all over
 * the file. `cold`: right after opening, when no page is in memory; `warm`: after a thousand of each.
 */
async function scale(largest: number): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, 'ledger.sqlite');
    const ended = new Set<number>();
    let filledTo = 0;
    let fresh = 10_000_000;
    const first: Record<string, number> = {};
    for (const size of [1_000, 10_000, 100_000, 1_000_000].filter((each) => each <= largest)) {
      const store = await filled(path, { from: filledTo, to: size, pending: size - filledTo, things: Infinity });
      filledTo = size;
      const anyOf = (): number => Math.floor(Math.random() * size);
      const anyOld = (): number => {
        for (;;) {
          const number = anyOf();
          if (!ended.has(number)) return number;
        }
      };
      const work = {
        'new command, accepted': () => commitAll(store, accepted(lifeOf((fresh += 7_919), size))),
        'success of an old one': () => {
          const number = anyOld();
          ended.add(number);
          return commitAll(store, (lifeOf(number, Infinity)[1] ?? []).slice(1));
        },
        'read of a shadow': () => store.shadow({ thingName: `thing-${anyOf()}` as ThingName }),
      };
      for (const state of ['cold', 'warm']) {
        for (const [name, once] of Object.entries(work)) {
          const costs: number[] = [];
          for (let round = 0; round < 5; round++) costs.push(await cpuEach(50, once));
          const cost = median(costs);
          const what = `${name}, ${state}`;
          first[what] ??= cost;
          const ratio = (cost / (first[what] ?? cost)).toFixed(2);
          say(
            `scale ${String(size).padStart(8)} pending  ${what.padEnd(30)} ${cost.toFixed(1).padStart(6)} us CPU (${spread(costs, 1)}), ${ratio} x of the smallest`,
          );
        }
        if (size > 1_000) for (const once of Object.values(work)) await cpuEach(1_000, once);
      }
      await store.close();
    }
  });
}

/** Microseconds of CPU time, all at once. */
async function cpuEach(count: number, once: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: count }, () => once()));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

/** Opening, integrity check included as in production, until every shadow with an open command is known. */
async function start(commands: number, pending: number): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, 'ledger.sqlite');
    const store = await filled(path, { from: 0, to: commands, pending, things: THINGS });
    const { ledgerBytes } = store.files();
    await store.close();
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const started = performance.now();
      const opened = await openSqliteLedger({ path });
      if (!opened.ok) throw new Error(opened.problem.message);
      let [open, cursor] = [0, undefined as string | undefined];
      do {
        const page = await opened.value.openShadows({ limit: 500, ...(cursor === undefined ? {} : { cursor }) });
        if (!page.ok) throw new Error(page.problem.message);
        for (const shadow of page.value.items) open += shadow.open;
        cursor = page.value.next;
      } while (cursor !== undefined);
      times.push(performance.now() - started);
      if (open !== pending) throw new Error(`found ${open} open commands`);
      await opened.value.close();
    }
    const perCommand = ledgerBytes / commands;
    say(
      `start ${commands} commands, ${pending} pending: ${median(times).toFixed(0)} ms (${spread(times, 0)}), ${perCommand.toFixed(0)} B on disk per command with its timeline and write`,
    );
    await replay(folder, commands, pending, median(times));
  });
}

/** The same knowledge from an append log: every line read and parsed. */
async function replay(folder: string, commands: number, pending: number, reference: number): Promise<void> {
  const path = join(folder, 'log');
  const log = new AppendLog(path);
  for (let number = 0; number < commands; number += FILL) {
    log.store(
      Array.from({ length: FILL }, (_, index) => {
        const life = lifeOf(number + index, THINGS);
        return number + index < commands - pending ? life.flat(2) : (life[0] ?? []).flat();
      }),
    );
  }
  log.close();
  const started = performance.now();
  const open = new Map<string, number>();
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const change = JSON.parse(line) as LedgerChange;
    if (change.type !== 'command') continue;
    if (VERDICT_OF[change.command.status] === 'pending') open.set(change.command.id, change.command.policy.expiresAt);
    else open.delete(change.command.id);
  }
  const ms = performance.now() - started;
  if (open.size !== pending) throw new Error(`the log has ${open.size} open commands`);
  say(`start from an append log: ${ms.toFixed(0)} ms; the ledger takes ${(reference / ms).toFixed(3)} x`);
}

const [part = 'load', ...flags] = process.argv.slice(2);
const quick = flags.includes('--quick');
if (part === 'load') await compareLoad(quick);
else if (part === 'scale') await scale(quick ? 100_000 : 1_000_000);
else if (part === 'start') await start(quick ? 100_000 : 1_000_000, quick ? 10_000 : 100_000);
else {
  process.stderr.write('usage: npm run bench -- ledger load|scale|start [--quick]\n');
  process.exitCode = 2;
}
