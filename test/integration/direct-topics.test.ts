import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startSimulator } from '../../simulators/testing.ts';
import { composeDevice } from '../../src/compose-device.ts';
import { eventually } from '../support/eventually.ts';
import { shadowctl, startShadowctl } from '../support/shadowctl.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { thing } from '../support/test-device.ts';

test('a fleet with topics of its own: the server has them from its configuration, for one thing and for a group', async () => {
  const topics = { request: 'fleet/{thing}/do', response: 'fleet/{thing}/did', group: 'fleet/groups/{group}/do' };
  const simulator = await startSimulator();
  const folder = temporaryFolder();
  const config = folder.path('server.json');
  writeFileSync(config, JSON.stringify({ commandTopics: topics, groups: { doors: ['door-1'] } }));
  const composed = composeDevice({
    thingName: thing('door-1'),
    shadows: [],
    mqtt: { url: simulator.mqttUrl },
    direct: { topics, groups: ['doors'] },
  });
  if (!composed.ok) throw new Error(composed.problem.message);
  const device = composed.value;
  const ids: string[] = [];
  device.onCommand('open', {
    idempotent: false,
    handler: ({ id }) => {
      ids.push(id);
      return Promise.resolve({ result: { opened: true } });
    },
  });
  await device.start();
  const store = `sqlite:${folder.path('ledger.sqlite')}`;
  const more = ['--mqtt', simulator.mqttUrl, '--config', config, '--log', 'error', '--json'];
  const server = startShadowctl(['serve', '--listen', '127.0.0.1:0', '--store', store, ...more]);
  try {
    const url = await eventually(() => /"http":"([^"]+)"/.exec(server.stdout())?.[1], { withinMs: 30_000 });
    for (const to of [['door-1'], ['--group', 'doors']]) {
      const sent = await shadowctl(['send', ...to, 'open', '--wait', '--server', url]);
      expect(sent.stdout).toContain('succeeded');
      expect(sent.code).toBe(0);
    }
    expect(ids).toHaveLength(2);
  } finally {
    server.process.kill('SIGTERM');
    await server.ended;
    await device.stop();
    await simulator.stop();
    folder.remove();
  }
});
