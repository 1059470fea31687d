import { copyFile, mkdir, open, readFile, rename, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { problem } from '../../core/problem.ts';
import { done, fail, ok, type Result } from '../../core/result.ts';
import type { JsonObject } from '../../core/json/json.ts';
import type { Journal, JournalContent, JournalDamage } from '../../ports/journal.ts';
import { entryLine, readEntries } from './journal-lines.ts';

/** Rewritten when it has grown to this and is mostly history. */
const COMPACT_BYTES = 64 * 1024;
const COMPACT_FACTOR = 4;

type Waiting = { readonly durable: boolean; readonly settle: (result: Result<void>) => void };

/**
 * A journal in one file: a line per write with its checksum, the newest line of a key counts. Invariants:
 *
 * - Lines are only appended. What replaces the file is complete and synced before it takes the name (rename).
 * - A durable write settles after `fdatasync`; those that wait at the same time share one.
 * - A torn or flipped line loses itself alone. After damage the file is rewritten and the original kept once.
 */
export class FileJournal implements Journal {
  readonly #path: string;
  readonly #records = new Map<string, JsonObject>();
  #file: FileHandle | undefined;
  #bytes = 0;
  #liveBytes = 0;
  #pending: string[] = [];
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  /** The end of the file is not known to be a whole line, so nothing may be appended. */
  #broken = false;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<Result<JournalContent>> {
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      const { entries, damage, bytes } = readEntries(await readOrEmpty(this.#path));
      for (const { key, record } of entries) this.#remember(key, record);
      this.#bytes = bytes;
      const keptAs = damage === undefined ? undefined : await keepOriginal(this.#path);
      if (damage !== undefined || this.#isMostlyHistory()) await this.#rewrite();
      else this.#file = await open(this.#path, 'a', 0o600);
      const told: JournalDamage | undefined =
        damage === undefined ? undefined : { ...damage, ...(keptAs === undefined ? {} : { keptAs }) };
      return ok({ records: new Map(this.#records), ...(told === undefined ? {} : { damage: told }) });
    } catch (cause) {
      return fail(unavailable('the journal cannot be opened', this.#path, cause));
    }
  }

  write(key: string, record: JsonObject | null, { durable }: { readonly durable: boolean }): Promise<Result<void>> {
    this.#remember(key, record);
    this.#pending.push(entryLine(key, record));
    return new Promise((settle) => {
      this.#waiting.push({ durable, settle });
      this.#working ??= this.#work();
    });
  }

  async close(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    await file.datasync().catch(() => undefined);
    await file.close().catch(() => undefined);
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#pending;
      const waiting = this.#waiting;
      this.#pending = [];
      this.#waiting = [];
      const result = await this.#commit(
        lines.join(''),
        waiting.some(({ durable }) => durable),
      );
      for (const { settle } of waiting) settle(result);
    }
    this.#working = undefined;
  }

  async #commit(text: string, durable: boolean): Promise<Result<void>> {
    try {
      if (this.#broken || this.#bytes + text.length > COMPACT_BYTES) {
        this.#bytes += text.length;
        if (this.#broken || this.#isMostlyHistory()) {
          await this.#rewrite();
          return done;
        }
        this.#bytes -= text.length;
      }
      const file = this.#file;
      if (file === undefined) return fail(unavailable('the journal is closed', this.#path));
      this.#broken = true;
      await file.appendFile(text);
      this.#bytes += Buffer.byteLength(text);
      if (durable) await file.datasync();
      this.#broken = false;
      return done;
    } catch (cause) {
      return fail(unavailable('the journal cannot be written', this.#path, cause));
    }
  }

  /** The live records as a new file, synced before it takes the old one's name. */
  async #rewrite(): Promise<void> {
    const next = `${this.#path}.next`;
    const text = [...this.#records].map(([key, record]) => entryLine(key, record)).join('');
    const file = await open(next, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
      await rename(next, this.#path);
    } catch (cause) {
      await file.close().catch(() => undefined);
      throw cause;
    }
    await syncDirectory(dirname(this.#path));
    const old = this.#file;
    this.#file = file;
    this.#bytes = this.#liveBytes = Buffer.byteLength(text);
    this.#broken = false;
    await old?.close().catch(() => undefined);
  }

  #remember(key: string, record: JsonObject | null): void {
    if (record === null) this.#records.delete(key);
    else this.#records.set(key, record);
  }

  #isMostlyHistory(): boolean {
    return this.#bytes > COMPACT_BYTES && this.#bytes > this.#liveBytes * COMPACT_FACTOR;
  }
}

async function readOrEmpty(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw cause;
  }
}

/** For whoever wants to know what happened; one is kept, the newest. */
async function keepOriginal(path: string): Promise<string | undefined> {
  const kept = `${path}.damaged`;
  try {
    await copyFile(path, kept);
    return kept;
  } catch {
    return undefined;
  }
}

/** A rename is durable when its directory is. Some file systems refuse to sync one; then nothing better can be had. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  await directory?.sync().catch(() => undefined);
  await directory?.close().catch(() => undefined);
}

function unavailable(message: string, at: string, cause?: unknown) {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return problem('journal_unavailable', `${message}${why}`, { at, cause });
}

/** Reads a journal without touching it, for `agent status` beside a running agent. */
export async function readJournal(path: string): Promise<Result<JournalContent>> {
  try {
    const { entries, damage } = readEntries(await readFile(path));
    const records = new Map<string, JsonObject>();
    for (const { key, record } of entries) {
      if (record === null) records.delete(key);
      else records.set(key, record);
    }
    return ok({ records, ...(damage === undefined ? {} : { damage }) });
  } catch (cause) {
    return fail(unavailable('the journal cannot be read', path, cause));
  }
}

/** Where an agent's journal lies in its state directory. */
export function journalPath(directory: string): string {
  return join(directory, 'journal.log');
}
