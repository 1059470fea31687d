import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild, startShadowctl } from '../support/child.ts';
import type { DevicesOptions } from '../processes/devices.ts';
import { HttpClient } from '../support/http.ts';
import { pace } from '../support/pace.ts';
import { commandBody, thingNames, type Load, type Paced } from './parts.ts';

export interface WholeOptions {
  readonly devices: number;
  readonly connections: number;
  readonly profile?: boolean;
}

/** The whole loop as people run it: `shadowctl serve` with a ledger on disk, the local cloud, devices. */
export async function openWhole({ devices, connections }: WholeOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-loop-'));
  const store = join(folder, 'ledger.sqlite');
  const things = thingNames(devices);
  const cloud = await startChild<{ mqttUrl: string }>('simulator');
  const url = cloud.ready.mqttUrl;
  const server = await startShadowctl(
    ['serve', '--listen', '127.0.0.1:0', '--store', `sqlite:${store}`, '--mqtt', url, '--log', 'warn'],
    /(http:\/\/127\.0\.0\.1:\d+)/,
  );
  const fleet: DevicesOptions = { mqtt: { url }, things, fields: { '/targetC': 0 }, applyMs: 0 };
  const devicesProcess = await startChild('devices', fleet);
  const api = server.ready[1] ?? '';
  const http = new HttpClient(api, connections);
  let value = 1;
  const run = ({ count, inFlight }: Load): Promise<Paced> =>
    pace(Array.from({ length: count }), inFlight, async (_, worker) => {
      const path = `/v1/things/${things[worker] ?? ''}/commands`;
      const { status, body } = await http.post(path, commandBody(value++), { prefer: 'wait=20' });
      const { status: ended } = body as { status?: string };
      if (ended !== 'succeeded') throw new Error(`${status} ${JSON.stringify(body)}`);
    });
  return {
    run,
    processes: {
      server: server.process.pid,
      devices: devicesProcess.process.pid,
      'broker and shadow service': cloud.process.pid,
      caller: process.pid,
    },
    /** Durable commits per command while one is in flight. */
    commitsPerCommand: async (): Promise<number> => {
      const [before, count] = [await syncsOf(api), 100];
      await run({ count, inFlight: 1 });
      return ((await syncsOf(api)) - before) / count;
    },
    close: async () => {
      http.close();
      await devicesProcess.stop();
      await server.stop();
      await cloud.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** How often the ledger has synced, as the server counts it. */
async function syncsOf(server: string): Promise<number> {
  const text = await (await fetch(`${server}/metrics`)).text();
  const [, count] = /^shadow_ledger_sync_duration_seconds_count (\d+)$/m.exec(text) ?? [];
  if (count === undefined) throw new Error('the server counts no syncs');
  return Number(count);
}
