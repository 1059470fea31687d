import { watch as watchPath } from 'node:fs';
import { open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { monotonicMs, type FieldPointer } from '../../core/brand.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json/json.ts';
import { keysOf, pointerOf, valueAt, withValueAt } from '../../core/json/json-pointer.ts';
import type { FieldValue } from '../../core/model/model.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { FieldApplied, FieldReading, StateAdapter } from '../../ports/state-adapter.ts';
import { parseJson } from '../../protocol/json-text.ts';

export interface JsonFileOptions {
  readonly name: string;
  /** May be a symbolic link; the file it points to is replaced. */
  readonly file: string;
  /** Which place in the file a field stands for. Steps are members of objects; an array is one value. */
  readonly fields: ReadonlyMap<FieldPointer, FieldPointer>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Editors write in several steps; looking in between would show half a file. */
const SETTLE_MS = 50;
const LIMITS = { bytesMax: 1024 * 1024, depthMax: 64 };
/** How often a change gives way to somebody who writes the file at the same moment. */
const TRIES = 5;

type Loaded =
  | {
      readonly ok: true;
      readonly root: JsonObject;
      readonly text: string;
      readonly signature: string;
      readonly path: string;
    }
  | { readonly ok: false; readonly code: string; readonly message: string };

/**
 * Fields that are places in a JSON file, such as the configuration of a program.
 *
 * - Changes replace the file atomically (rename), keep its mode and indentation, and touch nothing else in it.
 * - A file that is missing or no JSON makes its fields unreadable. It is never overwritten.
 * - A change by hand is noticed by watching the directory; where that cannot be had, by the periodic reading.
 */
export class JsonFileAdapter implements StateAdapter {
  readonly name: string;
  readonly fields: readonly FieldPointer[];
  readonly #options: JsonFileOptions;
  /** The file as we left it: our own change is no local change. */
  #ours: string | undefined;

  constructor(options: JsonFileOptions) {
    this.#options = options;
    this.name = options.name;
    this.fields = [...options.fields.keys()];
  }

  async read(): Promise<readonly FieldReading[]> {
    const loaded = await load(this.#options.file);
    return [...this.#options.fields].map(([field, place]) => {
      if (!loaded.ok) return { field, unreadable: { code: loaded.code, message: loaded.message } };
      return { field, value: valueAt(loaded.root, place) ?? null };
    });
  }

  async apply(changes: readonly FieldValue[], signal: AbortSignal): Promise<readonly FieldApplied[]> {
    for (let attempt = 1; ; attempt += 1) {
      const loaded = await load(this.#options.file);
      if (!loaded.ok) return changes.map(({ field }) => ({ field, result: 'failed', ...reason(loaded) }));
      const { root, results } = this.#changed(loaded.root, changes);
      if (root === loaded.root) return results;
      signal.throwIfAborted();
      const replaced = await replace(
        loaded,
        `${JSON.stringify(root, null, indentOf(loaded.text))}${endOf(loaded.text)}`,
      );
      if (replaced !== undefined) {
        this.#ours = replaced;
        return results;
      }
      if (attempt === TRIES) {
        return changes.map(({ field }) => ({
          field,
          result: 'failed',
          code: 'file_busy',
          message: 'somebody else keeps writing the file',
        }));
      }
    }
  }

  watch(onChange: () => void): Cancel {
    const { file, clock, log } = this.#options;
    let pending: Cancel | undefined;
    const look = (): void => {
      pending = undefined;
      void signatureOf(file).then((signature) => {
        if (signature === this.#ours) return;
        this.#ours = undefined;
        onChange();
      });
    };
    try {
      // The directory, because a replaced file is another file.
      const watcher = watchPath(dirname(file), (_event, changed) => {
        if (changed !== null && changed !== basename(file)) return;
        pending?.();
        pending = clock.at(monotonicMs(clock.monotonic() + SETTLE_MS), look);
      });
      watcher.on('error', (error) => log.warn({ adapter: this.name, error }, 'a file can no longer be watched'));
      return () => {
        pending?.();
        watcher.close();
      };
    } catch (error) {
      log.warn({ adapter: this.name, error }, 'a file cannot be watched; it is read from time to time');
      return () => undefined;
    }
  }

  #changed(root: JsonObject, changes: readonly FieldValue[]): { root: JsonObject; results: FieldApplied[] } {
    let changed = root;
    const results = changes.map(({ field, value }): FieldApplied => {
      const place = this.#options.fields.get(field);
      if (place === undefined)
        return { field, result: 'refused', code: 'unknown_field', message: 'not a field of this file' };
      const blocker = blockedBy(changed, place);
      if (blocker !== undefined) {
        return { field, result: 'refused', code: 'not_settable', message: `${blocker} in the file is no object` };
      }
      changed = withValueAt(changed, place, value);
      return { field, result: 'applied' };
    });
    return { root: changed, results };
  }
}

async function load(file: string): Promise<Loaded> {
  try {
    const path = await realpath(file);
    const signature = await signatureOf(path);
    const bytes = await readFile(path);
    const parsed = parseJson(bytes, LIMITS);
    if (!parsed.ok)
      return { ok: false, code: 'malformed_file', message: `${basename(file)}: ${parsed.problem.message}` };
    if (!isJsonObject(parsed.value)) {
      return { ok: false, code: 'malformed_file', message: `${basename(file)}: the root is no object` };
    }
    return { ok: true, root: parsed.value, text: bytes.toString('utf8'), signature, path };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { ok: false, code: 'file_missing', message: `${basename(file)} does not exist` };
    return { ok: false, code: 'file_unreadable', message: `${basename(file)}: ${code ?? String(cause)}` };
  }
}

/** Undefined if the file changed since it was loaded: then nothing was written. */
async function replace({ path, signature }: Extract<Loaded, { ok: true }>, text: string): Promise<string | undefined> {
  const next = join(dirname(path), `.${basename(path)}.shadowctl`);
  const { mode, uid, gid } = await stat(path);
  const file = await open(next, 'w', mode);
  try {
    await file.writeFile(text);
    await file.chmod(mode);
    // Only root may give files away; for others the file becomes their own, as with most editors.
    await file.chown(uid, gid).catch(() => undefined);
    await file.datasync();
  } finally {
    await file.close();
  }
  if ((await signatureOf(path)) !== signature) {
    await unlink(next);
    return undefined;
  }
  await rename(next, path);
  return signatureOf(path);
}

async function signatureOf(path: string): Promise<string> {
  try {
    const { ino, mtimeNs, size } = await stat(path, { bigint: true });
    return `${ino}.${mtimeNs}.${size}`;
  } catch {
    return 'none';
  }
}

/** The first step on the way to `place` that is there and is no object. */
function blockedBy(root: JsonObject, place: FieldPointer): FieldPointer | undefined {
  const keys = keysOf(place);
  for (let length = 1; length < keys.length; length += 1) {
    const above = pointerOf(keys.slice(0, length));
    const value: JsonValue | undefined = valueAt(root, above);
    if (value !== undefined && !isJsonObject(value)) return above;
  }
  return undefined;
}

/** What the file is indented with: its first indented line tells. */
function indentOf(text: string): string {
  return /^[{[]\r?\n([ \t]+)/.exec(text)?.[1] ?? (text.includes('\n') ? '  ' : '');
}

function endOf(text: string): string {
  return text.endsWith('\n') ? '\n' : '';
}

function reason({ code, message }: Extract<Loaded, { ok: false }>): { code: string; message: string } {
  return { code, message };
}
