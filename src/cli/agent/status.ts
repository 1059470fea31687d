import { stat } from 'node:fs/promises';
import { readJournal } from '../../adapters/file/journal.ts';
import type { Agent } from '../../compose-agent.ts';
import { monotonicMs } from '../../core/brand.ts';
import type { JsonObject, JsonValue } from '../../core/json/json.ts';
import { ok, type Result } from '../../core/result.ts';
import type { JournalDamage } from '../../ports/journal.ts';
import { isDirectKey, parseDirectRecords, type DirectRecords } from '../../protocol/direct-journal.ts';
import { parseShadowRecord, retriesIn } from '../../protocol/journal-record.ts';

/** What the journal of an agent says, whether the agent runs or not. */
export interface AgentStatus {
  readonly journal: { readonly path: string; readonly bytes: number; readonly damage?: JournalDamage };
  readonly shadows: readonly ShadowStatus[];
  /** Direct commands that are open, or answered and still remembered. */
  readonly commands: readonly CommandStatus[];
}

export interface CommandStatus {
  readonly id: string;
  readonly name: string;
  /** `held`, `running`, or how it was answered. */
  readonly state: string;
  readonly code?: string;
  readonly message?: string;
  /** False: the answer is not known to have reached the broker. */
  readonly published?: boolean;
  readonly expiresAt: string;
}

export interface ShadowStatus {
  readonly shadow: string;
  readonly lastReportVersion?: number;
  readonly lastPass?: { readonly at: string; readonly version: number; readonly applied: number };
  /** Present after a power cut in the middle of an apply, until the agent starts again. */
  readonly interrupted?: readonly string[];
  readonly fields: readonly FieldStatus[];
}

export interface FieldStatus {
  readonly field: string;
  readonly desired: JsonValue;
  readonly state: string;
  readonly code?: string;
  readonly message?: string;
  readonly attempts?: number;
  /** Service time. Past or missing: at the next connection. */
  readonly retryAt?: string;
  readonly leaseLeftMs?: number;
}

export async function agentStatus({ journal: path }: Agent): Promise<Result<AgentStatus>> {
  const journal = await readJournal(path);
  if (!journal.ok) return journal;
  const { records, damage } = journal.value;
  const { size } = await stat(path);
  return ok({
    journal: { path, bytes: size, ...(damage === undefined ? {} : { damage }) },
    shadows: [...records]
      .filter(([key]) => !isDirectKey(key))
      .flatMap(([shadow, record]) => shadowStatus(shadow, record) ?? []),
    commands: commandStatus(parseDirectRecords(records)),
  });
}

function commandStatus({ jobs, replies }: DirectRecords): CommandStatus[] {
  const instant = (at: number): string => new Date(at).toISOString();
  return [
    ...jobs.map(({ phase, request: { id, name, expiresAt } }) => ({
      id,
      name,
      state: phase,
      expiresAt: instant(expiresAt),
    })),
    ...replies.map(({ name, expiresAt, response: { id, status, problem }, published }) => ({
      id,
      name,
      state: status,
      ...problem,
      published,
      expiresAt: instant(expiresAt),
    })),
  ];
}

function shadowStatus(shadow: string, record: JsonObject): ShadowStatus | undefined {
  const parsed = parseShadowRecord(record, monotonicMs(0));
  if (parsed === undefined) return undefined;
  const { lastOwnVersion, lastPass, intent, memory } = parsed;
  const retries = new Map(retriesIn(record).map((retry) => [retry.field, retry]));
  return {
    shadow,
    ...(lastOwnVersion === undefined ? {} : { lastReportVersion: lastOwnVersion }),
    ...(lastPass === undefined ? {} : { lastPass: { ...lastPass, at: new Date(lastPass.at).toISOString() } }),
    ...(intent === undefined ? {} : { interrupted: intent }),
    fields: [...memory].map(([field, remembered]): FieldStatus => {
      const { desired, attempts, refused, deferred, lease, confirmedAt, unverified, crashes } = remembered;
      const retry = retries.get(field);
      const base = { field, desired };
      if (refused !== undefined) return { ...base, state: 'refused', ...refused };
      if (lease !== undefined) return { ...base, state: 'overridden', leaseLeftMs: lease.endsAt };
      if (deferred !== undefined) return { ...base, state: `deferred until ${deferred.until}` };
      if (retry !== undefined) {
        const { code, message, at } = retry;
        const retryAt = at === undefined ? {} : { retryAt: new Date(at).toISOString() };
        return { ...base, state: 'retrying', code, message, attempts, ...retryAt };
      }
      if (unverified !== undefined) return { ...base, state: 'applied, not read back yet' };
      const suspect = crashes > 0 ? { message: `${crashes} restarts in the middle of it` } : {};
      return { ...base, state: confirmedAt === undefined ? 'open' : 'confirmed', ...suspect };
    }),
  };
}
