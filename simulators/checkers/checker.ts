import type { EpochMs } from '../../src/core/brand.ts';
import type { Write } from '../../src/core/command/write.ts';
import type { DirectCommand } from '../../src/core/direct/direct-command.ts';
import type { Model } from '../../src/core/model/model.ts';
import type { ThingPlan } from '../workload/plan.ts';
import type { Sighting } from '../world/sighting.ts';
import type { ServiceHistory } from './service-history.ts';

/** A broken invariant: which, when, and what was seen. */
export interface Violation {
  readonly invariant: string;
  readonly atMs: number;
  readonly words: string;
}

/** What a checker may know beside what it sees: the plan, the models, and what the service really did. */
export interface CheckContext {
  readonly things: readonly ThingPlan[];
  readonly history: ServiceHistory;
  modelOf(key: string): Model;
  /** True service time. */
  serviceNow(): EpochMs;
  /** The write as it stands in the ledger, durably. */
  durableWrite(token: string): Write | undefined;
  /** The direct commands of a transaction as they stand there, by thing; more than one only where it is a group's. */
  durableDirects(transaction: string): ReadonlyMap<string, DirectCommand>;
  violated(words: string): void;
}

/** Looks at a run from outside and says what must not have happened. One file, one invariant. */
export interface Checker {
  see(atMs: number, sighting: Sighting): void;
}

export type MakeChecker = (context: CheckContext) => Checker;
