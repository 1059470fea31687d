import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { makeCertificates } from '../simulators/access/certificates.ts';
import { applyUpdate, parseUpdateRequest, type ShadowRecord } from '../src/core/shadow/update.ts';
import { delta } from '../src/core/shadow/delta.ts';
import { mergeSection } from '../src/core/shadow/merge.ts';
import { mergeMetadata } from '../src/core/shadow/metadata.ts';
import type { JsonObject, JsonValue } from '../src/core/json/json.ts';
import { stateOf } from './shadow-service/documents.ts';
import { publishPacket, RawClient } from './shadow-service/raw-client.ts';
import { startChild } from './support/child.ts';
import { interleave } from './support/interleave.ts';
import { machine, print, table } from './support/report.ts';
import { median, number, spread, summarize } from './support/stats.ts';

const REPETITIONS = Number(process.env['REPETITIONS'] ?? 5);
/** Updates measured per run, after half as many that warm up the compiler. */
const UPDATES = Number(process.env['UPDATES'] ?? 20_000);

const THINGS = (process.env['THINGS'] ?? '1,100,1000').split(',').map(Number);

interface Run {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Processor time of broker and service per update: what a busy machine does not distort. */
  readonly cpuMicros: number;
}

type Server = Awaited<ReturnType<typeof startChild<{ mqttUrl: string }>>>;

/** Every thing has a connection of its own and one update in flight: the next one follows the answer. */
async function load(
  server: Server,
  things: number,
  body: (count: number) => string,
  tls: ConnectionOptions | undefined,
): Promise<Run> {
  const url = server.ready.mqttUrl;
  const latencies: number[] = [];
  let answered = 0;
  let running = true;
  let measuring = false;
  const clients = await Promise.all(
    Array.from({ length: things }, async (_, index) => {
      const topic = `$aws/things/thing-${index}/shadow/update`;
      // Made before the clock runs: the load must not cost more than the service.
      const packets = Array.from({ length: 16 }, (_unused, count) => publishPacket(topic, body(count)));
      let sentAt = 0;
      let count = 0;
      const send = () => {
        sentAt = performance.now();
        client.publish(packets[(count += 1) % packets.length] as Buffer);
      };
      const who = { clientId: `thing-${index}`, filter: `${topic}/accepted`, ...(tls === undefined ? {} : { tls }) };
      const client = await RawClient.connect(url, who, () => {
        answered += 1;
        if (measuring) latencies.push(performance.now() - sentAt);
        if (running) send();
      });
      return { client, send };
    }),
  );
  for (const { send } of clients) send();
  await until(() => answered >= UPDATES / 2);
  const before = await server.ask<{ cpuMs: number }>('cpu');
  measuring = true;
  const from = performance.now();
  await until(() => latencies.length >= UPDATES);
  measuring = false;
  const seconds = (performance.now() - from) / 1000;
  const after = await server.ask<{ cpuMs: number }>('cpu');
  running = false;
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const { client } of clients) client.end();
  const { count, p50, p99 } = summarize(latencies);
  return { perSecond: count / seconds, p50, p99, cpuMicros: ((after.cpuMs - before.cpuMs) * 1000) / count };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function overTcp(title: string, stateBytes: number): Promise<void> {
  const state = stateOf(stateBytes);
  const full = JSON.stringify({ state: { reported: state } });
  const patch = (count: number) =>
    JSON.stringify({
      state: {
        reported: {
          zone0: {
            targetC: 20 + (count % 16) / 10,
            mode: count % 2 ? 'eco' : 'auto',
            schedule: [6, 9, 17, count % 16],
            note: 'x'.repeat(100),
          },
        },
      },
      clientToken: '0193b3c2-0000-7000-8000-000000000000',
    });
  const accepted = JSON.stringify({
    ...(JSON.parse(patch(1)) as object),
    metadata: {
      reported: {
        zone0: {
          targetC: { timestamp: 1_700_000_000 },
          mode: { timestamp: 1_700_000_000 },
          schedule: Array(4).fill({ timestamp: 1_700_000_000 }),
          note: { timestamp: 1_700_000_000 },
        },
      },
    },
    version: 12_345,
    timestamp: 1_700_000_000,
  });
  print(`\n### ${title}\n\nRequest ${patch(1).length} B, answer ${accepted.length} B, document ${full.length} B.\n`);
  const certificates = process.argv.includes('--tls')
    ? await makeCertificates({ things: [], applications: ['load'] })
    : undefined;
  const tls = certificates && { ca: certificates.ca.cert, ...certificates.clients['load'] };
  const endpoint = certificates && { tls: { ca: certificates.ca.cert, ...certificates.server } };
  const keep = process.argv.includes('--data') ? () => ({ data: mkdtempSync(join(tmpdir(), 'bench-')) }) : () => ({});
  const rows: string[][] = [];
  for (const things of THINGS) {
    const runs = await interleave(REPETITIONS, {
      service: async () => {
        const child = await startChild<{ mqttUrl: string }>('shadow-cloud', { things, full, ...endpoint, ...keep() });
        const run = await load(child, things, patch, tls);
        await child.stop();
        return run;
      },
      bare: async () => {
        const child = await startChild<{ mqttUrl: string }>('echo-broker', { answer: accepted, ...endpoint });
        const run = await load(child, things, patch, tls);
        await child.stop();
        return run;
      },
    });
    const { service = [], bare = [] } = runs;
    const ratio = median(service.map((run) => run.perSecond)) / median(bare.map((run) => run.perSecond));
    const cpuRatio = median(bare.map((run) => run.cpuMicros)) / median(service.map((run) => run.cpuMicros));
    for (const [name, list] of Object.entries({ service, bare })) {
      rows.push([
        `${things}`,
        name,
        spread(list.map((run) => run.perSecond)),
        number(median(list.map((run) => run.p50)), 3),
        number(median(list.map((run) => run.p99)), 3),
        number(median(list.map((run) => run.cpuMicros)), 0),
        name === 'service' ? `**${ratio.toFixed(2)} x**` : '',
        name === 'service' ? `${cpuRatio.toFixed(2)} x` : '',
      ]);
    }
  }
  print(
    table(['things', 'what', 'updates/s', 'p50 ms', 'p99 ms', 'CPU µs each', 'updates/s ratio', 'CPU ratio'], rows),
  );
}

