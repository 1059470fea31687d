import { startSimulator } from '../../simulators/testing.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { epochMs } from '../../src/core/brand.ts';
import { eventually } from './eventually.ts';
import { aCommand, aLine, got, line, ref, stored } from './ledger-fixtures.ts';
import { startShadowctl } from './shadowctl.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface RestartReport {
  readonly readyMs: number;
  /** What `/readyz` says of open commands as soon as it answers. */
  readonly openAtReady: number;
  /** A new command while the others are being taken up. */
  readonly newCommandStatus: number;
  readonly takenUpMs: number;
  /** Open commands when all are taken up, and how many of them the service has by now. */
  readonly open: number;
  readonly sent: number;
}

/** Starts a server on a ledger full of queued commands whose shadows do not exist yet, and lets it publish them all. */
export async function restartWithPending(commands: number, shadows: number): Promise<RestartReport> {
  const folder = temporaryFolder();
  const path = folder.path('ledger.sqlite');
  await fill(path, commands, shadows);
  const simulator = await startSimulator();
  const started = performance.now();
  const args = ['--listen', '127.0.0.1:0', '--store', `sqlite:${path}`, '--mqtt', simulator.mqttUrl, '--log', 'error'];
  const server = startShadowctl(['serve', ...args, '--json']);
  try {
    const ready = (): string | undefined => /"http":"([^"]+)"/.exec(server.stdout())?.[1];
    const url = await eventually(ready, { withinMs: 60_000 });
    const readyMs = performance.now() - started;
    const health = async () =>
      (await (await fetch(`${url}/readyz`)).json()) as { openCommands: number; recovering: number };
    const { openCommands: openAtReady } = await health();
    const { status: newCommandStatus } = await fetch(`${url}/v1/things/new/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"desired":{"a":1}}',
    });
    const sent = async (): Promise<number> =>
      Number(/shadow_commands_pending\{status="sent"\} (\d+)/.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);
    await eventually(async () => (await sent()) === commands + 1, { withinMs: 1_200_000, everyMs: 250 });
    const { openCommands: open } = await health();
    return { readyMs, openAtReady, newCommandStatus, takenUpMs: performance.now() - started, open, sent: await sent() };
  } finally {
    server.process.kill('SIGTERM');
    await server.ended;
    await simulator.stop();
    folder.remove();
  }
}

async function fill(path: string, commands: number, shadows: number): Promise<void> {
  const ledger = await got(openSqliteLedger({ path }));
  const now = Date.now();
  for (let from = 0; from < commands; from += 500) {
    const numbers = Array.from({ length: Math.min(500, commands - from) }, (_, index) => from + index);
    await Promise.all(
      numbers.map((number) => {
        const command = aCommand(number, {
          ref: ref(`thing-${number % shadows}`),
          createdAt: epochMs(now),
          policy: {
            applyWithinMs: 86_400_000,
            expiresAt: epochMs(now + 604_800_000),
            whenOffline: 'wait',
            onEnd: 'keep',
          },
          clock: { leftMs: 86_400_000 },
        });
        return ledger.commit([stored(command), line(aLine(command))]).then(got);
      }),
    );
  }
  await ledger.close();
}
