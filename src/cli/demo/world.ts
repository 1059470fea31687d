import { ok, type Result } from '../../core/result.ts';
import { startPart, type Part, type PartExit } from './part.ts';

/** The processes of the demo, by name: started, frozen, killed and at the end stopped in order. */
export class World {
  readonly #recipes = new Map<string, () => readonly string[]>();
  readonly #parts = new Map<string, Part>();
  readonly #died: (exit: PartExit) => void;
  /** Settles when a part ends that nobody asked to. */
  readonly died: Promise<PartExit>;

  constructor() {
    let settle: (exit: PartExit) => void = () => undefined;
    this.died = new Promise((resolve) => (settle = resolve));
    this.#died = settle;
  }

  /** Starts a part; the arguments are made anew for every start, so that a restarted one finds the ports in use. */
  async start(name: string, args: () => readonly string[]): Promise<Result<Part>> {
    this.#recipes.set(name, args);
    const started = await startPart({ name, args: args() });
    if (!started.ok) return started;
    this.#parts.set(name, started.value);
    void started.value.exited.then((exit) => {
      if (!exit.wanted) this.#died(exit);
    });
    return started;
  }

  async change(change: WorldChange): Promise<Result<void>> {
    const part = this.#parts.get(change.part);
    switch (change.type) {
      case 'freeze':
        part?.signal('SIGSTOP');
        return ok(undefined);
      case 'thaw':
        part?.signal('SIGCONT');
        return ok(undefined);
      case 'stop':
        await part?.stop();
        return ok(undefined);
      case 'kill':
        part?.signal('SIGKILL');
        await part?.exited;
        return ok(undefined);
      case 'start': {
        const restarted = await this.start(change.part, this.#recipes.get(change.part) ?? (() => []));
        return restarted.ok ? ok(undefined) : restarted;
      }
    }
  }

  /** Devices first, so that their farewells are seen; then the server; the broker last. */
  async stop(): Promise<void> {
    for (const names of stopOrder([...this.#parts.keys()])) {
      await Promise.all(names.map(async (name) => this.#parts.get(name)?.stop()));
    }
  }
}

export type WorldChange = { readonly type: 'freeze' | 'thaw' | 'stop' | 'kill' | 'start'; readonly part: string };

function stopOrder(names: readonly string[]): string[][] {
  const last = ['server', 'simulator'];
  return [names.filter((name) => !last.includes(name)), ...last.map((name) => [name])];
}
