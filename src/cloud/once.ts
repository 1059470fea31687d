import type { CommandId } from '../core/brand.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { IdempotencyRecord, Ledger, LedgerChange } from '../ports/ledger.ts';
import type { SteadyTime } from './steady-time.ts';

export interface IdempotencyKey {
  readonly key: string;
  readonly fingerprint: string;
}

/** What is stored with the command that a key stands for. */
export type Remember = (commandId: CommandId) => readonly LedgerChange[];

export interface Work<T> {
  readonly make: (remember: Remember) => Promise<Result<T>>;
  /** What an earlier request made, marked as replayed. */
  readonly repeat: (first: CommandId) => Promise<Result<T>>;
}

/** The same key with the same fingerprint does its work once, however often and at once it is asked for (D6). */
export class Once<T extends { readonly replayed: boolean }> {
  readonly #ledger: Ledger;
  readonly #time: SteadyTime;
  readonly #underWay = new Map<string, { fingerprint: string; result: Promise<Result<T>> }>();

  constructor({ ledger, time }: { ledger: Ledger; time: SteadyTime }) {
    this.#ledger = ledger;
    this.#time = time;
  }

  async run(idempotency: IdempotencyKey | undefined, work: Work<T>): Promise<Result<T>> {
    if (idempotency === undefined) return work.make(() => []);
    const { key, fingerprint } = idempotency;
    const other = this.#underWay.get(key);
    if (other !== undefined) {
      if (other.fingerprint !== fingerprint) return mismatch(key);
      const result = await other.result;
      return result.ok ? ok({ ...result.value, replayed: true }) : result;
    }
    const result = this.#once({ key, fingerprint }, work);
    this.#underWay.set(key, { fingerprint, result });
    try {
      return await result;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #once({ key, fingerprint }: IdempotencyKey, work: Work<T>): Promise<Result<T>> {
    const known = await this.#ledger.idempotency(key);
    if (!known.ok) return known;
    if (known.value !== undefined) {
      return known.value.fingerprint === fingerprint ? work.repeat(known.value.commandId) : mismatch(key);
    }
    const record = (commandId: CommandId): IdempotencyRecord => ({
      ...{ key, fingerprint, commandId },
      createdAt: this.#time.now(),
    });
    return work.make((commandId) => [{ type: 'idempotency', record: record(commandId) }]);
  }
}

const mismatch = (key: string): Result<never> =>
  fail(problem('idempotency_mismatch', `the idempotency key ${key.slice(0, 64)} was used for another request`));
