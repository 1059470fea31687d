import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { App } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';

/** The examples of docs/device-protocol.md in other languages, as a reader would run them. */

const page = readFileSync(fileURLToPath(new URL('../../docs/device-protocol.md', import.meta.url)), 'utf8');
const python = /```python\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

/** The first one that can import paho; a python of one's own may not see what Debian installed. */
const interpreter = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import paho.mqtt.client']).status === 0,
);

let cloud: Simulator;
let app: App;
let device: ChildProcess | undefined;
let said = '';

beforeEach(async () => {
  cloud = await startSimulator();
  app = await App.connect(cloud.mqttUrl);
});
afterEach(async () => {
  device?.kill('SIGKILL');
  await app.close();
  await cloud.stop();
});

describe.skipIf(interpreter === undefined)('the device in Python (apt-get install python3-paho-mqtt)', () => {
  function start(): void {
    const { port } = new URL(cloud.mqttUrl);
    const program = python.replace('"127.0.0.1", 1883', `"127.0.0.1", ${port}`);
    expect(program).toContain(port);
    device = spawn(interpreter ?? '', ['-c', program], { stdio: ['ignore', 'ignore', 'pipe'] });
    device.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  }

  const reported = () => cloud.document('fan-7')?.state.reported;

  test('creates its shadow, follows a wish, leaves an impossible one alone and answers both', async () => {
    start();
    await eventually(() => reported()?.['speed'] === 1).catch((error: unknown) => {
      throw new Error(`the device said: ${said}`, { cause: error });
    });
    expect(reported()).toEqual({ speed: 1, reconciler: { version: 0 } });

    await app.desire('fan-7', { speed: 3 });
    await eventually(() => reported()?.['speed'] === 3);
    expect(reported()).toEqual({ speed: 3, reconciler: { version: 2 } });

    await app.desire('fan-7', { speed: 99 });
    await eventually(() => (reported()?.['reconciler'] as { version: number }).version === 4);
    expect(reported()).toEqual({ speed: 3, reconciler: { version: 4 } });
  });
});
