import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Coverage } from './world/coverage.ts';
import { PRODUCTION } from './world/production.ts';
import { Runner, type RunResult } from './world/run-seed.ts';
import { shrink } from './world/shrink.ts';
import { drawPlan } from './workload/draw-plan.ts';

/**
 * npm run simulate -- --seeds N [--first N] [--coverage]
 * npm run simulate -- --seed N [--trace]
 *
 * Data on stdout, progress on stderr. Exit code 0: nothing found; 1: a violation; 2: usage.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      first: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      coverage: { type: 'boolean', default: false },
      /** Go on after a violation, up to this many. */
      failures: { type: 'string', default: '1' },
      /** Say what was found without looking for a smaller plan. */
      quick: { type: 'boolean', default: false },
    },
  });
  const first = Number(values.seed ?? values.first);
  const count = values.seed === undefined ? Number(values.seeds ?? '100') : 1;
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
    process.stderr.write('usage: npm run simulate -- --seeds N [--first N] | --seed N [--trace]\n');
    return 2;
  }
  const runner = new Runner();
  const coverage = new Coverage();
  const started = process.cpuUsage();
  let events = 0;
  let deviceHours = 0;
  let failures = 0;
  let ran = 0;
  for (let seed = first; seed < first + count; seed++) {
    const result = await runner.run(seed, { programs: PRODUCTION, keepLines: values.trace });
    ran += 1;
    events += result.events;
    deviceHours += result.deviceHours;
    coverage.add(result.coverage);
    if (values.trace) process.stdout.write(`${(result.lines ?? []).join('\n')}\n`);
    if (result.violations.length > 0) {
      await tell(runner, result, !values.trace && !values.quick);
      failures += 1;
      if (failures >= Number(values.failures)) break;
    }
    if (ran % 100 === 0) process.stderr.write(`${ran} seeds, ${deviceHours.toFixed(0)} device-hours\n`);
    if (values.seed !== undefined) process.stdout.write(`trace hash ${result.hash}\n`);
  }
  const used = process.cpuUsage(started);
  const seconds = (used.user + used.system) / 1e6;
  process.stdout.write(
    `${ran} seeds, ${failures} failed, ${deviceHours.toFixed(0)} simulated device-hours, ${events} events, ` +
      `${seconds.toFixed(1)} s of one core, ${((deviceHours / seconds) * 60).toFixed(0)} device-hours per minute\n`,
  );
  if (values.coverage) {
    for (const [name, hits] of coverage.entries()) process.stdout.write(`${name.padEnd(36)}${hits}\n`);
  }
  return failures > 0 ? 1 : 0;
}

async function tell(runner: Runner, { seed, violations }: RunResult, shrinks: boolean): Promise<void> {
  const out = (line: string): void => void process.stdout.write(`${line}\n`);
  for (const { invariant, atMs, words } of violations) out(`SEED=${seed} ${invariant} at ${atMs} ms: ${words}`);
  const [violation] = violations;
  if (violation === undefined) return;
  if (shrinks) {
    const smaller = await shrink(drawPlan(seed), violation, (plan) => runner.run(seed, { programs: PRODUCTION, plan }));
    const { steps, weather, faultsMs, things } = smaller.plan;
    out(`shrunk to ${steps.length} steps in ${smaller.runs} runs: ${smaller.violation.words}`);
    out(`  things ${things.map(({ thingName, kind }) => `${thingName} (${kind})`).join(', ')}, faults ${faultsMs} ms`);
    out(`  weather ${JSON.stringify(weather)}`);
    for (const { atMs, ...step } of steps) out(`  ${atMs} ms ${JSON.stringify(step)}`);
  }
  out(`SEED=${seed} COMMIT=${commit()} npm run simulate -- --seed ${seed} --trace`);
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

process.exitCode = await main();
