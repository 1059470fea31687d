import { startSimulator } from '../../simulators/testing.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { FAILPOINTS, type Failpoint } from '../../src/compose-failpoints.ts';
import { composeDevice } from '../../src/compose-device.ts';
import type { CommandId } from '../../src/core/brand.ts';
import { isOpenCommand } from '../../src/core/command/clocks.ts';
import type { AnyCommand } from '../../src/core/direct/direct-command.ts';
import type { Device } from '../../src/device/device.ts';
import { eventually } from './eventually.ts';
import { everyPage, got } from './ledger-fixtures.ts';
import { startShadowctl, type Started } from './shadowctl.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { thing } from './test-device.ts';

export interface DirectKills {
  readonly kills: number;
  readonly accepted: number;
  readonly effects: number;
  /** Ids that a device did more than once. */
  readonly doubleEffects: readonly string[];
  /** Accepted commands that are not in the ledger, never ended, or whose effect's answer did not arrive. */
  readonly lost: readonly string[];
  /** Keys under which more than one command was made. */
  readonly doubleCommands: readonly string[];
  readonly neverMet: readonly string[];
}

/** Where a server can die while direct commands flow: everywhere but where an old file is brought up, and where wishes are written. */
export const DIRECT_PLACES: readonly Failpoint[] = FAILPOINTS.filter(
  (place) => place !== 'migrate.step' && !place.startsWith('write.'),
);

const THINGS = ['d0', 'd1', 'd2'];
const LANES = 6;

/**
 * A real server over a real broker is killed at each of `places` while callers send actions that must not be done twice,
 * half of them in sequences, to real devices. Callers repeat what was not answered under the same key.
 */
export async function killWhileSending(places: readonly Failpoint[]): Promise<DirectKills> {
  const simulator = await startSimulator();
  const folder = temporaryFolder();
  const effects = new Map<string, number>();
  const devices = await Promise.all(
    THINGS.map(async (name) => {
      const device = got1(composeDevice({ thingName: thing(name), shadows: [], mqtt: { url: simulator.mqttUrl } }));
      device.onCommand('open', {
        idempotent: false,
        handler: async ({ id }) => {
          effects.set(id, (effects.get(id) ?? 0) + 1);
          return { result: { id } };
        },
      });
      await got(device.start());
      return device;
    }),
  );
  const accepted = new Map<string, string>();
  const doubleCommands: string[] = [];
  let url: string | undefined;
  let kills = 0;
  const start = async (failpoint?: string): Promise<Started> => {
    const store = `sqlite:${folder.path('ledger.sqlite')}`;
    const env = failpoint === undefined ? {} : { SHADOWCTL_FAILPOINT: failpoint };
    const listen = ['--listen', '127.0.0.1:0', '--mqtt', simulator.mqttUrl, '--log', 'error', '--json'];
    const program = startShadowctl(['serve', '--store', store, ...listen], { env });
    const isOver = (): boolean => program.process.exitCode !== null || program.process.signalCode !== null;
    await eventually(() => isOver() || /"http":"([^"]+)"/.test(program.stdout()), { withinMs: 30_000 });
    url = /"http":"([^"]+)"/.exec(program.stdout())?.[1];
    return program;
  };
  const ask = async (number: number): Promise<boolean> => {
    const key = `key-${number}`;
    const body = { kind: 'direct', name: 'open', ...(number % 2 === 0 ? { sequence: 'bolt' } : {}) };
    const response = await fetch(`${url}/v1/things/${THINGS[number % THINGS.length]}/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    const answer = (await response.json()) as { id?: string };
    if (answer.id === undefined) throw new Error(JSON.stringify(answer));
    if ((accepted.get(key) ?? answer.id) !== answer.id) doubleCommands.push(key);
    accepted.set(key, answer.id);
    return true;
  };
  let isSending = true;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (isSending) {
      const number = next++;
      await eventually(() => ask(number), { withinMs: 60_000 });
    }
  };
  const lanes = Array.from({ length: LANES }, lane);
  const neverMet: string[] = [];
  try {
    for (const [index, place] of places.entries()) {
      const program = await start(`${place}:${3 + (index % 10) * 2}`);
      const ended = program.ended.then(() => true);
      const met = await Promise.race([ended, new Promise<false>((resolve) => setTimeout(resolve, 20_000, false))]);
      if (!met) neverMet.push(place);
      program.process.kill('SIGKILL');
      await program.ended;
      kills += 1;
    }
    const program = await start();
    isSending = false;
    await Promise.all(lanes);
    const open = async (): Promise<number> =>
      ((await (await fetch(`${url}/v1/commands?verdict=pending`)).json()) as { items: unknown[] }).items.length;
    await eventually(async () => (await open()) === 0, { withinMs: 30_000, everyMs: 50 }).catch(() => undefined);
    program.process.kill('SIGTERM');
    await program.ended;
    const ledger = await got(openSqliteLedger({ path: folder.path('ledger.sqlite') }));
    const commands = await everyPage((page) => ledger.commands({}, page), 500);
    await ledger.close();
    const byId = new Map<CommandId, AnyCommand>(commands.map((command) => [command.id, command]));
    return {
      kills,
      accepted: accepted.size,
      effects: effects.size,
      doubleEffects: [...effects].filter(([, count]) => count > 1).map(([id]) => id),
      lost: [...accepted.values()].flatMap((id) => lossOf(byId.get(id as CommandId), id, effects.has(id))),
      doubleCommands,
      neverMet,
    };
  } finally {
    isSending = false;
    for (const device of devices) await device.stop();
    await simulator.stop();
    folder.remove();
  }
}

function lossOf(command: AnyCommand | undefined, id: string, isDone: boolean): string[] {
  if (command === undefined) return [`${id}: not in the ledger`];
  if (isOpenCommand(command)) return [`${id}: ${command.status} for ever`];
  if (command.kind !== 'direct' || command.status !== 'succeeded') return [`${id}: ${command.status}`];
  if (!isDone) return [`${id}: succeeded without an effect`];
  return JSON.stringify(command.result) === JSON.stringify({ id }) ? [] : [`${id}: another answer`];
}

function got1(result: ReturnType<typeof composeDevice>): Device {
  if (!result.ok) throw new Error(result.problem.message);
  return result.value;
}
