import { idle } from './loop/idle.ts';
import { naive } from './loop/naive.ts';
import { stall } from './loop/stall.ts';
import { throughput } from './loop/throughput.ts';
import { machine, print } from './support/report.ts';

/** `npm run bench -- loop [stall] [idle] [hundred] [naive] [thousand] [--repetitions N]` */
const PARTS: Readonly<Record<string, (repetitions: number) => Promise<void>>> = {
  stall,
  idle,
  hundred: (repetitions) => throughput(repetitions, 100),
  naive,
  thousand: (repetitions) => throughput(repetitions, 1_000),
};

const names = process.argv.slice(2).filter((argument) => argument in PARTS);
const at = process.argv.indexOf('--repetitions');
const repetitions = at < 0 ? 5 : Number(process.argv[at + 1]);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

print(`# bench loop\n\n${machine()}, ${new Date().toISOString().slice(0, 10)}, ${repetitions} repetitions`);
for (const [name, run] of Object.entries(PARTS)) if (names.length === 0 || names.includes(name)) await run(repetitions);
process.exit(0);
