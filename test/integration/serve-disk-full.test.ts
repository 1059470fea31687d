import { execFileSync, spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { composeDevice } from '../../src/compose-device.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import type { Device } from '../../src/device/device.ts';
import { eventually } from '../support/eventually.ts';
import { got } from '../support/ledger-fixtures.ts';
import { startShadowctl, type Started } from '../support/shadowctl.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { TestHardware, thing } from '../support/test-device.ts';

/** A disk of our own that can be full needs rights that not every machine gives. */
function mounted(disk: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]).status === 0;
}
function unmount(folder: TemporaryFolder): void {
  execFileSync('umount', [folder.path('.')]);
  folder.remove();
}

const probe = temporaryFolder();
const canMount = mounted(probe.path('.'));
if (canMount) unmount(probe);
else probe.remove();

describe.skipIf(!canMount)('a server whose disk is full (F1)', () => {
  let folder: TemporaryFolder;
  let simulator: Simulator;
  let device: Device;
  let server: Started;
  let url: string;

  beforeEach(async () => {
    folder = temporaryFolder();
    expect(mounted(folder.path('.'))).toBe(true);
    simulator = await startSimulator();
    const { mqttUrl } = simulator;
    const shadows = [{ model: NO_MODEL, adapters: [new TestHardware({ '/n': 0 })] }];
    device = await got(composeDevice({ thingName: thing('heater'), shadows, mqtt: { url: mqttUrl } }));
    await got(device.start());
    const store = `sqlite:${folder.path('ledger.sqlite')}`;
    const args = ['--listen', '127.0.0.1:0', '--store', store, '--mqtt', mqttUrl, '--log', 'silent', '--json'];
    server = startShadowctl(['serve', ...args]);
    url = await eventually(() => /"http":"([^"]+)"/.exec(server.stdout())?.[1], { withinMs: 30_000 });
  });
  afterEach(async () => {
    server.process.kill('SIGTERM');
    await server.ended;
    await device.stop();
    await simulator.stop();
    unmount(folder);
  });

  const post = (n: number) =>
    fetch(`${url}/v1/things/heater/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ desired: { n }, reason: 'x'.repeat(1_000), applyWithinMs: 600_000 }),
    });
  const list = async (query: string) =>
    ((await (await fetch(`${url}/v1/commands?limit=100&${query}`)).json()) as { items: { id: string }[] }).items;

  test(
    'refuses with 507, answers what it knows, and goes on without a restart when there is room',
    { timeout: 90_000 },
    async () => {
      const accepted: string[] = [];
      let refused: Response | undefined;
      for (let n = 1; refused === undefined; n++) {
        const response = await post(n);
        if (response.status === 202) accepted.push(((await response.json()) as { id: string }).id);
        else refused = response;
      }
      expect(refused.status).toBe(507);
      expect(await refused.json()).toMatchObject({ code: 'ledger_full' });
      expect((await fetch(`${url}/readyz`)).status).toBe(503);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect((await fetch(`${url}/v1/commands/${accepted[0] ?? ''}`)).status).toBe(200);

      execFileSync('mount', ['-o', 'remount,size=50m', folder.path('.')]);

      await eventually(async () => (await post(1_000_000)).status === 202, { withinMs: 30_000, everyMs: 50 });
      const settled = async (): Promise<boolean> => {
        const open = await list('verdict=pending');
        if (open.length > 0) throw new Error(`still pending: ${JSON.stringify(open)}`);
        return true;
      };
      await eventually(settled, { withinMs: 30_000, everyMs: 50 });
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      for (const id of accepted) {
        const command = (await (await fetch(`${url}/v1/commands/${id}`)).json()) as { status: string };
        expect(['succeeded', 'superseded']).toContain(command.status);
      }
      expect(simulator.document('heater')?.state.reported?.['n']).toBe(1_000_000);
    },
  );
});
