import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { MqttProbe } from '../../support/mqtt-probe.ts';
import { startShadowctl } from '../../support/shadowctl.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

const MAIN = new URL('../../../dist/src/cli/main.js', import.meta.url).pathname;
const SHADOW = '$aws/things/heater/shadow';

// Each verb is a process of its own, and a busy machine takes seconds to start one.
vi.setConfig({ testTimeout: 120_000 });

let folder: TemporaryFolder;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  folder.remove();
});

interface Running {
  readonly child: ChildProcess;
  readonly mqtt: string;
  readonly http: string;
}

async function startSim(...args: string[]): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, 'sim', '--http', '127.0.0.1:0', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { ready } = JSON.parse(line) as { ready: { mqtt: string; http: string } };
  return { child, ...ready };
}

function shadowctl(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) =>
      resolve({ code: (error?.code as number | undefined) ?? 0, stdout, stderr }),
    );
  });
}

test('whatever was answered survives kill -9', async () => {
  const data = folder.path('data');
  let answered = 0;
  for (let round = 0; round < 4; round++) {
    const sim = await startSim('--mqtt', '127.0.0.1:0', '--data', data);
    const probe = await MqttProbe.connect(sim.mqtt);
    await probe.subscribe(`${SHADOW}/update/accepted`, `${SHADOW}/get/accepted`);
    if (round > 0) {
      await probe.publish(`${SHADOW}/get`, '');
      const read = (await probe.body(`${SHADOW}/get/accepted`)) as { version: number; state: unknown };
      // The kill may have come between the store and the answer, never the other way round.
      expect(read.version).toBeGreaterThanOrEqual(answered);
      expect(read.state).toEqual({ reported: { count: read.version } });
      answered = read.version;
    }
    const until = answered + 20 + round * 7;
    for (let count = answered + 1; count <= until + 200; count++) {
      probe.client.publish(`${SHADOW}/update`, JSON.stringify({ state: { reported: { count } } }), { qos: 1 });
    }
    const versions = () => probe.bodies(`${SHADOW}/update/accepted`).map(({ version }) => version as number);
    await eventually(() => versions().some((version) => version >= until));
    sim.child.kill('SIGKILL');
    await once(sim.child, 'exit');
    answered = Math.max(...versions());
    await probe.end();
  }
});

test('what was acknowledged for a client that is away survives kill -9', async () => {
  const data = folder.path('data');
  const session = { protocolVersion: 4, clean: false, clientId: 'away' } as const;
  let sim = await startSim('--mqtt', '127.0.0.1:0', '--data', data);
  const away = await MqttProbe.connect(sim.mqtt, session);
  await away.subscribe('news');
  await away.end();
  const app = await MqttProbe.connect(sim.mqtt);
  let acknowledged = 0;
  for (let count = 1; count <= 400; count++) {
    app.client.publish('news', `${count}`, { qos: 1 }, (error) => {
      if (error === undefined || error === null) acknowledged = count;
    });
  }
  await eventually(() => acknowledged >= 100);
  sim.child.kill('SIGKILL');
  await once(sim.child, 'exit');
  app.client.end(true);

  sim = await startSim('--mqtt', '127.0.0.1:0', '--data', data);
  const back = await MqttProbe.connect(sim.mqtt, session);
  await eventually(() => new Set(back.heard.map(({ payload }) => payload)).size >= acknowledged);
  // The one that was on its way into the queue may come twice.
  const numbers = [...new Set(back.heard.map(({ payload }) => Number(payload)))];
  expect(numbers).toEqual(numbers.map((_number, index) => index + 1));
  await back.end();
});

