import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startSimulator } from '../../../simulators/testing.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';

const run = promisify(execFile);

test('starting and stopping leaves no handles behind', async () => {
  const handles = () => process.getActiveResourcesInfo().sort();
  const first = await startSimulator();
  await first.stop();
  await first.stop();
  const before = handles().length;
  for (let round = 0; round < 5; round++) {
    const cloud = await startSimulator();
    const probe = await MqttProbe.connect(cloud.mqttUrl);
    await probe.subscribe('$aws/things/heater/shadow/update/accepted');
    await probe.publish('$aws/things/heater/shadow/update', { state: {} });
    await probe.body('$aws/things/heater/shadow/update/accepted');
    await fetch(`${cloud.httpUrl}/things/heater/shadow`);
    cloud.control.setFaults([{ kind: 'delay', message: 'get/accepted', delayMs: 3_600_000 }]);
    await probe.publish('$aws/things/heater/shadow/get', '');
    // Stops under a client that is still connected and an answer that still waits.
    await cloud.stop();
    await eventually(() => !probe.client.connected);
    await probe.end();
  }
  await eventually(() => handles().length <= before + 1);
});

test('a process that stopped its cloud ends by itself', { timeout: 60_000 }, async () => {
  const door = new URL('../../../dist/simulators/testing.js', import.meta.url).href;
  const program = `
    const { startSimulator } = await import(${JSON.stringify(door)});
    const from = performance.now();
    const cloud = await startSimulator();
    const startedMs = performance.now() - from;
    const answer = await fetch(cloud.httpUrl + '/things/a/shadow', { method: 'POST', body: '{"state":{}}' });
    await cloud.stop();
    console.log(JSON.stringify({ startedMs, status: answer.status }));
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  expect(JSON.parse(stdout)).toMatchObject({ status: 200 });
});
