import type { Plan, PlannedStep } from '../workload/plan.ts';
import { fairWeather, type Weather } from '../weather/weather.ts';
import type { Violation } from '../checkers/checker.ts';
import type { RunResult } from './run-seed.ts';

export interface Shrunk {
  readonly plan: Plan;
  readonly violation: Violation;
  readonly runs: number;
}

/**
 * A smaller plan that breaks the same invariant: steps go in ever smaller blocks, then the weather one knob at a time,
 * then what is left of the time. Bounded, since each try is a run.
 */
export async function shrink(
  plan: Plan,
  violation: Violation,
  run: (plan: Plan) => Promise<RunResult>,
  runsMax = 200,
): Promise<Shrunk> {
  let best = { plan, violation };
  let runs = 0;
  const still = async (smaller: Plan): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs += 1;
    const { violations } = await run(smaller);
    const same = violations.find(({ invariant }) => invariant === violation.invariant);
    if (same === undefined) return false;
    best = { plan: smaller, violation: same };
    return true;
  };
  for (const name of Object.keys(best.plan.weather) as (keyof Weather)[]) {
    const fair = fairWeather()[name];
    if (best.plan.weather[name] === fair) continue;
    await still({ ...best.plan, weather: { ...best.plan.weather, [name]: fair } });
  }
  if (best.plan.ledgerUnavailable > 0) await still({ ...best.plan, ledgerUnavailable: 0 });
  if (best.plan.store === 'sqlite') await still({ ...best.plan, store: 'memory' });
  for (let block = Math.ceil(best.plan.steps.length / 2); block >= 1; block = block === 1 ? 0 : Math.ceil(block / 2)) {
    for (let at = 0; at < best.plan.steps.length && runs < runsMax;) {
      const steps: PlannedStep[] = [...best.plan.steps.slice(0, at), ...best.plan.steps.slice(at + block)];
      if (!(await still({ ...best.plan, steps }))) at += block;
    }
  }
  const lastMs = best.plan.steps.at(-1)?.atMs ?? 0;
  await still({ ...best.plan, faultsMs: Math.min(best.plan.faultsMs, lastMs + 120_000) });
  const touched = new Set(best.plan.steps.flatMap((step) => ('ref' in step ? [step.ref.thingName as string] : [])));
  const things = best.plan.things.filter(({ thingName }) => touched.has(thingName));
  if (things.length > 0 && things.length < best.plan.things.length) await still({ ...best.plan, things });
  return { ...best, runs };
}
