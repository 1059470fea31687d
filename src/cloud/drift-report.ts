import { epochMs } from '../core/brand.ts';
import type { DriftEntry } from '../core/drift/drift.ts';
import { MODEL_RULE } from '../core/drift/ignore.ts';
import { problem } from '../core/problem.ts';
import { done, fail, type Result } from '../core/result.ts';
import type { Clock } from '../ports/clock.ts';
import type { DriftCounts, DriftFilter, Ledger, Page, PageRequest } from '../ports/ledger.ts';
import type { DriftIndex } from './drift-index.ts';
import type { Recorder } from './recorder.ts';

export interface DriftReportOptions {
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly index: DriftIndex;
}

/** The drift report as people read it: with all that is known by now, not only what is filed already. */
export class DriftReport {
  readonly #options: DriftReportOptions;

  constructor(options: DriftReportOptions) {
    this.#options = options;
  }

  /** Errors   `not_found` for an ignore rule that is not there: "nothing" would be the answer to another question. */
  async page(filter: DriftFilter, page: PageRequest): Promise<Result<Page<DriftEntry>>> {
    const ready = await this.#ready(filter);
    return ready.ok ? this.#options.ledger.drift(filter, page) : ready;
  }

  /** With `agesMs` also how many are at least that old, one count each. Errors as `page`. */
  async counts(filter: DriftFilter, agesMs?: readonly number[]): Promise<Result<DriftCounts>> {
    const ready = await this.#ready(filter);
    if (!ready.ok) return ready;
    const now = this.#options.clock.wall();
    return this.#options.ledger.driftCounts(
      filter,
      agesMs?.map((ageMs) => epochMs(now - ageMs)),
    );
  }

  async #ready({ ruleId }: DriftFilter): Promise<Result<void>> {
    const { index } = this.#options;
    if (ruleId !== undefined && ruleId !== MODEL_RULE && !index.hasRule(ruleId)) {
      return fail(problem('not_found', 'no ignore rule has this id', { at: ruleId }));
    }
    await this.#options.recorder.flush();
    return done;
  }
}
