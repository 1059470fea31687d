import { expect, test } from 'vitest';
import { killServer, NOTHING_WRONG } from '../support/serve-kills.ts';

const SEED = process.env['SEED'] ?? 'serve-kill';
const KILLS = Number(process.env['KILLS'] ?? 40);

test(
  'a server killed 40 times under load, at random and at every named place, loses nothing, invents nothing and judges once',
  { timeout: 300_000 },
  async () => {
    const report = await killServer(KILLS, SEED);
    console.log(`SEED=${SEED}`, JSON.stringify(report));
    expect(report).toMatchObject(NOTHING_WRONG);
    expect(report.accepted).toBeGreaterThan(KILLS);
  },
);
