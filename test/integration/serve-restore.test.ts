import { copyFileSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { backupLedger } from '../../src/adapters/sqlite/file-tools.ts';
import { composeDevice } from '../../src/compose-device.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import type { Device } from '../../src/device/device.ts';
import { eventually } from '../support/eventually.ts';
import { got } from '../support/ledger-fixtures.ts';
import { startShadowctl, type Started } from '../support/shadowctl.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { TestHardware, thing } from '../support/test-device.ts';

let folder: TemporaryFolder;
let simulator: Simulator;
let device: Device | undefined;
let server: Started;
let url: string;

beforeEach(async () => {
  folder = temporaryFolder();
  simulator = await startSimulator();
  await start();
});
afterEach(async () => {
  await stop();
  await device?.stop();
  await simulator.stop();
  folder.remove();
});

async function start(): Promise<void> {
  const store = `sqlite:${folder.path('ledger.sqlite')}`;
  const args = ['--listen', '127.0.0.1:0', '--store', store, '--mqtt', simulator.mqttUrl, '--log', 'error', '--json'];
  server = startShadowctl(['serve', ...args]);
  url = await eventually(() => /"http":"([^"]+)"/.exec(server.stdout())?.[1], { withinMs: 30_000 });
}
async function stop(): Promise<void> {
  server.process.kill('SIGTERM');
  await server.ended;
}
async function create(n: number): Promise<string> {
  const response = await fetch(`${url}/v1/things/heater/commands`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ desired: { n }, applyWithinMs: 600_000 }),
  });
  return ((await response.json()) as { id: string }).id;
}
async function statusOf(id: string): Promise<string> {
  const response = await fetch(`${url}/v1/commands/${id}`);
  return response.status === 404 ? 'unknown here' : ((await response.json()) as { status: string }).status;
}
const becomes = (id: string, status: string) =>
  eventually(async () => (await statusOf(id)) === status, { withinMs: 30_000, everyMs: 25 });

test(
  'D-16: a server on a restored backup does not write old wishes over newer ones, and judges by the shadow as it is now (F7)',
  { timeout: 90_000 },
  async () => {
    const [overtaken, queuedThen] = [await create(5), await create(6)];
    await eventually(async () => ['sent', 'superseded'].includes(await statusOf(overtaken)));
    await becomes(queuedThen, 'sent');
    await got(backupLedger(folder.path('ledger.sqlite'), folder.path('backup.sqlite')));

    const hardware = new TestHardware({ '/n': 0 });
    const shadows = [{ model: NO_MODEL, adapters: [hardware] }];
    device = await got(composeDevice({ thingName: thing('heater'), shadows, mqtt: { url: simulator.mqttUrl } }));
    await got(device.start());
    await becomes(queuedThen, 'succeeded');
    const later = await create(7);
    await becomes(later, 'succeeded');

    await stop();
    for (const end of ['', '-wal', '-shm']) rmSync(folder.path(`ledger.sqlite${end}`), { force: true });
    copyFileSync(folder.path('backup.sqlite'), folder.path('ledger.sqlite'));
    await start();

    await becomes(queuedThen, 'superseded');
    expect(await statusOf(later)).toBe('unknown here');
    expect(simulator.document('heater')?.state).toMatchObject({ desired: { n: 7 }, reported: { n: 7 } });
    expect(hardware.values.get('/n')).toBe(7);
    await becomes(await create(8), 'succeeded');
    expect(hardware.effects.map(({ value }) => value)).toEqual([6, 7, 8]);
  },
);
