import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';
import { shadowctl, startShadowctl, type Ran, type Started } from './shadowctl.ts';

/** A local cloud, a server and one heater (`room-heater`), each a real process on free ports. */
export interface SmallWorld {
  readonly mqtt: string;
  readonly url: string;
  /** Runs a verb against this server. */
  run(...args: string[]): Promise<Ran>;
  start(...args: string[]): Started;
  /** kill -9; `reviveServer` starts it again on the same port and ledger. */
  killServer(): Promise<void>;
  reviveServer(): Promise<void>;
  stop(): Promise<void>;
}

const HEATER_MODEL = fileURLToPath(new URL('../../schemas/models/heater.json', import.meta.url));

export async function startSmallWorld(): Promise<SmallWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'shadowctl-world-'));
  const config = join(dir, 'server.json');
  await writeFile(config, JSON.stringify({ models: [{ things: '*-heater', model: HEATER_MODEL }] }));
  const sim = startShadowctl(['sim', '--mqtt', '127.0.0.1:0', '--http', '127.0.0.1:0', '--json']);
  const { mqtt } = await readyFacts(sim);
  const serve = (listen: string) =>
    startShadowctl([
      ...['serve', '--listen', listen, '--mqtt', String(mqtt), '--config', config],
      ...['--store', `sqlite:${join(dir, 'ledger.sqlite')}`, '--json', '--log', 'error'],
    ]);
  let server = serve('127.0.0.1:0');
  const { http } = await readyFacts(server);
  const heater = startShadowctl([
    'devices',
    '--mqtt',
    String(mqtt),
    '--model',
    'heater',
    '--thing',
    'room-heater',
    '--json',
  ]);
  await readyFacts(heater);
  const env = { SHADOWCTL_SERVER: String(http), SHADOWCTL_AUTHOR: 'tester' };
  return {
    mqtt: String(mqtt),
    url: String(http),
    run: (...args) => shadowctl(args, { env }),
    start: (...args) => startShadowctl(args, { env }),
    killServer: async () => {
      server.process.kill('SIGKILL');
      await server.ended;
    },
    reviveServer: async () => {
      server = serve(new URL(String(http)).host);
      await readyFacts(server);
    },
    stop: async () => {
      for (const part of [heater, server, sim]) {
        part.process.kill('SIGTERM');
        await part.ended;
      }
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What a long-running verb says with `--json` once it is up. */
async function readyFacts(started: Started): Promise<Record<string, string | number>> {
  return eventually(
    () => {
      const line = started
        .stdout()
        .split('\n')
        .find((text) => text.includes('"ready"'));
      if (line === undefined) throw new Error(`not ready: ${started.stderr()}`);
      return (JSON.parse(line) as { ready: Record<string, string | number> }).ready;
    },
    { withinMs: 60_000 },
  );
}
