import { interleave } from '../support/interleave.ts';
import { print, table } from '../support/report.ts';
import { median, number, spread, summarize, type Summary } from '../support/stats.ts';
import { PageSync } from '../support/page-sync.ts';
import { openPost, openRelay } from './parts.ts';
import { openWhole } from './whole.ts';

const COMMANDS = 200;
/** And as many connections to each server, used in turn, of which only one is busy while it is measured. */
const DEVICES = 8;
/** A server runs for weeks: what is measured is compiled code. Its time per command falls until about 10,000 of them. */
const WARM = 12_000;
const ONE = { count: COMMANDS, inFlight: 1 };

/**
 * `POST` to `succeeded`, one command at a time, beside its bare parts: one after another in one journey, as the loop does
 * them, and each by itself. By itself a part runs right behind its like, which finds processor, disk and other process
 * awake: the sum of such figures is a journey that nobody can make.
 */
export async function idle(repetitions: number): Promise<void> {
  print('\n## Idle loop: POST to succeeded, one command in flight, every commit durable\n');
  const post = await openPost(DEVICES);
  await post.run({ count: WARM, inFlight: 1 });
  const relay = await openRelay(DEVICES);
  await relay.run({ count: WARM, inFlight: 1 });
  await relay.journey({ count: WARM, inFlight: 1 });
  const sync = new PageSync();
  const whole = await openWhole({ devices: DEVICES, connections: DEVICES });
  await whole.run({ count: WARM, inFlight: DEVICES });
  const commits = await whole.commitsPerCommand();
  const results = await interleave<Summary>(repetitions, {
    post: async () => summarize((await post.run(ONE)).latenciesMs),
    legs: async () => summarize((await relay.run(ONE)).latenciesMs),
    sync: () => Promise.resolve(summarize(sync.run(COMMANDS))),
    journey: async () => summarize((await relay.journey(ONE)).latenciesMs),
    whole: async () => summarize((await whole.run(ONE)).latenciesMs),
  });
  await whole.close();
  await relay.close();
  await post.close();
  sync.close();
  const of = (name: string, pick: (summary: Summary) => number) => (results[name] ?? []).map(pick);
  const p50 = (summary: Summary) => summary.p50;
  const p99 = (summary: Summary) => summary.p99;
  const parts = (pick: (summary: Summary) => number) =>
    (results['whole'] ?? []).map(
      (_, at) => (of('post', pick)[at] ?? 0) + (of('legs', pick)[at] ?? 0) + commits * (of('sync', pick)[at] ?? 0),
    );
  const row = (name: string, values50: number[], values99: number[]) => [
    name,
    spread(values50, 3),
    spread(values99, 2),
  ];
  print(
    table(
      ['', 'p50 ms (lowest to highest)', 'p99 ms'],
      [
        row('bare POST', of('post', p50), of('post', p99)),
        row('four bare MQTT legs', of('legs', p50), of('legs', p99)),
        row('fdatasync of a page', of('sync', p50), of('sync', p99)),
        row(`sum of the three, ${number(commits, 2)} syncs per command`, parts(p50), parts(p99)),
        row('bare journey: POST, sync, four legs, sync', of('journey', p50), of('journey', p99)),
        row('shadowctl, POST to succeeded', of('whole', p50), of('whole', p99)),
      ],
    ),
  );
  const ratios = (reference: (pick: (summary: Summary) => number) => number[]): string =>
    [p50, p99].map((pick) => number(median(of('whole', pick)) / median(reference(pick)))).join(' and ');
  print(`\nratio: p50 and p99 ${ratios((pick) => of('journey', pick))} x of the bare journey (goal 1.2 and 1.5)`);
  print(`       ${ratios(parts)} x of the sum of parts that run by themselves`);
}
