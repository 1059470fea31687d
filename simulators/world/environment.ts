import type { Model } from '../../src/core/model/model.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Failpoints } from '../machine/failpoints.ts';
import type { Process } from '../machine/process.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { SimulatedClock } from '../time/simulated-clock.ts';
import type { Network } from '../weather/network.ts';
import type { Coverage } from './coverage.ts';
import type { Programs } from './programs.ts';
import type { Sighting } from './sighting.ts';

/** What every machine of a run shares. */
export interface Environment {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly network: Network;
  readonly coverage: Coverage;
  readonly failpoints: Failpoints;
  readonly programs: Programs;
  readonly modelOf: (ref: ShadowRef) => Model;
  readonly emit: (sighting: Sighting) => void;
  readonly after: (delayMs: number, action: () => void) => void;
  readonly logOf: (processName: string) => Log;
  /** True once the faults are over: what goes down comes back at once. */
  readonly healed: () => boolean;
}

/** Something with a power switch: runs one process at a time. */
export interface Machine {
  readonly name: string;
  /** The life that runs now, if any. */
  readonly process: Process | undefined;
  /** Started and working. */
  readonly ready: boolean;
  boot(): void;
  /** Power off without a warning; back after a while. Only what the plan does counts as a fault of its own. */
  crash(downMs: number, why?: 'fault'): void;
  /** An orderly stop; back after a while. */
  stop(downMs: number): void;
  /** What the wall clock of this machine does. */
  jump(byMs: number): void;
}
