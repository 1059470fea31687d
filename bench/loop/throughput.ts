import { interleave } from '../support/interleave.ts';
import { costPerCommand, type Processes } from '../support/processor-time.ts';
import { print, table } from '../support/report.ts';
import { median, number, spread, summarize } from '../support/stats.ts';
import { openRelay, type Paced } from './parts.ts';
import { openWhole } from './whole.ts';

/** Commands per second with as many devices as commands in flight, beside the bare relay of the same legs, the POST included. */
export async function throughput(repetitions: number, devices: number): Promise<void> {
  print(`\n## Throughput: ${devices} devices, one command in flight on each, every commit durable\n`);
  const load = { count: Math.max(10_000, devices * 10), inFlight: devices };
  const relay = await openRelay(devices);
  const whole = await openWhole({ devices, connections: devices });
  await whole.run(load);
  await relay.post(load);
  await relay.journey(load);
  const costs: Record<'bare' | 'whole', Record<string, number>[]> = { bare: [], whole: [] };
  const costing = async (of: 'bare' | 'whole', processes: Processes, run: () => Promise<Paced>): Promise<Paced> => {
    const { result, cost } = await costPerCommand(processes, load.count, run);
    costs[of].push(cost);
    return result;
  };
  const results = await interleave<Paced>(repetitions, {
    'four bare MQTT legs, nobody POSTs': () => relay.run(load),
    'bare POST and four bare MQTT legs': () => costing('bare', relay.processes, () => relay.post(load)),
    'the same, durable: a sync before and one after': () => relay.journey(load),
    'shadowctl, POST to succeeded': () => costing('whole', whole.processes, () => whole.run(load)),
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
  const medianCost = (of: 'bare' | 'whole', name: string) =>
    number(median(costs[of].map((cost) => cost[name] ?? 0)), 2);
  const parts = Object.keys(whole.processes);
  print('\nprocessor time per command, ms:\n');
  print(
    table(
      ['', ...parts],
      [
        ['bare', ...parts.map((name) => medianCost('bare', name))],
        ['shadowctl', ...parts.map((name) => medianCost('whole', name))],
      ],
    ),
  );
  const [four = 1, legs = 1, durable = 1, loop = 0] = Object.values(results).map((all) =>
    median(all.map(({ perSecond }) => perSecond)),
  );
  print(
    `\nratio: ${number(loop / legs)} x of the same legs bare (goal 0.7); ${number(loop / durable)} x of them durable; ${number(loop / four)} x without the POST`,
  );
}
