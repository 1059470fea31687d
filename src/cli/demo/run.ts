import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { CommandView } from '../../http/views/command.ts';
import { EXIT, type Cli, type ExitCode } from '../cli.ts';
import { createApi, type Api } from '../../client/api.ts';
import { SERVER_DEFAULT } from '../http-client.ts';
import { forTerminal } from '../output/terminal.ts';
import { DEVICES, SERVER_CONFIG } from './fleet.ts';
import { usualPortOrAny } from './free-port.ts';
import { diedProblem } from './part.ts';
import { playScene, type Played } from './play.ts';
import { SCENARIO } from './scenario.ts';
import { playedTable, showAsTalk } from './show.ts';
import { World } from './world.ts';

export interface DemoOptions {
  readonly once?: boolean;
  readonly dir?: string;
  readonly mqttPort?: number;
  readonly httpPort?: number;
}

const MQTT_PORT = 1883;
const HTTP_PORT = 8080;
/** The data plane of the shadow service. */
const DATA_PORT = 8081;

/** Everything on loopback, each part a process of its own; ends in order whatever happens. */
export async function runDemo(cli: Cli, options: DemoOptions): Promise<Result<ExitCode>> {
  const dir = await workDirectory(options.dir);
  if (!dir.ok) return dir;
  const world = new World();
  const died = world.died.then((exit) => fail(diedProblem(exit)));
  const stopped = cli.untilStopped().then(() => ok(EXIT.interrupted));
  try {
    return await Promise.race([play(cli, { ...options, dir: dir.value, world }), died, stopped]);
  } finally {
    if (options.once !== true) cli.output.talk('stopping: devices, server, simulator');
    await world.stop();
    if (options.dir === undefined) await rm(dir.value, { recursive: true, force: true });
  }
}

async function play(
  cli: Cli,
  options: DemoOptions & { readonly dir: string; readonly world: World },
): Promise<Result<ExitCode>> {
  const { output } = cli;
  const started = await startWorld(cli, options);
  if (!started.ok) return started;
  const { url } = started.value;
  const all: Played[] = [];
  const stage = { world: options.world, client: createApi({ url }), signal: cli.signal, tell: showAsTalk(output) };
  for (const scene of SCENARIO) {
    const played = await playScene(scene, stage);
    if (!played.ok) return played;
    all.push(...played.value);
  }
  // Looked at once more: what became of desired is settled by now.
  const finals = await lookAgain(all, stage.client);
  const wrong = all.filter(({ asExpected }) => !asExpected).length;
  if (output.json) output.dataJson({ commands: finals });
  else output.data(`\n${playedTable(finals, output)}`);
  output.talk(
    wrong === 0
      ? `\n${output.talkColor.green(`${all.length} commands, every verdict as it should be.`)}`
      : `\n${output.talkColor.red(`${wrong} of ${all.length} commands did not end as they should.`)}`,
  );
  if (options.once === true) return ok(wrong === 0 ? EXIT.ok : EXIT.differs);
  await options.world.change({ type: 'thaw', part: 'lock' }); // somebody may want to play with it
  output.talk(whatNext(cli, url));
  await cli.untilStopped();
  return ok(EXIT.interrupted);
}

/** Putting desired right takes one more round trip to the shadow service. */
const SETTLE_MS_MAX = 3_000;

async function lookAgain(all: readonly Played[], client: Api): Promise<Played[]> {
  const giveUpAt = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const finals = await Promise.all(
      all.map(async (played) => {
        const look = await client.get<CommandView>(`/v1/commands/${played.command.id}`);
        return look.ok ? { ...played, command: look.value } : played;
      }),
    );
    const settling = finals.some(({ command }) => command.kind === 'shadow' && command.endResult === 'not_yet');
    if (!settling || performance.now() > giveUpAt) return finals;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startWorld(
  cli: Cli,
  { world, dir, mqttPort, httpPort }: DemoOptions & { readonly dir: string; readonly world: World },
): Promise<Result<{ url: string }>> {
  const { output } = cli;
  output.talk(output.talkColor.bold('shadowctl demo: a local cloud on loopback, each part its own process'));
  const mqtt = mqttPort ?? (await usualPortOrAny(MQTT_PORT));
  // Who takes any port for the broker runs several at once: two of them would find the usual one free at the same moment.
  const data = mqttPort === 0 ? 0 : await usualPortOrAny(DATA_PORT);
  const simulator = await world.start('simulator', () => [
    ...['sim', '--mqtt', `127.0.0.1:${mqtt}`, '--http', `127.0.0.1:${data}`],
  ]);
  if (!simulator.ok) return simulator;
  const broker = String(simulator.value.facts['mqtt']);
  output.talk(`  simulator  ${broker}   broker and shadow service`);

  const config = join(dir, 'server.json');
  const store = join(dir, 'ledger.sqlite');
  await writeFile(config, JSON.stringify(SERVER_CONFIG, undefined, 2));
  let listen = httpPort ?? (await usualPortOrAny(HTTP_PORT));
  const server = await world.start('server', () => [
    ...['serve', '--listen', `127.0.0.1:${listen}`, '--store', `sqlite:${store}`],
    ...['--mqtt', broker, '--config', config, '--log', 'warn'],
  ]);
  if (!server.ok) return server;
  const url = String(server.value.facts['http']);
  listen = Number(new URL(url).port); // a restarted server is found where the first one was
  output.talk(`  server     ${url}   command desk, watcher, API; ledger ${forTerminal(store)}`);

  const devices = await Promise.all(
    DEVICES.map(({ part, args }) => world.start(part, () => args({ mqtt: broker, dir }))),
  );
  const missing = devices.find((device) => !device.ok);
  if (missing !== undefined && !missing.ok) return missing;
  output.talk(`  devices    ${DEVICES.flatMap(({ shadows }) => shadows).join(', ')}`);
  return ok({ url });
}

async function workDirectory(wanted: string | undefined): Promise<Result<string>> {
  try {
    if (wanted === undefined) return ok(await mkdtemp(join(tmpdir(), 'shadowctl-demo-')));
    await mkdir(wanted, { recursive: true });
    return ok(wanted);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return fail(problem('invalid_config', `no directory to work in: ${why}`, { cause, at: wanted ?? tmpdir() }));
  }
}

function whatNext({ output }: Cli, url: string): string {
  const server = url === SERVER_DEFAULT ? '' : ` --server ${url}`;
  const { bold, dim } = output.talkColor;
  return [
    '',
    bold('The demo keeps running.'),
    `  Look:  open ${url} in a browser`,
    `  Play:  from a second terminal`,
    `    npx shadowctl set room-heater /targetC=19 --wait${server}`,
    `    npx shadowctl get lobby-bulb/light${server}`,
    `    npx shadowctl commands${server}`,
    `    npx shadowctl drift${server}`,
    `    curl ${url}/v1/commands`,
    dim('Ctrl-C ends all of it.'),
  ].join('\n');
}
