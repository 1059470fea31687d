import { interleave } from '../support/interleave.ts';
import { print, table } from '../support/report.ts';
import { spread, summarize } from '../support/stats.ts';
import { openNaive, type Paced } from './parts.ts';
import { openWhole } from './whole.ts';

/** Beside the hand-written poller, which keeps no record: one command in flight, and a hundred. */
export async function naive(repetitions: number): Promise<void> {
  for (const inFlight of [1, 100]) {
    print(`\n## Beside a hand-written poller: ${inFlight} in flight\n`);
    const poller = await openNaive(inFlight, 100);
    const whole = await openWhole({ devices: inFlight, connections: inFlight });
    await whole.run({ count: 200, inFlight });
    const results = await interleave<Paced & { failed?: number }>(repetitions, {
      'poller, every 100 ms, no ledger': () => poller.run({ count: inFlight === 1 ? 20 : 500, inFlight }),
      'shadowctl, durable': () => whole.run({ count: inFlight === 1 ? 200 : 1_000, inFlight }),
    });
    await whole.close();
    await poller.close();
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
      String(all.reduce((sum, { failed = 0 }) => sum + failed, 0)),
    ]);
    print(table(['', 'commands/s (lowest to highest)', 'p50 ms', 'failed'], rows));
  }
}
