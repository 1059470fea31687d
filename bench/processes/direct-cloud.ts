import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mqttTransport } from '../../src/adapters/aws-iot/transport.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { SystemRandom } from '../../src/adapters/system/random.ts';
import { Engine } from '../../src/cloud/engine.ts';
import type { ThingName } from '../../src/core/brand.ts';
import { VERDICT_OF } from '../../src/core/command/command.ts';
import type { Result } from '../../src/core/result.ts';
import { SILENT } from '../../src/ports/log.ts';
import { pace } from '../support/pace.ts';
import { answer, options, ready } from '../support/process.ts';

/** The cloud side as `shadowctl serve` runs it, without HTTP: a durable ledger, a real connection. */
const { url, things } = options<{ url: string; things: readonly string[] }>();
const folder = mkdtempSync(join(tmpdir(), 'bench-direct-'));
const path = join(folder, 'ledger.sqlite');
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
process.once('SIGTERM', () => process.exit(0));
const clock = new SystemClock();
const random = new SystemRandom();
const transport = got(mqttTransport({ url, clientId: 'direct-cloud' }, { clock, random, log: SILENT }));
let syncs = 0;
const ledger = got(await openSqliteLedger({ path, onBatch: () => (syncs += 1) }));
const cloud = new Engine({ transport, ledger, clock, random, log: SILENT });
got(await cloud.start());
ready();

const by = { name: 'bench' };

async function exchange(thing: string): Promise<void> {
  const request = { thingName: thing as ThingName, name: 'open', args: { at: 1 }, by };
  const { command } = got(await cloud.createDirect(request));
  const { status } = got(await cloud.settled(command.id, command.ref).command);
  if (status !== 'succeeded') throw new Error(status);
}

async function toGroup(group: string): Promise<number> {
  const beganMs = performance.now();
  const all = new Promise<void>((resolve) => {
    let left = things.length;
    const cancel = cloud.onEvent(({ status }) => {
      if (VERDICT_OF[status] !== 'pending' && (left -= 1) === 0) resolve(cancel());
    });
  });
  got(await cloud.createGroup({ group, things: things as readonly ThingName[], name: 'open', args: { at: 1 }, by }));
  await all;
  return performance.now() - beganMs;
}

/** Durable commits of one command while nothing else goes on. */
async function commits(): Promise<number> {
  const [before, count] = [syncs, 100];
  await pace(Array.from({ length: count }), 1, () => exchange(things[0] ?? ''));
  return (syncs - before) / count;
}

function got<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.problem.code}: ${result.problem.message}`);
  return result.value;
}

answer<{ count: number; inFlight: number } | { group: string } | 'commits'>((asked) => {
  if (asked === 'commits') return commits();
  if ('group' in asked) return toGroup(asked.group);
  return pace(Array.from({ length: asked.count }), asked.inFlight, (_, worker) => exchange(things[worker] ?? ''));
});
