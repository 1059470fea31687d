import { PRODUCTION } from '../simulators/world/production.ts';
import { Runner } from '../simulators/world/run-seed.ts';
import { drawPlan } from '../simulators/workload/draw-plan.ts';
import { fairWeather } from '../simulators/weather/weather.ts';
import type { Plan } from '../simulators/workload/plan.ts';

/**
 * Simulated device-hours per minute of one core. Three kinds of runs: the mixture that CI runs (storms, crashes, up to 60
 * commands an hour), the same with a day for every hour, and a quiet fleet that mostly waits. CPU time of this process, so
 * time that others take does not count; that they take caches and the other half of a core does.
 */
const ROUNDS = 5;
const SEEDS = 30;

const runner = new Runner();

/** Four devices for a day, one command each hour, nothing broken. */
function quietPlan(seed: number): Plan {
  const plan = drawPlan(seed);
  const steps = plan.steps.filter(({ do: kind }) => kind === 'command').slice(0, 24);
  return {
    ...plan,
    store: 'memory',
    weather: fairWeather(),
    ledgerUnavailable: 0,
    faultsMs: 24 * 3_600_000,
    steps: steps.map((step, index) => ({ ...step, atMs: index * 3_600_000 })),
  };
}

/** As drawn, troubles, commands and all, only that a day passes where the mixture has an hour. */
function soakPlan(seed: number): Plan {
  const plan = drawPlan(seed);
  return {
    ...plan,
    store: 'memory',
    weather: { ...plan.weather, breaksPerHour: plan.weather.breaksPerHour / 24 },
    faultsMs: plan.faultsMs * 24,
    steps: plan.steps.map((step) => ({ ...step, atMs: step.atMs * 24 })),
  };
}

async function measure(planOf: (seed: number) => Plan, seeds: number, first: number): Promise<number> {
  const started = process.cpuUsage();
  let hours = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const { deviceHours, violations } = await runner.run(seed, { programs: PRODUCTION, plan: planOf(seed) });
    for (const { words } of violations) console.log(`seed ${seed}: ${words}`);
    hours += deviceHours;
  }
  const { user, system } = process.cpuUsage(started);
  return (hours / ((user + system) / 1e6)) * 60;
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const kinds = [
  {
    name: 'swarm (the mixture CI runs)',
    planOf: (seed: number) => ({ ...drawPlan(seed), store: 'memory' as const }),
    seeds: SEEDS,
  },
  { name: 'soak (the same, a day for every hour)', planOf: soakPlan, seeds: 4 },
  { name: 'quiet fleet, a day each', planOf: quietPlan, seeds: 6 },
];
for (const { name, planOf, seeds } of kinds) {
  await measure(planOf, 5, 1); // warm
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rates.push(await measure(planOf, seeds, 1 + round * seeds));
  const spread = `${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)}`;
  console.log(`${name}: ${median(rates).toFixed(0)} device-hours per minute of one core (${spread})`);
}
