import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteLedger } from '../../src/adapters/sqlite/sqlite-ledger.ts';
import type { Model } from '../../src/core/model/model.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { compileModel } from '../../src/protocol/model-schema.ts';
import type { Violation } from '../checkers/checker.ts';
import { HEATER, SETTINGS, type ShadowKit } from '../hardware/kit.ts';
import { MemoryLedger } from '../ledger/memory-ledger.ts';
import type { Store } from '../ledger/simulated-ledger.ts';
import { drawPlan } from '../workload/draw-plan.ts';
import type { Plan } from '../workload/plan.ts';
import type { Coverage } from './coverage.ts';
import type { Programs } from './programs.ts';
import { World } from './world.ts';

/** What one run came to. */
export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly hash: string;
  readonly events: number;
  readonly deviceHours: number;
  readonly coverage: Coverage;
  readonly lines: readonly string[] | undefined;
}

export interface RunOptions {
  readonly programs: Programs;
  readonly keepLines?: boolean;
  /** Instead of what the seed draws. */
  readonly plan?: Plan;
}

/** Compiles the models once; they are immutable. */
export function fleetModels(): (ref: ShadowRef) => Model {
  const compiled = (kit: ShadowKit): Model => {
    const model = compileModel(kit.schema);
    if (!model.ok) throw new Error(model.problem.message);
    return model.value;
  };
  const heater = compiled(HEATER);
  const settings = compiled(SETTINGS);
  return ({ shadowName }) => (shadowName === undefined ? heater : settings);
}

export class Runner {
  readonly #modelOf = fleetModels();

  async run(seed: number, { programs, keepLines = false, plan = drawPlan(seed) }: RunOptions): Promise<RunResult> {
    const { store, close } = await openStore(plan.store);
    const world = new World({ plan, programs, store, modelOf: this.#modelOf, keepLines });
    // Nobody awaits what a shell starts: what is thrown there is a broken invariant of the program.
    const unhandled = (reason: unknown): void => {
      const words = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
      world.violated('I12 Isolation', `unhandled: ${words}`);
    };
    process.on('unhandledRejection', unhandled);
    try {
      await world.run();
    } catch (error) {
      unhandled(error);
    } finally {
      process.off('unhandledRejection', unhandled);
      await close();
    }
    const { violations, trace, coverage, deviceHours } = world;
    return { seed, violations, hash: trace.hash, events: trace.count, deviceHours, coverage, lines: trace.lines };
  }
}

/** Real files, but a sync costs nothing there; what a power cut does is the store's own test. */
const MEMORY_DISK = '/dev/shm';

async function openStore(kind: Plan['store']): Promise<{ store: Store; close: () => Promise<void> }> {
  const rest = {
    writes: new Map(),
    directs: new Map(),
    lives: new Map(),
    refusing: undefined,
    unavailable: 0,
    busy: 0,
  };
  if (kind === 'memory') return { store: { ledger: new MemoryLedger(), ...rest }, close: async () => undefined };
  const folder = mkdtempSync(join(existsSync(MEMORY_DISK) ? MEMORY_DISK : tmpdir(), 'shadowctl-simulation-'));
  const ledger = await openSqliteLedger({ path: join(folder, 'ledger.db') });
  if (!ledger.ok) throw new Error(ledger.problem.message);
  return {
    store: { ledger: ledger.value, ...rest },
    close: async () => {
      await ledger.value.close();
      rmSync(folder, { recursive: true });
    },
  };
}
