import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import {
  GroupCommit,
  type BatchReport,
  type Changes,
  type CommitResult,
} from '../../src/adapters/sqlite/group-commit.ts';
import { ok } from '../../src/core/result.ts';

/**
 * What a ledger cannot be faster than: the same changes as lines of JSON at the end of a file, one write and one
 * fdatasync per batch, batches formed by the same group commit. It can answer no question and has to be read through at
 * the start.
 */
export class AppendLog {
  readonly #file: number;
  readonly #group: GroupCommit;

  constructor(path: string, onBatch: (batch: BatchReport) => void = () => undefined) {
    this.#file = openSync(path, 'a');
    this.#group = new GroupCommit({
      store: (batch) => this.store(batch),
      failureOf: () => undefined,
      onOutcome: () => undefined,
      onBatch,
      busyMs: 0,
    });
  }

  commit(changes: Changes): Promise<CommitResult> {
    return this.#group.commit(changes);
  }

  store(batch: readonly Changes[]): readonly CommitResult[] {
    let text = '';
    for (const changes of batch) for (const change of changes) text += `${JSON.stringify(change)}\n`;
    writeSync(this.#file, text);
    fdatasyncSync(this.#file);
    return batch.map(() => ok({ firstSequence: 0 }));
  }

  close(): void {
    closeSync(this.#file);
  }
}
