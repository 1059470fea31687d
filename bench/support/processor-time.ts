import { readFileSync } from 'node:fs';

/** Linux counts the time of processes in hundredths of a second. */
const TICK_MS = 10;

/** Processor time that a process and all its threads have taken so far, user and system, in ms. */
export function processorMs(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid ?? 'self'}/stat`, 'utf8');
  // The name in brackets may hold anything; utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export type Processes = Readonly<Record<string, number | undefined>>;

/** What `run` cost each of the processes, in ms for each of `count` things done. */
export async function costPerCommand<T>(
  processes: Processes,
  count: number,
  run: () => Promise<T>,
): Promise<{ result: T; cost: Record<string, number> }> {
  const names = Object.keys(processes);
  const before = names.map((name) => processorMs(processes[name]));
  const result = await run();
  const cost = names.map((name, at) => [name, (processorMs(processes[name]) - (before[at] ?? 0)) / count] as const);
  return { result, cost: Object.fromEntries(cost) };
}
