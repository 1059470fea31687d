import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { FAILPOINTS } from '../../src/compose-failpoints.ts';
import { KillWorld, type KillReport } from './kill-world.ts';

export interface KillsReport extends KillReport {
  /** Named places that the server passed without dying there. */
  readonly neverMet: readonly string[];
}

/** What a report looks like in which nothing went wrong. */
export const NOTHING_WRONG = {
  ...{ neverMet: [], gaps: 0, lost: [], ghosts: [], doubleVerdicts: [], doubleCommands: [], unconverged: [] },
} satisfies Partial<KillsReport>;

/** Kills a server under load at every named place once, then at random times, and counts what went wrong. */
export async function killServer(kills: number, seed: string): Promise<KillsReport> {
  const random = new SeededRandom(seed);
  const world = await KillWorld.open(() => random.fraction());
  try {
    world.load(12);
    const neverMet: string[] = [];
    for (const place of FAILPOINTS) {
      const count = place === 'migrate.step' ? 1 : random.integer(1, 20);
      if ((await world.start(`${place}:${count}`)) !== undefined && !(await world.diedByItself())) neverMet.push(place);
    }
    while (world.kills < kills) {
      if ((await world.start()) !== undefined) await world.killWithin(500);
    }
    await world.start();
    await world.unload();
    return { ...(await world.report()), neverMet };
  } finally {
    await world.close();
  }
}
