import type { FieldPointer } from '../core/brand.ts';
import type { Desk, DeskStep } from '../core/desk/desk.ts';
import type { DriftEntry, IgnoreRule } from '../core/drift/drift.ts';
import { problem } from '../core/problem.ts';
import { done, fail, type Result } from '../core/result.ts';
import type { Ledger, LedgerChange } from '../ports/ledger.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { NewIgnoreRule } from './cloud.ts';
import type { DeskEntry } from './desks.ts';
import type { Ids } from './ids.ts';
import type { Recorder } from './recorder.ts';
import type { SteadyTime } from './steady-time.ts';

export interface DriftIndexOptions {
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly time: SteadyTime;
  readonly metrics: Metrics;
  readonly ids: Ids;
}

/** Keeps the drift report in step with the desks. */
export class DriftIndex {
  readonly #options: DriftIndexOptions;

  constructor(options: DriftIndexOptions) {
    this.#options = options;
  }

  async start(): Promise<Result<void>> {
    return done;
  }

  onStep(_entry: DeskEntry, _before: Desk, _step: DeskStep): readonly LedgerChange[] {
    return [];
  }

  rules(): readonly IgnoreRule[] {
    return [];
  }

  async acknowledge(
    _entry: DeskEntry,
    field: FieldPointer,
    _by: { by: string; reason?: string },
  ): Promise<Result<DriftEntry>> {
    return fail(problem('not_found', `no drift at ${field}`));
  }

  async addRule(_rule: NewIgnoreRule, _entries: Iterable<DeskEntry>): Promise<Result<IgnoreRule>> {
    return fail(problem('internal', 'not yet'));
  }

  async removeRule(_id: string, _entries: Iterable<DeskEntry>): Promise<Result<void>> {
    return done;
  }

  measure(_entries: Iterable<DeskEntry>): void {
    void this.#options;
  }
}
