import type { AnyCommand, DirectCommand } from '../../src/core/direct/direct-command.ts';
import { directRef } from '../../src/core/direct/place.ts';
import type { CommandId, EpochMs, FieldPointer, ThingName, WriteId } from '../../src/core/brand.ts';
import type { Command } from '../../src/core/command/command.ts';
import type { Write } from '../../src/core/command/write.ts';
import type { DriftEntry } from '../../src/core/drift/drift.ts';
import type { Presence } from '../../src/core/presence/presence.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { parseShadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { ShadowView } from '../../src/core/view/view.ts';
import type {
  CommitReceipt,
  IdempotencyRecord,
  Ledger,
  LedgerChange,
  NewTimelineEntry,
} from '../../src/ports/ledger.ts';
import type { Result } from '../../src/core/result.ts';

/** What a test sets is what matters to it; everything else has a default. */

export const T0 = 1_790_000_000_000 as EpochMs;
export const at = (ms: number): EpochMs => (T0 + ms) as EpochMs;

/** Ids in the order of their numbers, as UUIDv7 sort by time. */
export const commandId = (number: number): CommandId =>
  `01980000-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as CommandId;
export const writeId = (number: number): WriteId =>
  `01990000-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as WriteId;

export function ref(key: string): ShadowRef {
  const parsed = parseShadowKey(key);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
}

export function aCommand(number: number, changes: Partial<Command> = {}): Command {
  return {
    id: commandId(number),
    kind: 'shadow',
    ref: ref('heater-1'),
    author: 'app',
    createdAt: at(number),
    patch: { targetC: 21 },
    fields: [{ field: '/targetC' as FieldPointer, desired: 21, state: { outcome: 'pending' } }],
    policy: { applyWithinMs: 60_000, expiresAt: at(600_000 + number), whenOffline: 'wait', onEnd: 'restore' },
    status: 'queued',
    clock: { leftMs: 60_000 },
    revision: 1,
    ...changes,
  };
}

export function aDirect(number: number, changes: Partial<DirectCommand> = {}): DirectCommand {
  return {
    id: commandId(number),
    kind: 'direct',
    ref: directRef('door-1' as ThingName),
    author: 'app',
    createdAt: at(number),
    name: 'open',
    args: { visitor: 'Ada' },
    policy: { applyWithinMs: 60_000, expiresAt: at(300_000 + number), whenOffline: 'wait' },
    status: 'queued',
    clock: { leftMs: 60_000 },
    attempts: 0,
    revision: 1,
    ...changes,
  };
}

/** The same command one revision later. */
export const next = <C extends AnyCommand>(command: C, changes: Partial<C>): C => ({
  ...command,
  revision: command.revision + 1,
  ...changes,
});

export const aLine = (command: Command, changes: Partial<NewTimelineEntry> = {}): NewTimelineEntry => ({
  commandId: command.id,
  at: command.createdAt,
  by: command.author,
  event: 'created',
  status: command.status,
  patch: [],
  ...changes,
});

export function aWrite(number: number, changes: Partial<Write> = {}): Write {
  return {
    id: writeId(number),
    ref: ref('heater-1'),
    purpose: 'commands',
    commandIds: [commandId(number)],
    patch: { targetC: 21 },
    base: { version: 6, incarnation: 1, stamp: 1_790_000 },
    before: {},
    attempt: 1,
    createdAt: at(number),
    state: 'open',
    ...changes,
  };
}

export function aView(key: string, changes: Partial<ShadowView> = {}): ShadowView {
  return {
    ref: ref(key),
    version: 7,
    incarnation: 1,
    state: { desired: { targetC: 21 }, reported: { targetC: 20 } },
    marks: { desired: { targetC: [1_790_000, 7, 'f:'] }, reported: { targetC: [1_790_000, 6, ''] } },
    desiredVersion: 7,
    stamp: 1_790_000,
    seenAt: T0,
    ...changes,
  };
}

export function aDrift(key: string, field: string, changes: Partial<DriftEntry> = {}): DriftEntry {
  return {
    ref: ref(key),
    field: field as FieldPointer,
    desired: 21,
    reported: 20,
    differs: true,
    cause: 'stuck',
    firstSeenAt: T0,
    flaps: 0,
    version: 7,
    incarnation: 1,
    seenAt: T0,
    ...changes,
  };
}

export const aPresence = (thing: string, changes: Partial<Presence> = {}): Presence => ({
  thingName: thing as ThingName,
  state: 'online',
  since: T0,
  source: 'lifecycle',
  ...changes,
});

export const aRecord = (key: string, command: Command): IdempotencyRecord => ({
  key,
  fingerprint: 'same',
  commandId: command.id,
  createdAt: command.createdAt,
});

export const stored = (command: AnyCommand): LedgerChange => ({ type: 'command', command });
export const line = (entry: NewTimelineEntry): LedgerChange => ({ type: 'timeline', entry });

/** The value of a result that has to be one. */
export async function got<T>(result: Promise<Result<T>> | Result<T>): Promise<T> {
  const settled = await result;
  if (!settled.ok) throw new Error(`${settled.problem.code}: ${settled.problem.message}`);
  return settled.value;
}

/** The code of a problem that has to be one. */
export async function code(result: Promise<Result<unknown>> | Result<unknown>): Promise<string> {
  const settled = await result;
  if (settled.ok) throw new Error('expected a problem');
  return settled.problem.code;
}

export const commit = (ledger: Ledger, ...changes: LedgerChange[]): Promise<CommitReceipt> =>
  got(ledger.commit(changes));

/** Reads all pages of a list. */
export async function everyPage<T>(
  list: (page: { limit: number; cursor?: string }) => Promise<Result<{ items: readonly T[]; next?: string }>>,
  limit: number,
): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await got(list({ limit, ...(cursor === undefined ? {} : { cursor }) }));
    items.push(...page.items);
    if (page.next === undefined) return items;
    cursor = page.next;
  }
}
