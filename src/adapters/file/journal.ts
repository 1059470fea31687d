import {
  closeSync,
  copyFileSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { problem } from '../../core/problem.ts';
import { done, fail, ok, type Result } from '../../core/result.ts';
import type { JsonObject } from '../../core/json/json.ts';
import type { Journal, JournalContent, JournalDamage } from '../../ports/journal.ts';
import { entryLine, readEntries } from './journal-lines.ts';
import { lockFile } from './process-lock.ts';

/** Rewritten when it has grown to this and is mostly history. */
const COMPACT_BYTES = 64 * 1024;
const COMPACT_FACTOR = 4;

interface Waiting {
  readonly durable: boolean;
  readonly settle: (result: Result<void>) => void;
}

/**
 * A journal in one file: a line per write with its checksum, the newest line of a key counts. Invariants:
 *
 * - Lines are only appended. What replaces the file is complete and synced before it takes the name (rename).
 * - A durable write settles after `fdatasync`; those of one turn share one.
 * - One process at a time, by a lock file beside it.
 * - A torn or flipped line loses itself alone. After damage the file is rewritten and a copy of the original kept.
 *
 * The calls are synchronous on purpose. A device writes a line before each change and has to wait for it anyway; the
 * way through Node's thread pool costs several times what the disk does.
 */
export class FileJournal implements Journal {
  readonly #path: string;
  readonly #records = new Map<string, JsonObject>();
  #file: number | undefined;
  #bytes = 0;
  #liveBytes = 0;
  #pending: string[] = [];
  #waiting: Waiting[] = [];
  /** The end of the file is not known to be a whole line, so nothing may be appended. */
  #broken = false;
  readonly #onLocked: (() => void) | undefined;
  #release: (() => void) | undefined;

  /** `onLocked`: what must not happen beside another process that uses the journal, and before anything is read from it. */
  constructor(path: string, { onLocked }: { onLocked?: () => void } = {}) {
    this.#path = path;
    this.#onLocked = onLocked;
  }

  async open(): Promise<Result<JournalContent>> {
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      const locked = await lockFile(`${this.#path}.lock`);
      if (!locked.ok) return locked;
      this.#release = locked.value.release;
      this.#onLocked?.();
      const { entries, damage, bytes } = readEntries(readOrEmpty(this.#path));
      for (const { key, record } of entries) this.#remember(key, record);
      this.#bytes = bytes;
      const keptAs = damage === undefined ? undefined : keepOriginal(this.#path);
      if (damage !== undefined || this.#isMostlyHistory()) this.#rewrite();
      else this.#file = openSync(this.#path, 'a', 0o600);
      const told: JournalDamage | undefined =
        damage === undefined ? undefined : { ...damage, ...(keptAs === undefined ? {} : { keptAs }) };
      const records = new Map(this.#records);
      return ok({ records, ...(told === undefined ? {} : { damage: told }) });
    } catch (cause) {
      return fail(unavailable('the journal cannot be opened', this.#path, cause));
    }
  }

  write(key: string, record: JsonObject | null, { durable }: { readonly durable: boolean }): Promise<Result<void>> {
    this.#remember(key, record);
    this.#pending.push(entryLine(key, record));
    return new Promise((settle) => {
      // What other shadows write in this turn joins the same sync.
      if (this.#waiting.length === 0) queueMicrotask(() => this.#flush());
      this.#waiting.push({ durable, settle });
    });
  }

  close(): Promise<void> {
    this.#flush();
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) {
      try {
        fdatasyncSync(file);
      } catch {
        // What was durable is; the rest may be lost.
      }
      closeSync(file);
    }
    this.#release?.();
    this.#release = undefined;
    return Promise.resolve();
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    const text = this.#pending.join('');
    this.#pending = [];
    this.#waiting = [];
    const durable = waiting.some((write) => write.durable);
    const result = this.#commit(text, durable);
    for (const { settle } of waiting) settle(result);
  }

  #commit(text: string, durable: boolean): Result<void> {
    try {
      if (this.#file === undefined) return fail(unavailable('the journal is closed', this.#path));
      const bytes = Buffer.from(text);
      this.#bytes += bytes.length;
      // The new lines are among the live records, so a rewrite holds them.
      if (this.#broken || this.#isMostlyHistory()) {
        this.#rewrite();
        return done;
      }
      this.#broken = true;
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
      if (durable) fdatasyncSync(this.#file);
      this.#broken = false;
      return done;
    } catch (cause) {
      return fail(unavailable('the journal cannot be written', this.#path, cause));
    }
  }

  /** The live records as a new file, synced before it takes the old one's name. */
  #rewrite(): void {
    const next = `${this.#path}.next`;
    const bytes = Buffer.from([...this.#records].map(([key, record]) => entryLine(key, record)).join(''));
    const file = openSync(next, 'w', 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fdatasyncSync(file);
      renameSync(next, this.#path);
    } catch (cause) {
      closeSync(file);
      throw cause;
    }
    syncDirectory(dirname(this.#path));
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = file;
    this.#bytes = this.#liveBytes = bytes.length;
    this.#broken = false;
  }

  #remember(key: string, record: JsonObject | null): void {
    if (record === null) this.#records.delete(key);
    else this.#records.set(key, record);
  }

  #isMostlyHistory(): boolean {
    return this.#bytes > COMPACT_BYTES && this.#bytes > this.#liveBytes * COMPACT_FACTOR;
  }
}

function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw cause;
  }
}

/** For whoever wants to know what happened; one is kept, the newest. */
function keepOriginal(path: string): string | undefined {
  const kept = `${path}.damaged`;
  try {
    copyFileSync(path, kept);
    return kept;
  } catch {
    return undefined;
  }
}

/** A rename is durable when its directory is. */
function syncDirectory(path: string): void {
  try {
    const directory = openSync(path, 'r');
    fsyncSync(directory);
    closeSync(directory);
  } catch {
    // Some file systems refuse to sync a directory.
  }
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
