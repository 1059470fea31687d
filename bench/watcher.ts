import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteLedger } from '../src/adapters/sqlite/sqlite-ledger.ts';
import { SystemClock } from '../src/adapters/system/clock.ts';
import { SystemRandom } from '../src/adapters/system/random.ts';
import { Engine } from '../src/cloud/engine.ts';
import { NO_MODEL } from '../src/core/model/model.ts';
import type { Ledger } from '../src/ports/ledger.ts';
import { SILENT } from '../src/ports/log.ts';
import { MemoryLedger } from '../simulators/ledger/memory-ledger.ts';
import { FedTransport } from './support/fed-transport.ts';
import { interleave } from './support/interleave.ts';
import { machine, print, table } from './support/report.ts';
import { median, number, spread } from './support/stats.ts';

/**
 * `npm run bench -- watcher [--repetitions N]`
 *
 * How many `update/accepted` messages a second the watcher takes in, beside parsing the same bytes and nothing else.
 */
const at = process.argv.indexOf('--repetitions');
const repetitions = at < 0 ? 5 : Number(process.argv[at + 1]);
const THINGS = 500;
const MESSAGES = 20_000;

print(`# bench watcher\n\n${machine()}, ${new Date().toISOString().slice(0, 10)}, ${repetitions} repetitions\n`);

/** What devices report over and over: a value, with the version they took into account. */
function accepted(version: number): Uint8Array {
  const at = Math.floor(Date.now() / 1_000);
  return new TextEncoder().encode(
    JSON.stringify({
      state: { reported: { targetC: version, humidity: 40 + (version % 20), reconciler: { version: version - 1 } } },
      metadata: {
        reported: {
          targetC: { timestamp: at },
          humidity: { timestamp: at },
          reconciler: { version: { timestamp: at } },
        },
      },
      version,
      timestamp: at,
    }),
  );
}

const payloads = Array.from({ length: MESSAGES / THINGS }, (_, round) => accepted(round + 2));

function parseAlone(): Promise<number> {
  const decoder = new TextDecoder();
  const beganMs = performance.now();
  for (const payload of payloads) for (let thing = 0; thing < THINGS; thing++) JSON.parse(decoder.decode(payload));
  return Promise.resolve(MESSAGES / ((performance.now() - beganMs) / 1_000));
}

async function ingest(ledger: Ledger): Promise<number> {
  const clock = new SystemClock();
  const transport = new FedTransport();
  const ports = { transport, ledger, clock, random: new SystemRandom(), log: SILENT };
  const engine = new Engine({ ...ports, modelOf: () => NO_MODEL });
  const started = await engine.start();
  if (!started.ok) throw new Error(started.problem.message);
  const topics = Array.from({ length: THINGS }, (_, thing) => `$aws/things/thing-${thing}/shadow/update/accepted`);
  for (const topic of topics) transport.feed(topic, accepted(1));
  await new Promise((resolve) => setTimeout(resolve, 500)); // every shadow is known now
  const beganMs = performance.now();
  for (const payload of payloads) {
    for (const topic of topics) transport.feed(topic, payload);
    await new Promise((resolve) => setImmediate(resolve)); // as messages arrive: some at a time
  }
  const perSecond = MESSAGES / ((performance.now() - beganMs) / 1_000);
  await engine.stop();
  await ledger.close();
  return perSecond;
}

async function withSqlite(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-watcher-'));
  const ledger = await openSqliteLedger({ path: join(folder, 'ledger.sqlite'), log: SILENT });
  if (!ledger.ok) throw new Error(ledger.problem.message);
  const perSecond = await ingest(ledger.value);
  rmSync(folder, { recursive: true });
  return perSecond;
}

const results = await interleave<number>(repetitions, {
  'JSON.parse of the same bytes': parseAlone,
  'watcher, ledger in memory': () => ingest(new MemoryLedger()),
  'watcher, SQLite, FULL sync': withSqlite,
});
const alone = median(results['JSON.parse of the same bytes'] ?? []);
print(
  table(
    ['', 'messages/s (lowest to highest)', 'of parsing alone'],
    Object.entries(results).map(([name, all]) => [name, spread(all, 0), number(median(all) / alone)]),
  ),
);
print(`\n${MESSAGES} messages of ${payloads[0]?.length} bytes from ${THINGS} devices`);
process.exit(0);
