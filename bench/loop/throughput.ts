import { interleave } from '../support/interleave.ts';
import { print, table } from '../support/report.ts';
import { median, number, spread, summarize } from '../support/stats.ts';
import { openRelay, type Paced } from './parts.ts';
import { openWhole } from './whole.ts';

/** Commands per second with as many devices as commands in flight, beside the bare relay of the same legs, the POST included. */
export async function throughput(repetitions: number, devices: number): Promise<void> {
  print(`\n## Throughput: ${devices} devices, one command in flight on each, every commit durable\n`);
  const load = { count: Math.max(2_000, devices * 5), inFlight: devices };
  const relay = await openRelay(devices);
  const whole = await openWhole({ devices, connections: devices });
  await whole.run(load);
  await relay.post(load);
  const results = await interleave<Paced>(repetitions, {
    'four bare MQTT legs, nobody POSTs': () => relay.run(load),
    'bare POST and four bare MQTT legs': () => relay.post(load),
    'shadowctl, POST to succeeded': () => whole.run(load),
  });
  await whole.close();
  await relay.close();
  const rows = Object.entries(results).map(([name, all]) => [
    name,
    spread(
      all.map(({ perSecond }) => perSecond),
      0,
    ),
    spread(
      all.map(({ latenciesMs }) => summarize(latenciesMs).p50),
      1,
    ),
    spread(
      all.map(({ latenciesMs }) => summarize(latenciesMs).p99),
      1,
    ),
  ]);
  print(table(['', 'commands/s (lowest to highest)', 'p50 ms', 'p99 ms'], rows));
  const [four = 1, legs = 1, loop = 0] = Object.values(results).map((all) =>
    median(all.map(({ perSecond }) => perSecond)),
  );
  print(
    `\nratio: ${number(loop / legs)} x of the same legs bare (goal 0.7); ${number(loop / four)} x without the POST`,
  );
}
