import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { epochMs } from '../../src/core/brand.ts';
import type { DirectRequest, DirectResponse } from '../../src/core/direct/messages.ts';
import { App } from '../support/app.ts';
import { DirectSender } from '../support/direct-sender.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

/** The examples of docs/device-protocol.md in other languages, as a reader would run them. */

const page = readFileSync(fileURLToPath(new URL('../../docs/device-protocol.md', import.meta.url)), 'utf8');
const python = /```python\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

/** The first one that can import paho; a python of one's own may not see what Debian installed. */
const interpreter = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import paho.mqtt.client']).status === 0,
);

let cloud: Simulator;
let app: App;
let folder: TemporaryFolder;
let device: ChildProcess | undefined;
let said = '';

beforeEach(async () => {
  said = '';
  folder = temporaryFolder();
  cloud = await startSimulator();
  app = await App.connect(cloud.mqttUrl);
});
afterEach(async () => {
  stop();
  await app.close();
  await cloud.stop();
  folder.remove();
});

/** With everything it started: a shell has children. */
function stop(): void {
  if (device?.pid !== undefined && device.exitCode === null) process.kill(-device.pid, 'SIGKILL');
  device = undefined;
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}): void {
  device = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  device.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
}

describe.skipIf(interpreter === undefined)('the device in Python (apt-get install python3-paho-mqtt)', () => {
  function start(): void {
    const { port } = new URL(cloud.mqttUrl);
    const program = python.replace('"127.0.0.1", 1883', `"127.0.0.1", ${port}`);
    expect(program).toContain(port);
    run(interpreter ?? '', ['-c', program]);
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

const hasMosquitto = existsSync('/usr/bin/mosquitto_pub') && existsSync('/usr/bin/mosquitto_sub');
const script = fileURLToPath(new URL('../../examples/mosquitto/serve-command.sh', import.meta.url));

describe.skipIf(!hasMosquitto)('the device in a shell (apt-get install mosquitto-clients)', () => {
  let sender: DirectSender;
  beforeEach(async () => {
    sender = await DirectSender.connect(cloud.mqttUrl, 'box');
  });
  afterEach(() => sender.end());

  const start = (): void =>
    run(script, ['box', '127.0.0.1', new URL(cloud.mqttUrl).port], { STATE: folder.path('state') });

  /** It subscribes without being asked twice only once it is there. */
  async function send(request: Partial<DirectRequest> & { id: string; name: string }): Promise<DirectResponse> {
    return eventually(
      async () => {
        await sender.ask(request);
        return eventually(() => sender.finals(request.id)[0], { withinMs: 500 });
      },
      { withinMs: 15_000 },
    ).catch((error: unknown) => {
      throw new Error(`the device said: ${said}`, { cause: error });
    });
  }

  test('answers a command, a duplicate with the same answer, a late and an unknown one with a refusal', async () => {
    start();
    const first = await send({ id: 'c1', name: 'uptime' });
    expect(first).toEqual({ id: 'c1', status: 'succeeded', result: { seconds: expect.any(Number) as number } });
    const before = sender.finals('c1').length;
    stop();
    start();
    await eventually(async () => {
      await sender.ask({ id: 'c1', name: 'uptime', attempt: 2 });
      return sender.finals('c1').length > before;
    });
    for (const answer of sender.finals('c1')) expect(answer).toEqual(first);
    const late = { id: 'c2', name: 'uptime', expiresAt: epochMs(Date.now() - 5_000) };
    expect(await send(late)).toMatchObject({ status: 'rejected', problem: { code: 'expired' } });
    expect(await send({ id: 'c3', name: 'fly' })).toMatchObject({
      status: 'rejected',
      problem: { code: 'unknown_command' },
    });
  });

  test('answers a command in whose middle it went down as interrupted, without doing it again', async () => {
    mkdirSync(folder.path('state'));
    writeFileSync(folder.path('state/c1.begun'), '');
    start();
    const answer = await eventually(() => sender.finals('c1')[0], { withinMs: 15_000 });
    expect(answer).toMatchObject({ status: 'failed', problem: { code: 'interrupted' } });
    expect(await send({ id: 'c1', name: 'uptime', attempt: 2 })).toEqual(answer);
  });
});
