import { expect, test } from 'vitest';
import { killServer, NOTHING_WRONG } from '../support/serve-kills.ts';

const KILLS = Number(process.env['KILLS'] ?? 1_000);
/** One ledger lives through so many, so that what is found is a small history. */
const PER_WORLD = 100;
const SEED = process.env['SEED'] ?? 'serve-kill-torture';

test(`a server killed ${KILLS} times loses nothing, invents nothing and judges once`, async () => {
  const sum = { kills: 0, accepted: 0, published: 0 };
  for (let world = 0; sum.kills < KILLS; world++) {
    const report = await killServer(Math.min(PER_WORLD, KILLS - sum.kills), `${SEED}-${world}`);
    expect(report, `SEED=${SEED}-${world}`).toMatchObject(NOTHING_WRONG);
    for (const key of ['kills', 'accepted', 'published'] as const) sum[key] += report[key];
    console.log(`${sum.kills} kills: ${sum.accepted} accepted, ${sum.published} published, 0 lost, 0 ghosts, 0 double`);
  }
});
