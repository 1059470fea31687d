import { expect, test } from 'vitest';
import { killWhileSending } from '../support/serve-direct-kills.ts';

/** All named places are walked in test/torture; here three where most can go wrong. */
const PLACES = ['command.after_commit', 'publish.after', 'verdict.before_commit'] as const;

test(
  'H1, H4: a server killed in the middle of actions: none is done twice, no answer is lost',
  { timeout: 120_000 },
  async () => {
    const report = await killWhileSending(PLACES);
    expect(report).toMatchObject({ doubleEffects: [], lost: [], doubleCommands: [], neverMet: [] });
    expect(report.kills).toBe(PLACES.length);
    expect(report.effects).toBe(report.accepted);
  },
);