test('the verbs look into a running cloud and bend it, and it stops in order', async () => {
  const sim = await startSim('--mqtt', '127.0.0.1:0');
  const at = ['--simulator', sim.http];
  const probe = await MqttProbe.connect(sim.mqtt, { clientId: 'probe' });
  await probe.subscribe(`${SHADOW}/update/+`);
  await probe.publish(`${SHADOW}/update`, { state: { desired: { a: 1 } } });
  await probe.body(`${SHADOW}/update/accepted`);

  const list = await shadowctl('sim', 'list', ...at);
  expect(await shadowctl('sim', 'list', '--http', new URL(at[1] ?? '').host)).toEqual(list);
  expect(list.code).toBe(0);
  expect(list.stdout).toMatch(/heater +1 +7 +differs/);
  const file = folder.path('dump.json');
  expect((await shadowctl('sim', 'dump', file, ...at)).code).toBe(0);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject([{ thing: 'heater', document: { version: 1 } }]);
  expect((await shadowctl('sim', 'reset', ...at)).code).toBe(0);
  expect((await shadowctl('sim', 'load', file, ...at)).stdout).toContain('1 shadows loaded');
  expect((await shadowctl('sim', 'clock', '--set', '2031-01-01T00:00:00Z', ...at)).stdout).toContain(
    '2031-01-01T00:00',
  );

  const rule = ['--reject', '1', '--code', '500', '--message', 'update', '--seed', '7'];
  expect((await shadowctl('sim', 'faults', ...rule, ...at)).code).toBe(0);
  await probe.publish(`${SHADOW}/update`, { state: {} });
  expect(await probe.body(`${SHADOW}/update/rejected`)).toMatchObject({ code: 500 });
  expect((await shadowctl('sim', 'faults', '--record', '--json', ...at)).stdout).toContain('"kind":"reject"');
  expect((await shadowctl('sim', 'cut', 'probe', ...at)).code).toBe(0);
  await eventually(() => !probe.client.connected);
  expect((await shadowctl('sim', 'cut', 'nobody', ...at)).code).toBe(4);

  sim.child.kill('SIGTERM');
  expect(await once(sim.child, 'exit')).toEqual([0, null]);
  const gone = await shadowctl('sim', 'list', ...at);
  expect([gone.code, gone.stderr]).toEqual([7, expect.stringContaining('start one with "shadowctl sim"')]);
});

test('G-12: it listens on loopback unless told otherwise, and then says what that means', async () => {
  const told = async (...args: string[]): Promise<string> => {
    const sim = startShadowctl(['sim', '--http', '127.0.0.1:0', ...args]);
    children.push(sim.process);
    await eventually(() => sim.stderr().includes('ready'), { withinMs: 60_000 });
    sim.process.kill('SIGTERM');
    return (await sim.ended).stderr;
  };
  expect(await told('--mqtt', '127.0.0.1:0')).not.toContain('Open to everybody');
  expect(await told('--mqtt', '0.0.0.0:0')).toMatch(/Open to everybody: mqtt:\/\/0\.0\.0\.0:\d+\. Whoever reaches it/);
  expect((await shadowctl('sim', '--help')).stdout).toMatch(
    /default:\s+"127\.0\.0\.1:1883"[^]*default:\s+"127\.0\.0\.1:8081"/,
  );
});

test('usage, configuration and a taken port exit with 2 and say what to do', async () => {
  const sim = await startSim('--mqtt', '127.0.0.1:0');
  const port = sim.mqtt.replace('mqtt://', '');
  const taken = await shadowctl('sim', '--mqtt', port, '--http', '127.0.0.1:0');
  expect(taken).toMatchObject({ code: 2 });
  expect(taken.stderr).toContain('address_in_use');
  const noCertificates = await shadowctl('sim', '--mqtt', '127.0.0.1:0', '--mqtts', '127.0.0.1:0');
  expect(noCertificates).toMatchObject({ code: 2 });
  expect(noCertificates.stderr).toContain('sim certs');
  const rules = folder.path('rules.json');
  writeFileSync(rules, '{"depth":3}');
  expect(await shadowctl('sim', '--rules', rules)).toMatchObject({ code: 2 });
});

