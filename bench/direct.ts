import { thingNames, type Paced } from './loop/parts.ts';
import { startChild } from './support/child.ts';
import { interleave } from './support/interleave.ts';
import { PageSync } from './support/page-sync.ts';
import { machine, print, table } from './support/report.ts';
import { median, number, spread, summarize } from './support/stats.ts';

/** `npm run bench -- direct [1] [100] [1000] [group] [--repetitions N]` */
const PARTS: Readonly<Record<string, (repetitions: number) => Promise<void>>> = {
  1: (repetitions) => exchange(repetitions, 1, 500),
  100: (repetitions) => exchange(repetitions, 100, 5_000),
  1000: (repetitions) => exchange(repetitions, 1_000, 10_000),
  group: (repetitions) => group(repetitions, 5_000),
};

/** What is measured is compiled code: the time per command falls until about 10,000 of them. */
const WARM = 12_000;

/** Each side with a broker and devices of its own: responses reach whoever listens. */
async function open(program: 'direct-echo' | 'direct-cloud', devices: number, groupName?: string) {
  const things = thingNames(devices);
  const broker = await startChild<{ url: string }>('relay-broker');
  const { url } = broker.ready;
  const who = groupName === undefined ? {} : { group: groupName };
  const fleet = await startChild('direct-devices', { url, things, ...who });
  const side = await startChild(program, { url, things });
  const close = async (): Promise<void> => {
    for (const part of [side, fleet, broker]) await part.stop();
  };
  return { ask: <T>(question: unknown): Promise<T> => side.ask<T>(question), close };
}

/** Request to answer: durable, retransmitted, judged, beside the bare exchange over the same broker and devices. */
async function exchange(repetitions: number, devices: number, count: number): Promise<void> {
  print(`\n## Request to answer, ${devices} device(s), one command in flight each\n`);
  const [echo, cloud] = [await open('direct-echo', devices), await open('direct-cloud', devices)];
  const sync = new PageSync();
  const load = { count, inFlight: devices };
  for (const durable of [false, true]) await echo.ask({ count: WARM, inFlight: devices, durable });
  await cloud.ask({ count: WARM, inFlight: devices });
  const commits = devices === 1 ? await cloud.ask<number>('commits') : Number.NaN;
  const results = await interleave<Paced>(repetitions, {
    echo: () => echo.ask(load),
    sync: () => Promise.resolve({ latenciesMs: sync.run(200), perSecond: 0 }),
    durable: () => echo.ask({ ...load, durable: true }),
    cloud: () => cloud.ask(load),
  });
  await echo.close();
  await cloud.close();
  sync.close();
  const p50 = (name: string): number[] => (results[name] ?? []).map((run) => summarize(run.latenciesMs).p50);
  const p99 = (name: string): number[] => (results[name] ?? []).map((run) => summarize(run.latenciesMs).p99);
  const perSecond = (name: string): number[] => (results[name] ?? []).map((run) => run.perSecond);
  const row = (words: string, name: string): string[] => [
    words,
    spread(p50(name), 3),
    spread(p99(name), 2),
    spread(perSecond(name), 0),
  ];
  print(
    table(
      ['', 'p50 ms (lowest to highest)', 'p99 ms', 'per second'],
      [
        row('bare request and response', 'echo'),
        ...(devices === 1 ? [['fdatasync of a page', spread(p50('sync'), 3), spread(p99('sync'), 2), '']] : []),
        row('the same with a sync before and one after', 'durable'),
        row('shadowctl, created to settled, durable', 'cloud'),
      ],
    ),
  );
  if (devices === 1) {
    const sum = median(p50('echo')) + commits * median(p50('sync'));
    const [cloudMs, durableMs] = [median(p50('cloud')), median(p50('durable'))];
    print(
      `\n${number(commits)} durable commits per command; p50 ${number(cloudMs / durableMs)} x of the durable echo (goal 1.5)`,
    );
    print(`${number(cloudMs / sum)} x of echo and syncs that run by themselves`);
  } else {
    const of = (name: string) => number(median(perSecond('cloud')) / median(perSecond(name)));
    print(`\nratio: ${of('echo')} x of the bare throughput (goal 0.6); ${of('durable')} x of the durable echo`);
  }
}

/** One request for all, until the last answer is settled. */
async function group(repetitions: number, devices: number): Promise<void> {
  print(`\n## A group of ${devices}: until the last answer is settled\n`);
  const [echo, cloud] = [await open('direct-echo', devices, 'all'), await open('direct-cloud', devices, 'all')];
  await echo.ask({ group: 'all' });
  await cloud.ask({ group: 'all' });
  const results = await interleave<number>(repetitions, {
    echo: () => echo.ask({ group: 'all' }),
    cloud: () => cloud.ask({ group: 'all' }),
  });
  await echo.close();
  await cloud.close();
  const rows = Object.entries({ echo: 'bare fan-out', cloud: 'shadowctl, each member settled, durable' });
  print(
    table(
      ['', 'ms (lowest to highest)'],
      rows.map(([name, words]) => [words, spread(results[name] ?? [], 0)]),
    ),
  );
  print(`\nratio: ${number(median(results['cloud'] ?? []) / median(results['echo'] ?? []))} x of the bare fan-out`);
}

const at = process.argv.indexOf('--repetitions');
const names = process.argv.slice(2, at < 0 ? undefined : at).filter((argument) => argument in PARTS);
const repetitions = at < 0 ? 5 : Number(process.argv[at + 1]);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

print(`# bench direct\n\n${machine()}, ${new Date().toISOString().slice(0, 10)}, ${repetitions} repetitions`);
for (const [name, run] of Object.entries(PARTS)) if (names.length === 0 || names.includes(name)) await run(repetitions);
process.exit(0);
