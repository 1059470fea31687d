import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { identityOf, isRunning, parseIdentity } from '../process/identity.ts';

/** A lock file that was created is filled a moment later; one that stays empty has lost its owner. */
const FILLED_MS = 100;
const ATTEMPTS_MAX = 5;

/**
 * One process at a time, by a file that names its owner. A lock whose owner is gone is taken over, and so is one of this
 * very process: a device that starts again within it.
 *
 * Errors   `journal_locked` while the owner runs. What the file system says is thrown.
 */
export async function lockFile(path: string): Promise<Result<{ release(): void }>> {
  const mine = JSON.stringify({ ...identityOf(process.pid), token: randomUUID() });
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    if (created(path, mine)) return ok({ release: () => removeIf(path, mine) });
    const found = await settledText(path);
    const owner = parseIdentity(found);
    if (owner !== undefined && owner.pid !== process.pid && isRunning(owner)) {
      return fail(problem('journal_locked', `process ${owner.pid} uses this journal`, { at: path }));
    }
    removeIf(path, found);
  }
  return fail(problem('journal_locked', 'another process takes this journal again and again', { at: path }));
}

function created(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

async function settledText(path: string): Promise<string> {
  const text = textOf(path);
  if (text !== '') return text;
  await pause(FILLED_MS);
  return textOf(path);
}

/** By a name of our own, because between the look and the removal somebody else may have taken the lock over. */
function removeIf(path: string, content: string): void {
  if (textOf(path) !== content) return;
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (textOf(aside) === content) unlinkSync(aside);
    else renameSync(aside, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw cause;
  }
}
