import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { problem } from '../../core/problem.ts';
import { fail, ok, type Result } from '../../core/result.ts';

/**
 * `quick_check` of a large file takes seconds, so it runs in a thread of its own, with a connection of its own that only
 * reads. `done` gets what is wrong, or undefined; a check that could not run is a failure, not a verdict. The function
 * given back stops it.
 *
 * The thread's program is a string because it must run from TypeScript sources (tests) and from the build alike.
 */
export function checkBeside(path: string, done: (result: Result<string | undefined>) => void): () => void {
  const driver = createRequire(import.meta.url).resolve('better-sqlite3');
  const worker = new Worker(PROGRAM, { eval: true, workerData: { path, driver } });
  worker.unref();
  let told = false;
  const tell = (result: Result<string | undefined>): void => {
    if (told) return;
    told = true;
    done(result);
  };
  const failed = (cause: unknown): void =>
    tell(fail(problem('ledger_unavailable', 'the check of the ledger did not run', { at: path, cause })));
  worker.once('message', (found: string) => tell(ok(found === 'ok' ? undefined : found)));
  worker.once('error', failed);
  worker.once('exit', (code) => failed(new Error(`the check ended with ${code}`)));
  return () => {
    told = true;
    void worker.terminate();
  };
}

const PROGRAM = `
  const { parentPort, workerData } = require('node:worker_threads');
  const Sqlite = require(workerData.driver);
  let found;
  try {
    const database = new Sqlite(workerData.path, { readonly: true, timeout: 1000 });
    found = database.pragma('quick_check(1)', { simple: true });
    database.close();
  } catch (error) {
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) throw error;
    found = error.message;
  }
  parentPort.postMessage(found);
`;
