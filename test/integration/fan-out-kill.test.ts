import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import type { Failpoint } from '../../src/compose-failpoints.ts';
import type { AggregateView, FanOutView } from '../../src/http/views/many.ts';
import { eventually } from '../support/eventually.ts';
import { fresh } from '../support/fresh.ts';
import { everyPage, got } from '../support/ledger-fixtures.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { startShadowctl, type Started } from '../support/shadowctl.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

/** A server that dies in the middle of one request for many things leaves all of its commands or none. */
const THINGS = Array.from({ length: 50 }, (_, index) => `lamp-${index}`);
/** Where, the how manieth time, and what is in the ledger then, before anybody asks again. */
const PLACES: readonly [Failpoint, number, number][] = [
  ['command.before_commit', 1, 0],
  ['ledger.before_store', 1, 0],
  ['ledger.before_sync', 1, 0],
  ['ledger.after_sync', 1, 50],
  ['command.after_commit', 1, 50],
  ['publish.after', 75, 50], // 50 shadows are read first, so half of the writes are out
  ['api.before_response', 1, 50],
];

let simulator: Simulator;
let folder: TemporaryFolder;
const running: Started[] = [];

beforeAll(async () => {
  simulator = await startSimulator();
  folder = temporaryFolder();
});
afterAll(async () => {
  for (const { process, ended } of running) {
    process.kill('SIGKILL');
    await ended;
  }
  await simulator.stop();
  folder.remove();
});

async function serve(name: string, failpoint?: string): Promise<{ url: string; program: Started }> {
  const store = `sqlite:${folder.path(`${name}.sqlite`)}`;
  const args = ['--listen', '127.0.0.1:0', '--store', store, '--mqtt', simulator.mqttUrl];
  const env = failpoint === undefined ? {} : { SHADOWCTL_FAILPOINT: failpoint };
  const program = startShadowctl(['serve', ...args, '--log', 'error', '--json'], { env });
  running.push(program);
  const url = await eventually(() => /"http":"([^"]+)"/.exec(program.stdout())?.[1], { withinMs: 30_000 });
  return { url, program };
}

async function ask(url: string): Promise<FanOutView> {
  const response = await fetch(`${url}/v1/commands`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'night' },
    body: JSON.stringify({ things: THINGS, desired: { on: false }, applyWithinMs: 600_000 }),
  });
  expect(response.status).toBe(202);
  return (await response.json()) as FanOutView;
}

async function storedIn(name: string): Promise<readonly { readonly parentId?: string }[]> {
  const ledger = await got(openSqliteLedger({ path: folder.path(`${name}.sqlite`) }));
  const commands = await everyPage((page) => ledger.commands({}, page), 500);
  await ledger.close();
  return commands;
}

test.each(PLACES)(
  'killed at %s (%i) there are %i commands; asked again there are 50 of one parent, and all are written',
  { timeout: 60_000 },
  async (place, time, left) => {
    const name = fresh(place);
    const { url, program } = await serve(name, `${place}:${time}`);
    await ask(url).catch(() => undefined); // the answer may be out before the server dies
    await program.ended;
    expect(program.process.signalCode).toBe('SIGKILL');
    expect(await storedIn(name)).toHaveLength(left);

    const again = await serve(name);
    const made = await ask(again.url);
    expect(made.commands.map(({ thingName }) => thingName).sort()).toEqual([...THINGS].sort());
    const parent = `${again.url}/v1/parents/${made.parentId}`;
    await eventually(async () => {
      const { total, statuses } = (await (await fetch(parent)).json()) as AggregateView;
      return total === 50 && statuses.sent === 50;
    });
    again.program.process.kill('SIGTERM');
    await again.program.ended;
    const stored = await storedIn(name);
    expect(new Set(stored.map(({ parentId }) => parentId))).toEqual(new Set([made.parentId]));
    expect(stored).toHaveLength(50);
  },
);
