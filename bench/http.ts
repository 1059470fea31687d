import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeAccessFile } from '../src/adapters/access-file/access-file.ts';
import { addKey } from '../src/adapters/access-file/keys.ts';
import { startChild, startShadowctl } from './support/child.ts';
import { fillWithDrift } from './support/drift-ledger.ts';
import { HttpClient } from './support/http.ts';
import { interleave } from './support/interleave.ts';
import { machine, print, table } from './support/report.ts';
import { median, number, spread, summarize } from './support/stats.ts';

/**
 * The API beside bare node:http.
 *
 *   post    a command, durable (FULL sync), 50 connections; the broker is away, so that it is the POST alone
 *   events  one event to 1,000 listeners: from the POST until the last one has it
 *   drift   the first page of 100,000 rows, beside the same indexed query
 */
const REPETITIONS = Number(process.env['REPETITIONS'] ?? 5);
const CONNECTIONS = 50;
const SECONDS = Number(process.env['SECONDS'] ?? 3);
const WARM = Number(process.env['WARM'] ?? 20_000);
const LISTENERS = Number(process.env['LISTENERS'] ?? 1_000);
const ROWS = Number(process.env['ROWS'] ?? 100_000);
const BODY = JSON.stringify({ desired: { targetC: 21.5, mode: 'comfort' }, reason: 'bench' });

const folder = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'bench-http-'));

/** `shadowctl serve` on a ledger of its own; nobody is at the broker's address. */
async function serve(store: string, ...more: readonly string[]) {
  const server = await startShadowctl(
    [
      'serve',
      '--listen',
      '127.0.0.1:0',
      '--store',
      `sqlite:${store}`,
      '--mqtt',
      'mqtt://127.0.0.1:1',
      '--log',
      'error',
      ...more,
    ],
    /(http:\/\/127\.0\.0\.1:\d+)/,
  );
  return { url: server.ready[1] ?? '', stop: server.stop };
}

interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function load(
  ask: (count: number) => Promise<{ status: number }>,
  connections: number,
  status: number,
): Promise<Load> {
  const latencies: number[] = [];
  let count = 0;
  let measuring = false;
  let running = true;
  const caller = async (): Promise<void> => {
    while (running) {
      const began = performance.now();
      const answer = await ask((count += 1));
      if (answer.status !== status) throw new Error(`status ${answer.status}`);
      if (measuring) latencies.push(performance.now() - began);
    }
  };
  const callers = Array.from({ length: connections }, caller);
  await pause(SECONDS * 300);
  measuring = true;
  const began = performance.now();
  await pause(SECONDS * 1_000);
  measuring = false;
  const took = performance.now() - began;
  running = false;
  await Promise.all(callers);
  const { p50, p99 } = summarize(latencies);
  return { perSecond: (latencies.length / took) * 1_000, p50, p99 };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function post(): Promise<void> {
  const ours = await serve(join(folder, 'post.sqlite'));
  const bare = await startChild<{ url: string }>('post-server', { schema: true });
  const clients = { ours: new HttpClient(ours.url, CONNECTIONS), bare: new HttpClient(bare.ready.url, CONNECTIONS) };
  // Every thing gets few commands: a shadow has at most 1,000 open ones.
  const run = (which: 'ours' | 'bare') =>
    load((count) => clients[which].post(`/v1/things/thing-${count % 5_000}/commands`, BODY), CONNECTIONS, 202);
  // Both as they are after an hour, not in their first seconds: before that, most of the time goes into compiling.
  for (const which of ['ours', 'bare'] as const) await warmUp(clients[which]);
  const { ours: mine = [], bare: theirs = [] } = await interleave(REPETITIONS, {
    ours: () => run('ours'),
    bare: () => run('bare'),
  });
  const ratios = mine.map(({ perSecond }, at) => perSecond / (theirs[at]?.perSecond ?? NaN));
  const row = (name: string, runs: readonly Load[]) => [
    name,
    spread(
      runs.map(({ perSecond }) => perSecond),
      0,
    ),
    number(median(runs.map(({ p50 }) => p50))),
    number(median(runs.map(({ p99 }) => p99))),
  ];
  print(`\nPOST of a command, ${CONNECTIONS} connections\n`);
  print(
    table(
      ['server', 'per second', 'p50 ms', 'p99 ms'],
      [row('shadowctl, durable', mine), row('node:http and the schema', theirs)],
    ),
  );
  print(`ratio ${spread(ratios)} (goal: at least 0.5)`);
  for (const client of Object.values(clients)) client.close();
  await ours.stop();
  await bare.stop();
}

async function warmUp(client: HttpClient): Promise<void> {
  let left = WARM;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await client.post(`/v1/things/thing-${left % 5_000}/commands`, BODY);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, caller));
}

/** Opens listeners and tells, per event, when the last of them has it. */
async function listeners(url: string, path: string, keys: readonly string[] = []) {
  let waiting = { left: 0, done: (): void => undefined };
  const requests = await Promise.all(
    Array.from(
      { length: LISTENERS },
      (_, at) =>
        new Promise<ReturnType<typeof request>>((resolve, reject) => {
          const headers = bearer(keys[at % keys.length]);
          const outgoing = request(`${url}${path}`, { agent: false, headers }, (response) => {
            response.setEncoding('utf8').on('data', (chunk: string) => {
              if (!chunk.includes('event: created')) return;
              waiting.left -= 1;
              if (waiting.left === 0) waiting.done();
            });
            resolve(outgoing);
          });
          outgoing.on('error', reject);
          outgoing.end();
        }),
    ),
  );
  return {
    next: () => new Promise<void>((done) => (waiting = { left: LISTENERS, done })),
    close: () => {
      for (const outgoing of requests) {
        outgoing.removeAllListeners('error');
        outgoing.on('error', () => undefined);
        outgoing.destroy();
      }
    },
  };
}

