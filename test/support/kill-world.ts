import { once } from 'node:events';
import { connectAsync, type MqttClient } from 'mqtt';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import { composeDevice } from '../../src/compose-device.ts';
import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type TimelineEntry } from '../../src/core/command/command.ts';
import type { AnyCommand } from '../../src/core/direct/direct-command.ts';
import { writeIdOf } from '../../src/core/command/write.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import type { Device } from '../../src/device/device.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { eventually } from './eventually.ts';
import { everyPage, got } from './ledger-fixtures.ts';
import { startShadowctl, type Started } from './shadowctl.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';
import { TestHardware, thing } from './test-device.ts';

const THINGS = 4;
const FIELDS = 3;

/** What a run found; every number but the first three must be zero. */
export interface KillReport {
  readonly kills: number;
  readonly accepted: number;
  readonly published: number;
  /** Accepted commands that the ledger does not have, or that never ended, or that succeeded without ever being published. */
  readonly lost: readonly string[];
  /** Messages on the wire that no write in the ledger accounts for. */
  readonly ghosts: readonly string[];
  /** Commands whose timeline shows more than one end, or an end taken back. */
  readonly doubleVerdicts: readonly string[];
  /** Keys under which more than one command was made, or another one than was answered before. */
  readonly doubleCommands: readonly string[];
  /** Sequences missing from the timeline. */
  readonly gaps: number;
  /** Fields that are not as desired although all is over. */
  readonly unconverged: readonly string[];
}

interface Running {
  readonly program: Started;
  readonly url: string;
}

/**
 * A real server over a real broker, simulated shadow service and real devices; it is killed and started again while
 * callers keep asking. Callers behave as they should: no answer means the same request again under the same key.
 */
export class KillWorld {
  readonly #folder: TemporaryFolder = temporaryFolder();
  readonly #devices: Device[] = [];
  readonly #tokens: string[] = [];
  /** By idempotency key: the command that was answered. */
  readonly #accepted = new Map<string, string>();
  readonly #contradictions: string[] = [];
  readonly #random: () => number;
  #simulator: Simulator | undefined;
  #wire: MqttClient | undefined;
  #running: Running | undefined;
  #next = 0;
  #loading = false;
  #lanes: Promise<void>[] = [];
  #kills = 0;

  private constructor(random: () => number) {
    this.#random = random;
  }

