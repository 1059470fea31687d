import { expect, test } from 'vitest';
import { DIRECT_PLACES, killWhileSending } from '../support/serve-direct-kills.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 3);

test(
  'a server killed at every named place, over and over, while actions flow: none is done twice, no answer is lost',
  { timeout: 600_000 },
  async () => {
    const places = Array.from({ length: ROUNDS }, () => DIRECT_PLACES).flat();
    const report = await killWhileSending(places);
    console.log(JSON.stringify(report));
    expect(report).toMatchObject({ doubleEffects: [], lost: [], doubleCommands: [], neverMet: [] });
    expect(report.effects).toBe(report.accepted);
  },
);
