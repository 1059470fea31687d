import type { Environment } from '../world/environment.ts';
import type { ServerMachine } from '../world/server-machine.ts';

const PATIENCE_MS = 15_000;

/** The answer, or nothing when the server died or took too long: the caller does not know what happened. */
export function answerOf<T>(
  { after }: Environment,
  { process }: ServerMachine,
  call: Promise<T>,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    after(PATIENCE_MS, () => resolve(undefined));
    process?.onKill(() => resolve(undefined));
    void call.then((value) => (process?.alive === true ? resolve(value) : undefined));
  });
}

/** Whether a caller asks again with the same key: nobody answered, or the trouble is the server's. */
export function isWorthRepeating(code: string | undefined): boolean {
  return code === undefined || code.startsWith('ledger_') || code === 'internal' || code.startsWith('transport_');
}
