import type { CommandId } from '../core/brand.ts';
import type { DeskEvent, DeskStep } from '../core/desk/desk.ts';
import { ok, type Result } from '../core/result.ts';
import type { CommitReceipt, LedgerChange } from '../ports/ledger.ts';
import { isUnheardOf, type DeskEntry } from './desk-entry.ts';
import type { DeskRequests } from './desk-requests.ts';
import type { Recorder } from './recorder.ts';

export type Settle = (result: Result<CommitReceipt>) => void;
export type Commit = (changes: readonly LedgerChange[], settle: Settle) => void;

export interface StoreOptions {
  /** A failure takes back what the step created. */
  readonly refusable: boolean;
  readonly settle?: ((result: Result<readonly LedgerChange[]>) => void) | undefined;
  /** Instead of a commit of its own: gathers what several steps store together. */
  readonly commit?: Commit | undefined;
}

export interface DeskRecordsOptions {
  readonly recorder: Recorder;
  readonly requests: DeskRequests;
  readonly run: (entry: DeskEntry, event: DeskEvent) => void;
}

/** Stores what a step of a desk changed, and lets out what it publishes only when that is durable. */
export class DeskRecords {
  readonly #options: DeskRecordsOptions;

  constructor(options: DeskRecordsOptions) {
    this.#options = options;
  }

  /** `more` is stored with the step's own changes. */
  store(
    entry: DeskEntry,
    { event, step, more }: { event: DeskEvent; step: DeskStep; more: readonly LedgerChange[] },
    { refusable, settle, commit }: StoreOptions,
  ): void {
    const { recorder, requests } = this.#options;
    const changes: LedgerChange[] = [];
    for (const change of step.changes) {
      if (change.type !== 'view') changes.push(change);
      else if (!isUnheardOf(entry)) recorder.deferView(change.view);
    }
    for (const change of more) changes.push(change);
    const publishes = step.effects.some(({ type }) => type === 'publish');
    if (!step.urgent && !publishes && settle === undefined) {
      if (changes.length > 0) recorder.defer(changes);
      return;
    }
    const stored: Settle = (result) => {
      if (result.ok)
        for (const effect of step.effects) if (effect.type === 'publish') requests.publish(entry, effect.write);
      if (event.type === 'create') this.#created(entry, event.command.id, step, { ok: result.ok, refusable });
      settle?.(result.ok ? ok(step.changes) : result);
    };
    if (commit === undefined) recorder.commit(changes, stored, { refusable });
    else commit(changes, stored);
  }

  #created(
    entry: DeskEntry,
    id: CommandId,
    step: DeskStep,
    { ok: stored, refusable }: { ok: boolean; refusable: boolean },
  ): void {
    if (!stored && refusable) this.#takeBack(entry, id, step);
    else if (stored && entry.desk?.unsure.has(id) === true) this.#options.run(entry, { type: 'stored', id });
  }

  /**
   * The commit failed: the command never was, and neither was the write that would have carried it. The command goes
   * first: as long as it stands, giving up the write stores it, or writes it anew.
   */
  #takeBack(entry: DeskEntry, id: CommandId, step: DeskStep): void {
    const { run } = this.#options;
    run(entry, { type: 'uncreate', id });
    for (const effect of step.effects) {
      if (effect.type !== 'publish') continue;
      const { id: writeId } = effect.write;
      run(entry, { type: 'unpublished', writeId, sent: 'no', code: 'ledger' });
    }
  }
}
