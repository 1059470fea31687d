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

interface UnderWay {
  readonly fingerprint: string;
  readonly result: Promise<Result<{ readonly replayed: boolean }>>;
}

/**
 * The same key with the same fingerprint does its work once, however often and at once it is asked for (D6). One for all
 * kinds of commands: a key that is used for two of them at the same moment is a mismatch as well.
 */
export class Once {
  readonly #ledger: Ledger;
  readonly #time: SteadyTime;
  readonly #underWay = new Map<string, UnderWay>();

  constructor({ ledger, time }: { ledger: Ledger; time: SteadyTime }) {
    this.#ledger = ledger;
    this.#time = time;
  }

  async run<T extends { readonly replayed: boolean }>(
    idempotency: IdempotencyKey | undefined,
    work: Work<T>,
  ): Promise<Result<T>> {
    if (idempotency === undefined) return work.make(() => []);
    const { key, fingerprint } = idempotency;
    const other = this.#underWay.get(key);
    if (other !== undefined) {
      if (other.fingerprint !== fingerprint) return mismatch(key);
      // The fingerprint covers the kind of request, so what it made is of this kind.
      const result = (await other.result) as Result<T>;
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

  async #once<T>({ key, fingerprint }: IdempotencyKey, work: Work<T>): Promise<Result<T>> {
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
