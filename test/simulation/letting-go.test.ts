import { expect, test } from 'vitest';
import { PRODUCTION } from '../../simulators/world/production.ts';
import { Runner } from '../../simulators/world/run-seed.ts';
import { Engine } from '../../src/cloud/engine.ts';
import { NO_METRICS, type Metrics } from '../../src/ports/metrics.ts';

/** CI runs a few; an engine change is run with 400. */
const SEEDS = Number(process.env['SEEDS'] ?? 12);

test(
  'a server that lets go of every shadow as soon as it may keeps every invariant',
  { timeout: Math.max(60_000, SEEDS * 3_000) },
  async () => {
    let [letGo, rested] = [0, 0];
    const programs = {
      ...PRODUCTION,
      cloud: (ports: ConstructorParameters<typeof Engine>[0]) => {
        const count: Metrics['count'] = (name, _, by = 1) => {
          if (name === 'shadow_desks_let_go_total') letGo += by;
          if (name === 'shadow_desks_rested_total') rested += by;
        };
        const leaving = { desksMax: 0, deskIdleMs: 5_000, deskRestMs: 250 };
        return new Engine({ ...ports, metrics: { ...NO_METRICS, count }, ...leaving });
      },
    };
    const found: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violations } = await new Runner().run(seed, { programs });
      for (const { invariant, atMs, words } of violations) found.push(`${seed}: ${invariant} at ${atMs} ms: ${words}`);
    }
    expect(found).toEqual([]);
    expect(letGo).toBeGreaterThan(SEEDS);
    expect(rested).toBeGreaterThan(SEEDS);
  },
);
