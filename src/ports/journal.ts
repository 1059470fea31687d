import type { JsonObject } from '../core/json/json.ts';
import type { Result } from '../core/result.ts';

/**
 * The device's memory across restarts: one record per key, the newest counts. Implementations promise:
 *
 * - `open` gives every record whose write was durable before the last end of the process, whatever ended it; records
 *   written without `durable` may be there or an earlier one of the same key. It never fails because of damage: it goes
 *   back to the last good record of each key, says so, and the journal is usable again.
 * - `write` with `durable` settles when the record would survive a power cut. Without it the record follows with the next
 *   durable one at the latest, or when the process ends in order. Writes of one key take effect in order.
 * - Size is bounded by the records that are alive, not by how often they were written.
 * - What is kept on disk has one process at a time: `open` is `journal_locked` while another one has it, and free again when
 *   that one ended, however it ended.
 * - A write that fails (disk full) is `journal_unavailable` and harms no record written before; later ones may work.
 */
export interface Journal {
  open(): Promise<Result<JournalContent>>;
  /** Null removes the record. */
  write(key: string, record: JsonObject | null, options: { readonly durable: boolean }): Promise<Result<void>>;
  /** Writes what is left and lets go. May be called twice. */
  close(): Promise<void>;
}

export interface JournalContent {
  readonly records: ReadonlyMap<string, JsonObject>;
  readonly damage?: JournalDamage;
}

/** What could not be read. `keptAs`: where the damaged original went, for whoever wants to look. */
export interface JournalDamage {
  readonly entriesLost: number;
  readonly bytesLost: number;
  readonly keptAs?: string;
}