test('certificates made by the program let their thing in, and a second run keeps the authority', async () => {
  const certs = folder.path('certs');
  expect((await shadowctl('sim', 'certs', certs, '--thing', 'heater')).code).toBe(0);
  const authority = readFileSync(`${certs}/ca.crt`, 'utf8');
  expect((await shadowctl('sim', 'certs', certs, '--thing', 'pump')).code).toBe(0);
  expect(readFileSync(`${certs}/ca.crt`, 'utf8')).toBe(authority);
  const files = ['--ca', `${certs}/ca.crt`, '--cert', `${certs}/server.crt`, '--key', `${certs}/server.key`];
  const child = spawn(
    process.execPath,
    [MAIN, 'sim', '--mqtt', '127.0.0.1:0', '--mqtts', '127.0.0.1:0', '--http', '127.0.0.1:0', '--json', ...files],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { mqtts } = (JSON.parse(line) as { ready: { mqtts: string } }).ready;
  for (const thing of ['heater', 'pump']) {
    const probe = await MqttProbe.connect(mqtts.replace('127.0.0.1', 'localhost'), {
      clientId: thing,
      ca: authority,
      cert: readFileSync(`${certs}/${thing}.crt`),
      key: readFileSync(`${certs}/${thing}.key`),
    });
    await probe.subscribe(`$aws/things/${thing}/shadow/update/accepted`);
    await probe.end();
  }
});

describe.skipIf(!existsSync('/usr/sbin/mosquitto'))('on Mosquitto (apt-get install mosquitto)', () => {
  async function startMosquitto(): Promise<string> {
    const { createServer } = await import('node:net');
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const config = folder.path('mosquitto.conf');
    writeFileSync(
      config,
      `listener ${port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n`,
    );
    children.push(spawn('/usr/sbin/mosquitto', ['-c', config], { stdio: 'ignore' }));
    const url = `mqtt://127.0.0.1:${port}`;
    const probe = await eventually(() => MqttProbe.connect(url));
    await probe.end();
    return url;
  }

  test('the service answers on a broker that is not its own', async () => {
    const url = await startMosquitto();
    const sim = await startSim('--broker', url);
    expect(sim.mqtt).toBe(url);
    const probe = await MqttProbe.connect(url);
    for (const prefix of [SHADOW, `${SHADOW}/name/eco`]) {
      await probe.subscribe(`${prefix}/update/+`, `${prefix}/get/+`, `${prefix}/delete/+`);
      await probe.publish(`${prefix}/get`, '');
      expect(await probe.body(`${prefix}/get/rejected`)).toMatchObject({ code: 404 });
      await probe.publish(`${prefix}/update`, { state: { desired: { a: 1 } }, clientToken: 't' });
      expect(await probe.body(`${prefix}/update/accepted`)).toMatchObject({ version: 1, clientToken: 't' });
      expect(await probe.body(`${prefix}/update/delta`)).toMatchObject({ state: { a: 1 } });
      expect(await probe.body(`${prefix}/update/documents`)).toMatchObject({ previous: null });
      await probe.publish(`${prefix}/update`, { state: {}, version: 7 });
      expect(await probe.body(`${prefix}/update/rejected`)).toMatchObject({ code: 409 });
      await probe.publish(`${prefix}/delete`, '');
      expect(await probe.body(`${prefix}/delete/accepted`)).toMatchObject({ version: 1 });
    }
    const response = await fetch(`${sim.http}/things/heater/shadow`, { method: 'POST', body: '{"state":{}}' });
    expect(response.status).toBe(200);
    expect(await probe.body(`${SHADOW}/update/accepted`, 2)).toMatchObject({ version: 3 });
    await probe.end();
    sim.child.kill('SIGTERM');
    expect(await once(sim.child, 'exit')).toEqual([0, null]);
  });

  test('without documents none is sent on a broker that is not its own', async () => {
    const url = await startMosquitto();
    await startSim('--broker', url, '--no-documents');
    const probe = await MqttProbe.connect(url);
    await probe.subscribe(`${SHADOW}/update/+`);
    await probe.publish(`${SHADOW}/update`, { state: { desired: { a: 1 } } });
    await probe.publish(`${SHADOW}/update`, { state: { desired: { a: 2 } } });
    await probe.body(`${SHADOW}/update/delta`, 2);
    expect(probe.bodies(`${SHADOW}/update/documents`)).toEqual([]);
    await probe.end();
  });
});

test('a broker that is not there exits with 7', async () => {
  const result = await shadowctl('sim', '--broker', 'mqtt://127.0.0.1:1', '--http', '127.0.0.1:0');
  expect(result.code).toBe(7);
});
