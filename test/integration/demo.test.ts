import { readFileSync, readdirSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { createColors } from 'picocolors';
import { describe, expect, test } from 'vitest';
import type { Played } from '../../src/cli/demo/play.ts';
import { playedTable } from '../../src/cli/demo/show.ts';
import { displayWidth } from '../../src/cli/output/table.ts';
import { eventually } from '../support/eventually.ts';
import { shadowctl, startShadowctl, type Started } from '../support/shadowctl.ts';

const FREE_PORTS = ['--mqtt-port', '0', '--http-port', '0'];

const PLAIN = createColors(false);

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Where the parts of a running demo listen, as it prints them. */
async function urlsOf(demo: Started): Promise<{ mqtt: string; http: string }> {
  return eventually(
    () => {
      const mqtt = /mqtt:\/\/\S+/.exec(demo.stderr())?.[0];
      const http = /http:\/\/\S+/.exec(demo.stderr())?.[0];
      return mqtt !== undefined && http !== undefined ? { mqtt, http } : undefined;
    },
    { withinMs: 25_000 },
  );
}

/** The child process whose command line holds `word`. */
function childOf(parent: number, word: string): number | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (status.split(') ')[1]?.split(' ')[1] === String(parent) && line.includes(word)) return Number(pid);
    } catch {
      // It ended between the two looks.
    }
  }
  return undefined;
}

async function nothingListens(urls: { mqtt: string; http: string }): Promise<void> {
  await eventually(async () => !(await answers(urls.mqtt)) && !(await answers(urls.http)));
}

describe('the demo', () => {
  test('shows every verdict once, across a kill -9 of the server, and leaves nothing running', async () => {
    const demo = startShadowctl(['demo', '--once', '--json', ...FREE_PORTS]);
    const { code, stdout, stderr } = await demo.ended;
    expect(stderr).toBe('');
    const { commands } = JSON.parse(stdout) as { commands: Played[] };
    const outcome = commands.map(({ command }) => `${command.shadow} ${command.verdict} ${command.status}`);
    expect(outcome).toEqual([
      'room-heater succeeded succeeded',
      'room-heater succeeded succeeded',
      'lobby-bulb/light succeeded succeeded',
      'room-heater failed failed',
      'front-door/(direct) succeeded succeeded',
      'room-heater/(direct) succeeded succeeded',
      'lobby-bulb/(direct) succeeded succeeded',
      'pump-motor/(direct) failed failed',
      'pump-motor/(direct) succeeded succeeded',
      'pump-motor/(direct) withdrawn cancelled',
      'pump-motor/(direct) failed failed',
      'pump-motor/(direct) succeeded succeeded',
      'pump-motor/(direct) succeeded succeeded',
      'garage-bulb/(direct) succeeded succeeded',
      'lobby-bulb/(direct) succeeded succeeded',
      'pump-motor withdrawn superseded',
      'pump-motor succeeded succeeded',
      'front-door timed_out timed_out',
      'garage-bulb timed_out expired',
      'front-door/(direct) timed_out timed_out',
      'front-door/(direct) timed_out expired',
    ]);
    const noops = commands.flatMap(({ command }, index) =>
      command.kind === 'shadow' && command.noop === true ? [index] : [],
    );
    expect(noops).toEqual([1]);
    expect(commands[3]?.command).toMatchObject({ fields: [{ code: 'out_of_range' }] });
    expect(commands[7]?.command).toMatchObject({ name: 'stop', statusReason: 'not_running', state: { rpm: 0 } });
    // Asked twice before the motor could answer, and started once: a second start would be refused.
    const started = commands[8]?.command;
    expect(started?.kind === 'direct' && started.attempts).toBeGreaterThan(1);
    expect(commands[10]?.command).toMatchObject({ name: 'stop', statusReason: 'out_of_order', state: { rpm: 100 } });
    const narrow = playedTable(commands, { color: PLAIN, width: 80 }).split('\n');
    expect(narrow.filter((line) => displayWidth(line) > 80 || line.includes('…'))).toEqual([]);
    expect(code).toBe(0);
  }, 120_000);

  test('prints a table of commands with verdicts for people', async () => {
    const { stdout, stderr, code } = await shadowctl(['demo', '--once', ...FREE_PORTS]);
    expect(stdout.trim().split('\n')[0]).toMatch(/^VERDICT +STATUS +SHADOW +WISH +AFTER +WHY$/);
    expect(stdout.trim().split('\n')).toHaveLength(22);
    expect(stderr).toContain('shadowctl set room-heater /targetC=21.5');
    expect(stderr).toContain('shadowctl send pump-motor start --sequence run');
    expect(stderr).toContain('every verdict as it should be');
    expect(code).toBe(0);
  }, 120_000);

  test('ends every process of it at Ctrl-C, with exit code 130', async () => {
    const demo = startShadowctl(['demo', ...FREE_PORTS]);
    const urls = await urlsOf(demo);
    demo.process.kill('SIGINT');
    expect((await demo.ended).code).toBe(130);
    expect(await answers(urls.mqtt)).toBe(false);
    expect(await answers(urls.http)).toBe(false);
  }, 60_000);

  test('leaves no part behind when it is itself killed with SIGKILL', async () => {
    const demo = startShadowctl(['demo', ...FREE_PORTS]);
    const urls = await urlsOf(demo);
    demo.process.kill('SIGKILL');
    await demo.ended;
    await nothingListens(urls);
  }, 60_000);

  // Children are found in /proc.
  test.skipIf(process.platform !== 'linux')(
    'names a part that dies on the way, and ends the others',
    async () => {
      const demo = startShadowctl(['demo', ...FREE_PORTS]);
      const urls = await urlsOf(demo);
      const heater = await eventually(() => childOf(demo.process.pid ?? 0, 'room-heater'), { withinMs: 25_000 });
      await eventually(() => demo.stderr().includes('1. '), { withinMs: 50_000 });
      process.kill(heater, 'SIGKILL');
      const { code, stderr } = await demo.ended;
      expect(stderr).toMatch(/the heater ended \(SIGKILL\).*\[part_died\]/);
      expect(code).toBe(7);
      await nothingListens(urls);
    },
    90_000,
  );

  test('names a part that cannot start, with its last words', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    const { code, stderr } = await shadowctl(['demo', '--once', '--mqtt-port', String(port)]);
    squatter.close();
    expect(stderr).toMatch(/the simulator ended \(exit code 2\); its last words: .*address_in_use.*\[part_died\]/);
    expect(code).toBe(7);
  }, 60_000);
});
