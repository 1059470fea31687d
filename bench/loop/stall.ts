import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from '../../simulators/access/certificates.ts';
import { startChild } from '../support/child.ts';
import type { DevicesOptions } from '../processes/devices.ts';
import { interleave } from '../support/interleave.ts';
import { Probe } from '../support/probe.ts';
import { print, table } from '../support/report.ts';
import { number, spread, summarize } from '../support/stats.ts';

const THING = 'stall';
const FIELD = 'targetC';
const MESSAGES = 200;

/**
 * Delta to report with an adapter that takes 1 ms, each in a process of its own: from the delta's arrival at a third
 * party to the arrival of the device's update there, so both travel the same last hop.
 */
export async function stall(repetitions: number): Promise<void> {
  print('\n## No stall: delta to report, an adapter that takes 1 ms\n');
  const tls = await tlsFiles();
  const cloud = await startChild<{ mqttUrl: string; mqttsUrl: string }>('simulator', { mqtts: tls.endpoint });
  const url = cloud.ready.mqttUrl;
  const ours = (mqtt: DevicesOptions['mqtt']) => () =>
    measure(url, 'devices', { mqtt, things: [THING], fields: { [`/${FIELD}`]: 0 }, applyMs: 1 });
  const results = await interleave(repetitions, {
    'shadowctl device, MQTT 5, TCP': ours({ url }),
    'shadowctl device, MQTT 3.1.1, TCP': ours({ url, protocol: 'mqtt311' }),
    'shadowctl device, MQTT 5, TLS': ours({ url: cloud.ready.mqttsUrl, tls: tls.device }),
    'SDK left alone: QoS 1 on one connection, TCP': () =>
      measure(url, 'bare-device', { url, thing: THING, applyMs: 1 }),
  });
  await cloud.stop();
  tls.remove();
  const rows = Object.entries(results).map(([name, all]) => [
    name,
    spread(all.map(({ p50 }) => p50)),
    number(summarize(all.map(({ p95 }) => p95)).p50),
    number(summarize(all.map(({ p99 }) => p99)).p50),
  ]);
  print(table(['device', 'p50 ms (lowest to highest)', 'p95 ms', 'p99 ms'], rows));
}

async function measure(url: string, program: string, options: unknown) {
  const device = await startChild(program, options);
  const probe = await Probe.connect(url);
  const update = `$aws/things/${THING}/shadow/update`;
  let deltaAtMs = 0;
  let settle: (ms: number) => void = () => undefined;
  await probe.listen(`${update}/delta`, (_, atMs) => (deltaAtMs = atMs));
  await probe.listen(update, (payload, atMs) => {
    const { state } = JSON.parse(payload.toString()) as { state: { reported?: Record<string, unknown> } };
    if (state.reported?.[FIELD] !== undefined) settle(atMs - deltaAtMs);
  });
  const latencies: number[] = [];
  // A start of its own for every process: the first value differs from whatever was left.
  const base = Math.round(performance.now()) * 1_000;
  for (let at = 1; at <= MESSAGES; at++) {
    const latency = new Promise<number>((resolve) => (settle = resolve));
    probe.publish(update, JSON.stringify({ state: { desired: { [FIELD]: base + at } } }));
    latencies.push(await latency);
    await new Promise((resolve) => setTimeout(resolve, 3)); // idle again
  }
  await probe.end();
  await device.stop();
  return summarize(latencies.slice(20));
}

async function tlsFiles() {
  const { ca, server, clients } = await makeCertificates({ things: [THING] });
  const folder = mkdtempSync(join(tmpdir(), 'bench-tls-'));
  const file = (name: string, text = '') => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const { cert, key } = clients[THING] ?? {};
  return {
    endpoint: { address: '127.0.0.1:0', ca: ca.cert, cert: server.cert, key: server.key },
    device: { ca: file('ca.pem', ca.cert), cert: file('device.pem', cert), key: file('device.key', key) },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
