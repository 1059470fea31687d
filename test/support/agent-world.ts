import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import { App } from './app.ts';
import type { DirectSender } from './direct-sender.ts';
import { eventually } from './eventually.ts';
import { startShadowctl, type Started } from './shadowctl.ts';
import { temporaryFolder } from './temporary-folder.ts';

/**
 * A real agent process over hardware that outlives it: a file holds the value, another one every effect that ever reached
 * it, in order.
 */
export class AgentWorld {
  readonly cloud: Simulator;
  readonly app: App;
  readonly #folder = temporaryFolder();
  #agent: Started | undefined;
  starts = 0;

  private constructor(cloud: Simulator, app: App) {
    this.cloud = cloud;
    this.app = app;
    this.script('read', 'cat value');
    this.script('apply', 'read value; echo "$value" >> effects; echo "$value" > value.next; mv value.next value');
    writeFileSync(this.path('value'), '0\n');
    writeFileSync(this.path('effects'), '');
    for (const name of ['once', 'again']) {
      this.script(name, `read args; echo "$SHADOWCTL_COMMAND_ID" >> ${name}-effects; echo working; echo '"done"'`);
    }
    const config = {
      thing: 'gateway',
      mqtt: { url: cloud.mqttUrl },
      stateDir: 'state',
      shadows: [{ adapters: [{ type: 'exec', field: '/n', read: ['./read'], apply: ['./apply'] }] }],
      commands: [
        { name: 'once', run: ['./once'] },
        { name: 'again', run: ['./again'], idempotent: true },
      ],
      // Kills at random must not look like a value that brings the device down.
      limits: { crashesMax: 1_000_000, retryBaseMs: 50 },
    };
    writeFileSync(this.path('agent.json'), JSON.stringify(config));
  }

  static async open(): Promise<AgentWorld> {
    const cloud = await startSimulator();
    return new AgentWorld(cloud, await App.connect(cloud.mqttUrl));
  }

  path(name: string): string {
    return this.#folder.path(name);
  }

  start(failpoint?: string): Started {
    this.starts += 1;
    const env: Record<string, string> = failpoint === undefined ? {} : { SHADOWCTL_FAILPOINT: failpoint };
    this.#agent = startShadowctl(['agent', '--config', this.path('agent.json'), '--log', 'warn'], { env });
    return this.#agent;
  }

  async kill(): Promise<void> {
    this.#agent?.process.kill('SIGKILL');
    await this.#agent?.ended;
    this.#agent = undefined;
  }

  desire(n: number): Promise<void> {
    return this.app.desire('gateway', { n });
  }

  reported(): JsonValue | undefined {
    return this.cloud.document('gateway')?.state.reported?.['n'];
  }

  reports(n: number): Promise<boolean> {
    return eventually(() => this.reported() === n && this.#unlisted(), { withinMs: 20_000 });
  }

  #unlisted(): true | undefined {
    const said = this.cloud.document('gateway')?.state.reported?.['reconciler'] as { fields?: object } | undefined;
    return Object.keys(said?.fields ?? {}).length === 0 ? true : undefined;
  }

  value(): number {
    return Number(readFileSync(this.path('value'), 'utf8'));
  }

  effects(): number[] {
    if (!existsSync(this.path('effects'))) return [];
    const lines = readFileSync(this.path('effects'), 'utf8').split('\n');
    return lines.filter((line) => line !== '').map(Number);
  }

  /** The agent of now answers. */
  async connected(sender: DirectSender): Promise<void> {
    const id = `probe-${this.starts}`;
    await eventually(
      async () => {
        await sender.ask({ id, name: 'nothing' });
        return sender.finals(id).length > 0;
      },
      { withinMs: 20_000, everyMs: 20 },
    );
  }

  /** Ids of direct commands in the order in which their programs ran. */
  ran(command: 'once' | 'again'): string[] {
    const path = this.path(`${command}-effects`);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  }

  async close(): Promise<void> {
    await this.kill();
    await this.app.close();
    await this.cloud.stop();
    this.#folder.remove();
  }

  script(name: string, body: string): void {
    writeFileSync(this.path(name), `#!/bin/sh\n${body}\n`);
    chmodSync(this.path(name), 0o755);
  }
}

/** How often the newest of the effects was followed by an older one. */
export function stale(effects: readonly number[]): number[] {
  return effects.filter((n, index) => index > 0 && n < Math.max(...effects.slice(0, index)));
}

/**
 * Kills the agent `kills` times, each at a random moment after a new wish, and lets it catch up each time.
 *
 * Checked  Nothing older is applied after something newer; a value has at most one effect more than the agent had lives
 *          while it was desired; the report equals the hardware in the end.
 */
export async function killAtRandom(world: AgentWorld, kills: number, fraction: () => number) {
  let n = 0;
  world.start();
  await world.reports(0);
  for (let kill = 1; kill <= kills; kill += 1) {
    n += 1;
    await world.desire(n);
    await new Promise((resolve) => setTimeout(resolve, fraction() * 25));
    await world.kill();
    if (fraction() < 0.3) await world.desire((n += 1));
    world.start();
    if (fraction() < 0.3) {
      // Once more while it boots or catches up.
      await new Promise((resolve) => setTimeout(resolve, fraction() * 600));
      await world.kill();
      world.start();
    }
    await world.reports(n);
  }
  return { n, effects: world.effects(), value: world.value(), reported: world.reported() };
}