  static async open(random: () => number): Promise<KillWorld> {
    const world = new KillWorld(random);
    world.#simulator = await startSimulator();
    const { mqttUrl } = world.#simulator;
    world.#wire = await connectAsync(mqttUrl);
    world.#wire.on('message', (_, payload) => {
      const { clientToken } = JSON.parse(payload.toString()) as { clientToken?: string };
      if (writeIdOf(clientToken) !== undefined && clientToken !== undefined) world.#tokens.push(clientToken);
    });
    await world.#wire.subscribeAsync('$aws/things/+/shadow/update', { qos: 1 });
    for (let index = 0; index < THINGS; index++) {
      const values = Object.fromEntries(Array.from({ length: FIELDS }, (_, field) => [`/f${field}`, 0]));
      const shadows = [{ model: NO_MODEL, adapters: [new TestHardware(values)] }];
      const device = composeDevice({ thingName: thing(`t${index}`), shadows, mqtt: { url: mqttUrl } });
      if (!device.ok) throw new Error(device.problem.message);
      world.#devices.push(device.value);
      await got(device.value.start());
    }
    return world;
  }

  get kills(): number {
    return this.#kills;
  }

  get accepted(): number {
    return this.#accepted.size;
  }

  /** Starts the server; undefined if it died before it was ready, as a failpoint can make it. */
  async start(failpoint?: string): Promise<Running | undefined> {
    const { mqttUrl } = this.#simulator as Simulator;
    const env = failpoint === undefined ? {} : { SHADOWCTL_FAILPOINT: failpoint };
    const store = `sqlite:${this.#folder.path('ledger.sqlite')}`;
    const args = ['serve', '--listen', '127.0.0.1:0', '--store', store, '--mqtt', mqttUrl, '--log', 'error', '--json'];
    const program = startShadowctl(args, { env });
    const url = await eventually(() => (ended(program) ? 'died' : /"http":"([^"]+)"/.exec(program.stdout())?.[1]), {
      withinMs: 30_000,
    });
    if (url === 'died') {
      if (program.process.signalCode !== 'SIGKILL') throw new Error(`the server ended: ${program.stderr()}`);
      this.#kills += 1;
      return undefined;
    }
    this.#running = { program, url };
    return this.#running;
  }

  /** Kills the server after a random time; at once if `withinMs` is 0. */
  async killWithin(withinMs: number): Promise<void> {
    const { program } = this.#running as Running;
    await new Promise((resolve) => setTimeout(resolve, this.#random() * withinMs));
    this.#running = undefined;
    program.process.kill('SIGKILL');
    await program.ended;
    this.#kills += 1;
  }

  /** Waits until the server has killed itself; false if it passed the place without. */
  async diedByItself(): Promise<boolean> {
    const { program } = this.#running as Running;
    const died = await eventually(() => ended(program), { withinMs: 40_000 }).catch(() => false);
    this.#running = undefined;
    if (!died) program.process.kill('SIGKILL');
    await program.ended;
    this.#kills += 1;
    return died;
  }

  load(lanes: number): void {
    this.#loading = true;
    this.#lanes = Array.from({ length: lanes }, () => this.#lane());
  }

  /** No new requests; those without an answer are still asked until they have one. */
  async unload(): Promise<void> {
    this.#loading = false;
    await Promise.all(this.#lanes);
  }

  async #lane(): Promise<void> {
    while (this.#loading) {
      const number = this.#next++;
      await eventually(() => this.#ask(number), { withinMs: 120_000, everyMs: 5 });
      // Now and then under the same key once more: it has to be the same command.
      if (this.#random() < 0.1) await eventually(() => this.#ask(number), { withinMs: 120_000, everyMs: 5 });
    }
  }

  async #ask(number: number): Promise<boolean> {
    const running = this.#running;
    if (running === undefined) return false;
    const key = `key-${number}`;
    const response = await fetch(`${running.url}/v1/things/t${number % THINGS}/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ desired: { [`f${number % FIELDS}`]: number }, applyWithinMs: 600_000 }),
      signal: AbortSignal.timeout(10_000),
    });
    const answer = (await response.json()) as { id?: string };
    if (response.status >= 300 || answer.id === undefined) {
      throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
    }
    const before = this.#accepted.get(key);
    if (before !== undefined && before !== answer.id) this.#contradictions.push(key);
    this.#accepted.set(key, answer.id);
    return true;
  }

  /** Lets everything come to its end, stops in order and counts what went wrong. */
  async report(): Promise<KillReport> {
    const { url, program } = this.#running as Running;
    const isOver = async (): Promise<boolean> => {
      const page = (await (await fetch(`${url}/v1/commands?verdict=pending`)).json()) as { items: unknown[] };
      return page.items.length === 0;
    };
    await eventually(isOver, { withinMs: 60_000, everyMs: 100 }).catch(() => undefined);
    program.process.kill('SIGTERM');
    const { code, stderr } = await program.ended;
    this.#running = undefined;
    if (code !== 0) throw new Error(`the server did not stop in order: ${code} ${stderr}`);
    const ledger = await got(openSqliteLedger({ path: this.#folder.path('ledger.sqlite') }));
    try {
      return await this.#examine(ledger);
    } finally {
      await ledger.close();
    }
  }

  async #examine(ledger: Ledger): Promise<KillReport> {
    const commands = await everyPage((page) => ledger.commands({}, page), 500);
    const byId = new Map(commands.map((command) => [command.id, command]));
    const carried = new Set<CommandId>();
    const ghosts: string[] = [];
    for (const token of this.#tokens) {
      const write = await got(ledger.write(token as never));
      if (write === undefined || write.commandIds.some((id) => !byId.has(id))) ghosts.push(token);
      for (const id of write?.commandIds ?? []) carried.add(id);
    }
    const lost = [...this.#accepted].flatMap(([key, id]) => {
      const command = byId.get(id as CommandId);
      if (command === undefined) return [`${key}: not in the ledger`];
      if (VERDICT_OF[command.status] === 'pending') return [`${key}: ${command.status} for ever`];
      if (VERDICT_OF[command.status] === 'succeeded' && !carried.has(command.id)) return [`${key}: never published`];
      return isExpectedEnd(command) ? [] : [`${key}: ${command.status} ${command.statusReason ?? ''}`];
    });
    const doubleVerdicts: string[] = [];
    for (const { id } of commands) {
      if (!oneEnd(await got(ledger.timeline(id)))) doubleVerdicts.push(id);
    }
    const { entries, newest } = await got(ledger.events(0, 10_000_000));
    return {
      kills: this.#kills,
      accepted: this.#accepted.size,
      published: this.#tokens.length,
      lost,
      ghosts,
      doubleVerdicts,
      doubleCommands: [...this.#contradictions, ...(await this.#commandsWithoutKey(ledger, commands))],
      gaps: newest - entries.length,
      unconverged: this.#unconverged(),
    };
  }

  /** Every command stands for one key: one that no key leads to was made twice. */
  async #commandsWithoutKey(ledger: Ledger, commands: readonly AnyCommand[]): Promise<string[]> {
    const known = new Set<string>();
    for (let number = 0; number < this.#next; number++) {
      const record = await got(ledger.idempotency(`key-${number}`));
      if (record !== undefined) known.add(record.commandId);
    }
    return commands.flatMap(({ id }) => (known.has(id) ? [] : [id]));
  }

  #unconverged(): string[] {
    return Array.from({ length: THINGS }, (_, index) => `t${index}`).flatMap((name) => {
      const { desired = {}, reported = {} } = this.#simulator?.document(name)?.state ?? {};
      return Object.keys(desired)
        .filter((field) => desired[field] !== reported[field])
        .map((field) => `${name}/${field}: desired ${String(desired[field])}, reported ${String(reported[field])}`);
    });
  }

  async close(): Promise<void> {
    this.#loading = false;
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined && !ended(running.program)) {
      running.program.process.kill('SIGKILL');
      await once(running.program.process, 'close');
    }
    for (const device of this.#devices) await device.stop();
    await this.#wire?.endAsync();
    await this.#simulator?.stop();
    this.#folder.remove();
  }
}

const ended = ({ process: { exitCode, signalCode } }: Started): boolean => exitCode !== null || signalCode !== null;

/** Nobody refuses, cancels or is offline here, so a command is done or was overtaken by a later one. */
function isExpectedEnd({ status }: AnyCommand): boolean {
  return status === 'succeeded' || status === 'superseded';
}

/** From open to one end, never back and never to another one; a late success would be the one exception. */
function oneEnd(timeline: readonly TimelineEntry[]): boolean {
  const ends = timeline.map(({ status }) => status);
  const first = ends.findIndex((status) => VERDICT_OF[status] !== 'pending');
  return first < 0 || ends.slice(first).every((status) => status === ends[first] || status === 'succeeded_late');
}
