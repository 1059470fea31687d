import { spawnSync } from 'node:child_process';
import { interleave } from './support/interleave.ts';
import { machine, print, table } from './support/report.ts';
import { spread } from './support/stats.ts';

// What a test waits for when it starts a cloud: a fresh process each time, from before the import until somebody could connect,
// beside the import of the broker's library alone.
const REPETITIONS = Number(process.env['REPETITIONS'] ?? 10);
const probe = new URL('./processes/import-probe.js', import.meta.url).pathname;

interface Probe {
  readonly importMs: number;
  readonly startMs: number;
}

async function measure(what: string): Promise<Probe> {
  const { stdout, stderr, status } = spawnSync(process.execPath, [probe, what], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Probe;
}

const runs = await interleave(REPETITIONS, {
  cloud: () => measure('shadowctl/testing'),
  library: () => measure('aedes'),
});
const total = ({ importMs, startMs }: Probe) => importMs + startMs;
print(
  `${machine()}. ${REPETITIONS} processes each, interleaved; milliseconds, medians, lowest and highest in brackets.\n`,
);
print(
  table(
    ['what', 'import', 'start', 'together'],
    Object.entries(runs).map(([name, list]) => [
      name === 'cloud' ? "import('shadowctl/testing') and startSimulator()" : "import('aedes') alone",
      spread(list.map(({ importMs }) => importMs)),
      name === 'cloud' ? spread(list.map(({ startMs }) => startMs)) : '',
      spread(list.map(total)),
    ]),
  ),
);
