import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { JsonValue } from '../../core/json/json.ts';
import { problem } from '../../core/problem.ts';
import { done, fail, ok, type Result } from '../../core/result.ts';
import { parseAccessFile, type AccessFile } from '../../protocol/access-file.ts';
import { parseJson } from '../../protocol/json-text.ts';

/** 10,000 keys and roles fit; whatever is larger is no access file. */
const LIMITS = { bytesMax: 16 * 1024 * 1024, depthMax: 16 };

export async function readAccessFile(file: string): Promise<Result<AccessFile>> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    return fail(
      problem('invalid_config', missing ? 'there is no such access file' : 'the access file cannot be read', {
        at: file,
        cause,
      }),
    );
  }
  const json = parseJson(bytes, LIMITS);
  const parsed = json.ok ? parseAccessFile(json.value) : json;
  return parsed.ok ? parsed : fail(problem('invalid_config', parsed.problem.message, { at: file }));
}

/**
 * Reads the file, lets `change` decide, writes it back: whole or not at all, also across a power cut. A lock file keeps
 * two of these apart, so that no revocation is lost to another change.
 */
export async function changeAccessFile<T>(
  file: string,
  change: (before: AccessFile | undefined) => Result<{ after: AccessFile; value: T }>,
): Promise<Result<T>> {
  const lock = await openLock(`${file}.lock`);
  if (!lock.ok) return lock;
  try {
    const exists = await stat(file).then(
      () => true,
      () => false,
    );
    const before = exists ? await readAccessFile(file) : ok(undefined);
    if (!before.ok) return before;
    const changed = change(before.value);
    if (!changed.ok) return changed;
    const checked = parseAccessFile(JSON.parse(JSON.stringify(changed.value.after)) as JsonValue);
    if (!checked.ok) return checked;
    await replaceFile(file, `${JSON.stringify(changed.value.after, null, 2)}\n`);
    return ok(changed.value.value);
  } catch (cause) {
    return fail(problem('invalid_config', 'the access file cannot be written', { at: file, cause }));
  } finally {
    await rm(`${file}.lock`, { force: true });
  }
}

async function openLock(file: string): Promise<Result<void>> {
  try {
    await (await open(file, 'wx', 0o600)).close();
    return done;
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const why = taken
      ? 'somebody else is changing the access file; if nobody is, remove this lock'
      : 'the folder of the access file cannot be written';
    return fail(problem('invalid_config', why, { at: file, cause }));
  }
}

/** The new content is on the disk before the name points to it, and the name is on the disk before we say so. */
async function replaceFile(file: string, text: string): Promise<void> {
  const fresh = `${file}.new`;
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
  const folder = await open(path.dirname(path.resolve(file)), 'r');
  await folder.sync().finally(() => folder.close());
}