const bearer = (key: string | undefined): Readonly<Record<string, string>> =>
  key === undefined ? {} : { authorization: `Bearer ${key}` };

/** An access file with ten keys, each of which may look at part of the fleet and have as many streams as it likes. */
async function accessFile(): Promise<{ file: string; keys: readonly string[] }> {
  const file = join(folder, 'access.json');
  const rules = [{ effect: 'allow', actions: ['look', 'command'], things: ['thing-*', 'other-*'] }];
  const limits = { eventStreams: LISTENERS, commandsPerThingPerS: 10_000, commandsPerThingBurst: 10_000 };
  writeFileSync(file, JSON.stringify({ version: 1, roles: { backend: { rules } }, limits }));
  const keys: string[] = [];
  for (let number = 0; number < 10; number += 1) {
    const made = await changeAccessFile(file, (before) =>
      addKey(before, { name: `backend-${number}`, roles: ['backend'] }, Date.now()),
    );
    if (!made.ok) throw new Error(made.problem.message);
    keys.push(made.value.key);
  }
  return { file, keys };
}

async function events(): Promise<void> {
  const { file, keys } = await accessFile();
  const ours = await serve(join(folder, 'events.sqlite'));
  const guarded = await serve(join(folder, 'guarded.sqlite'), '--access', file);
  const bare = await startChild<{ url: string }>('sse-server');
  const sides = {
    ours: { url: ours.url, path: '/v1/events', keys: [] },
    guarded: { url: guarded.url, path: '/v1/events', keys },
    bare: { url: bare.ready.url, path: '/', keys: [] },
  };
  const run = async (which: keyof typeof sides) => {
    const { url, path, keys } = sides[which];
    const client = new HttpClient(url, 1);
    const heard = await listeners(url, path, keys);
    const times: number[] = [];
    for (let count = 0; count < 60; count += 1) {
      const all = heard.next();
      const began = performance.now();
      await client.post(`/v1/things/thing-${count}/commands`, BODY, bearer(keys[0]));
      await all;
      if (count >= 10) times.push(performance.now() - began);
    }
    heard.close();
    client.close();
    await pause(300);
    return summarize(times);
  };
  const {
    ours: mine = [],
    guarded: checked = [],
    bare: theirs = [],
  } = await interleave(REPETITIONS, {
    ours: () => run('ours'),
    guarded: () => run('guarded'),
    bare: () => run('bare'),
  });
  const row = (name: string, runs: readonly { p50: number; p99: number }[]) => [
    name,
    spread(runs.map(({ p50 }) => p50)),
    spread(runs.map(({ p99 }) => p99)),
    spread(runs.map(({ p50 }, at) => p50 / (theirs[at]?.p50 ?? NaN))),
  ];
  print(`\nOne event to ${LISTENERS.toLocaleString('en-US')} listeners, from the POST until the last one has it\n`);
  print(
    table(
      ['server', 'p50 ms', 'p99 ms', 'ratio'],
      [
        row('shadowctl, durable', mine),
        row('the same, access control with ten keys', checked),
        row('node:http', theirs),
      ],
    ),
  );
  for (const server of [ours, guarded, bare]) await server.stop();
}

async function drift(): Promise<void> {
  const path = join(folder, 'drift.sqlite');
  await fillWithDrift(path, ROWS);
  const ours = await serve(path);
  const bare = await startChild<{ url: string }>('drift-server', { path });
  const client = new HttpClient(ours.url, 1);
  const other = new HttpClient(bare.ready.url, 1);
  const {
    page = [],
    counted = [],
    bare: plain = [],
  } = await interleave(REPETITIONS, {
    page: () => load(() => client.get('/v1/drift?counts=false'), 1, 200),
    counted: () => load(() => client.get('/v1/drift'), 1, 200),
    bare: () => load(() => other.get('/'), 1, 200),
  });
  const p50s = (list: readonly Load[]) => list.map(({ p50 }) => p50);
  const ratio = (list: readonly Load[]) => spread(list.map(({ p50 }, at) => p50 / (plain[at]?.p50 ?? NaN)));
  print(`\nFirst page (50) of ${ROWS.toLocaleString('en-US')} drift rows, one connection\n`);
  print(
    table(
      ['answer', 'p50 ms', 'ratio'],
      [
        ['page', spread(p50s(page)), ratio(page)],
        ['page with counts by cause and age', spread(p50s(counted)), ratio(counted)],
        ['indexed query behind node:http', spread(p50s(plain)), '1'],
      ],
    ),
  );
  print('(goal for the page: at most 2)');
  client.close();
  other.close();
  await ours.stop();
  await bare.stop();
}

const PARTS = { post, events, drift };
const wanted = process.argv.slice(2);
try {
  print(machine());
  for (const [name, part] of Object.entries(PARTS)) if (wanted.length === 0 || wanted.includes(name)) await part();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
