import { readFileSync } from 'node:fs';

/**
 * A process, told apart from a later one that got the same number. On Linux by the boot and the clock tick it began in;
 * elsewhere there is only the number, so a stranger may pass for it.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt?: string;
}

/** Undefined when there is no such process, or nothing of it but an exit code that nobody has asked for. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  if (process.platform !== 'linux') return isThere(pid) ? { pid } : undefined;
  try {
    const { state, startTicks } = fieldsOf(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    if (state === 'Z' || state === 'X') return undefined;
    return { pid, startedAt: `${bootId()}/${startTicks}` };
  } catch {
    return undefined;
  }
}

export function isRunning({ pid, startedAt }: ProcessIdentity): boolean {
  const now = identityOf(pid);
  return now !== undefined && now.startedAt === startedAt;
}

/** What `parseIdentity` reads back, or undefined for anything else. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const { pid, startedAt } = JSON.parse(text) as { pid?: unknown; startedAt?: unknown };
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined;
    return { pid, ...(typeof startedAt === 'string' ? { startedAt } : {}) };
  } catch {
    return undefined;
  }
}

/** proc(5): `pid (name) state …`, the 22nd field is the start. The name may hold blanks and parentheses. */
function fieldsOf(stat: string): { state: string | undefined; startTicks: string | undefined } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], startTicks: fields[19] };
}

/** Numbers and ticks begin anew with every boot. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // It is there, but not ours.
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
