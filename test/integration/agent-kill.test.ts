import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SeededRandom } from '../../simulators/time/seeded-random.ts';
import { eventually } from '../support/eventually.ts';
import { shadowctl } from '../support/shadowctl.ts';
import { AgentWorld, killAtRandom, stale } from '../support/agent-world.ts';

let world: AgentWorld;
beforeEach(async () => {
  world = await AgentWorld.open();
});
afterEach(() => world.close());

test.each([
  ['C1', 'device.beforeJournal', 1],
  ['C2', 'device.afterJournal.beforeApply', 1],
  ['C3', 'device.afterApply.beforeReadback', 1],
  ['C3', 'device.afterReadback.beforeReport', 1],
  // The first report creates the shadow, the second one is the answer to the wish.
  ['C4', 'device.afterReport.beforeAck', 2],
])(
  '%s an agent killed at %s does the wish exactly once and reports what the hardware shows',
  async (_fault, point, hit) => {
    const doomed = world.start(`${point}:${hit}`);
    await world.reports(0);
    await world.desire(7);
    const { code } = await doomed.ended;
    expect(code).toBeNull();
    world.start();
    await world.reports(7);

    expect(world.effects()).toEqual([7]);
    expect(world.value()).toBe(7);
  },
);

test('C1 an agent killed at device.afterReceive does the wish exactly once and reports what the hardware shows', async () => {
  // The wish is there from the beginning, so that the first pass is the one that receives it.
  await world.desire(7);
  const { code } = await world.start('device.afterReceive').ended;
  expect(code).toBeNull();
  expect(world.effects()).toEqual([]);
  world.start();
  await world.reports(7);

  expect(world.effects()).toEqual([7]);
});

test('an agent killed 20 times at random applies nothing stale and reports what the hardware shows', async () => {
  const random = new SeededRandom(20);
  const { n, effects, value, reported } = await killAtRandom(world, 20, () => random.fraction());

  expect(stale(effects)).toEqual([]);
  expect({ value, reported }).toEqual({ value: n, reported: n });
  expect(effects.length).toBeLessThanOrEqual(n + world.starts);
}, 120_000);

test('a program that outlives its agent is ended before the next agent applies anything', async () => {
  // A process that is dead but not waited for has no executable.
  // Not atomic: between its two effects another program could put a newer value, which the second effect would undo.
  world.script(
    'apply',
    `read value
    [ "$value" = 7 ] && { echo $$ > old; echo 7 >> effects; while :; do sleep 0.1; done; }
    readlink "/proc/$(cat old)/exe" && echo 999 >> effects
    echo "$value" >> effects; echo "$value" > value`,
  );
  world.start();
  await world.reports(0);
  await world.desire(7);
  await eventually(() => world.effects().includes(7));
  await world.kill();
  await world.desire(8);
  world.start();
  await world.reports(8);

  expect(world.effects()).toEqual([7, 8]);
});

test('a second agent on the same journal ends with journal_locked and leaves the first one alone', async () => {
  world.script('apply', 'read value; touch begun; read -r go < gate; echo "$value" >> effects; echo "$value" > value');
  spawnSync('mkfifo', [world.path('gate')]);
  world.start();
  await world.reports(0);
  await world.desire(7);
  await eventually(() => existsSync(world.path('begun')));

  const second = await shadowctl(['agent', '--config', world.path('agent.json'), '--json']);
  expect(second.code).toBe(5);
  expect(second.stderr).toContain('journal_locked');

  writeFileSync(world.path('gate'), 'go\n');
  await world.reports(7);
  expect(world.effects()).toEqual([7]);
});

test('a value that kills the agent is refused after three starts', async () => {
  const config = JSON.parse(readFileSync(world.path('agent.json'), 'utf8')) as { limits: object };
  writeFileSync(world.path('agent.json'), JSON.stringify({ ...config, limits: {} }));
  await world.desire(13);
  for (let life = 1; life <= 3; life += 1) await world.start('device.afterJournal.beforeApply').ended;
  world.start('device.afterJournal.beforeApply');

  const said = await eventually(() => {
    const member = world.cloud.document('gateway')?.state.reported?.['reconciler'];
    return (member as { fields?: Record<string, object> } | undefined)?.fields?.['/n'];
  });
  expect(said).toMatchObject({ outcome: 'refused', code: 'quarantined' });
  expect(world.effects()).toEqual([]);
});
