import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificates } from '../../simulators/access/certificates.ts';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { eventually } from '../support/eventually.ts';
import { shadowctl, startShadowctl, type Started } from '../support/shadowctl.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

let folder: TemporaryFolder;
let simulator: Simulator;
const servers: Started[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
  simulator = await startSimulator();
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.process.kill('SIGCONT');
    server.process.kill('SIGTERM');
    await server.ended;
  }
  await simulator.stop();
  folder.remove();
});

const serveArgs = (mqtt: string) =>
  ['serve', '--listen', '127.0.0.1:0', '--store', `sqlite:${folder.path('ledger.sqlite')}`].concat(
    ['--mqtt', mqtt],
    ['--log', 'silent', '--json'],
  );

async function serve(): Promise<{ server: Started; url: string }> {
  const server = startShadowctl(serveArgs(simulator.mqttUrl));
  servers.push(server);
  const url = await eventually(() => /"http":"([^"]+)"/.exec(server.stdout())?.[1]);
  return { server, url };
}

describe('D8: a server that stands still (SIGSTOP) and goes on', () => {
  test('nobody takes its ledger from it meanwhile, and what it missed is judged by a fresh look', async () => {
    const { server, url } = await serve();
    const wish = { desired: { level: 1 }, applyWithinMs: 86_400_000, expiresInMs: 5_000, onEnd: 'keep' };
    const posted = await fetch(`${url}/v1/things/lamp/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(wish),
    });
    const { id, expiresAt } = (await posted.json()) as { id: string; expiresAt: string };
    await eventually(() => simulator.document('lamp')?.state.desired?.['level'] === 1);
    server.process.kill('SIGSTOP');

    const second = await shadowctl(serveArgs(simulator.mqttUrl));
    expect(second.code).not.toBe(0);
    expect(second.stdout + second.stderr).toContain('ledger_locked');
    // The device does it in time; the deadline passes while nobody looks.
    const { httpUrl } = simulator;
    const report = await fetch(`${httpUrl}/things/lamp/shadow`, {
      method: 'POST',
      body: '{"state":{"reported":{"level":1}}}',
    });
    expect(report.status).toBe(200);
    await eventually(() => Date.now() > Date.parse(expiresAt) + 200);
    server.process.kill('SIGCONT');

    const command = await eventually(async () => {
      const now = (await (await fetch(`${url}/v1/commands/${id}`)).json()) as { status: string; verdict: string };
      return now.verdict === 'pending' ? undefined : now;
    });
    expect(command.status).toBe('succeeded');
  });
});

test('D23: when the certificate of the connection ends can be read long before', async () => {
  const { server: pair } = await makeCertificates();
  const [cert, key] = [folder.path('cert.pem'), folder.path('cert.key')];
  writeFileSync(cert, pair.cert);
  writeFileSync(key, pair.key);
  const server = startShadowctl([...serveArgs('mqtts://127.0.0.1:1'), '--cert', cert, '--key', key]);
  servers.push(server);
  const url = await eventually(() => /"http":"([^"]+)"/.exec(server.stdout())?.[1]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const shown = Number(/^shadow_link_certificate_expires_seconds (\d+)/m.exec(metrics)?.[1]);
  expect(shown).toBe(Date.parse(new X509Certificate(pair.cert).validTo) / 1000);
});