function timed(run: () => void): number {
  for (let warm = 0; warm < 2_000; warm++) run();
  let calls = 0;
  const from = performance.now();
  while (performance.now() - from < 150) {
    for (let inner = 0; inner < 50; inner++) run();
    calls += 50;
  }
  return calls / ((performance.now() - from) / 1000);
}

async function pure(): Promise<void> {
  print('\n### Merge, metadata and delta beside JSON.parse of the same document\n');
  const rows: string[][] = [];
  for (const bytes of [300, 2_000, 8_000]) {
    // Half of the document each, as objects of their own: the same object twice would need no walk.
    const half = stateOf(bytes / 2);
    const update = applyUpdate(
      { record: undefined, nowSeconds: 1 },
      { state: { desired: half, reported: structuredClone(half) as JsonObject } },
    );
    if (!update.ok) throw new Error(update.problem.message);
    const text = JSON.stringify(update.value.record.document.state);
    const patchText = '{"reported":{"zone0":{"targetC":7,"mode":"eco","schedule":[1,2,3]}}}';
    const patch = (JSON.parse(patchText) as { reported: JsonObject }).reported;
    const { record } = update.value;
    const stamp = { timestamp: 2 };
    let kept: ShadowRecord = record;
    const request = parseUpdateRequest(JSON.parse(`{"state":${patchText}}`) as JsonValue);
    if (!request.ok) throw new Error(request.problem.message);
    const freshDelta = () => {
      const before = record.document.state.reported;
      const after = mergeSection(before, patch);
      mergeMetadata({ metadata: record.document.metadata.reported, before, after, patch, stamp });
      delta({ ...record.document.state, ...(after === undefined ? {} : { reported: after }) });
    };
    const runs = await interleave(REPETITIONS, {
      parse: async () => timed(() => JSON.parse(text)),
      parts: async () => timed(freshDelta),
      incremental: async () =>
        timed(() => {
          const next = applyUpdate({ record: kept, nowSeconds: 2 }, request.value);
          if (next.ok) kept = next.value.record;
        }),
    });
    const { parse = [], parts = [], incremental = [] } = runs;
    const against = (values: readonly number[]) => (median(parse) / median(values)).toFixed(3);
    rows.push([
      `${text.length} B`,
      number(median(parse), 0),
      `${number(median(parts), 0)} (${against(parts)})`,
      `${number(median(incremental), 0)} (${against(incremental)})`,
    ]);
  }
  print(
    table(
      [
        'document',
        'JSON.parse/s',
        'merge + metadata + full delta/s (cost)',
        'applyUpdate, delta and size kept/s (cost)',
      ],
      rows,
    ),
  );
}

print(
  `${machine()}. Medians of ${REPETITIONS} interleaved runs of ${UPDATES} updates, lowest and highest in brackets.`,
);
if (!process.argv.includes('--tcp')) await pure();
if (!process.argv.includes('--pure')) {
  await overTcp('Updates through TCP, 300 B shadows', 300);
  if (process.argv.includes('--large')) await overTcp('Updates through TCP, 8 KB shadows', 7_600);
}
process.exit(0);
