import { inScope, type Scope } from '../../src/core/access/decide.ts';
import type { ClientToken, CommandId, EpochMs, ThingName } from '../../src/core/brand.ts';
import type { TimelineEntry } from '../../src/core/command/command.ts';
import { tokenOf, type Write } from '../../src/core/command/write.ts';
import type { AnyCommand } from '../../src/core/direct/direct-command.ts';
import { directRef, isDirectRef } from '../../src/core/direct/place.ts';
import type { DriftEntry, IgnoreRule } from '../../src/core/drift/drift.ts';
import type { Presence } from '../../src/core/presence/presence.ts';
import { problem, type ProblemCode } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import { shadowKey, type ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type {
  CommandFilter,
  CommitReceipt,
  DirectRecord,
  DriftCounts,
  DriftFilter,
  EventPage,
  FleetOverview,
  IdempotencyRecord,
  Ledger,
  LedgerChange,
  LedgerHealth,
  OpenShadow,
  Page,
  PageRequest,
  ShadowFilter,
  ShadowRecord,
} from '../../src/ports/ledger.ts';
import { driftCounts, driftPage, overviewOf } from './memory-drift.ts';
import {
  byId,
  byNames,
  isDirectCommand,
  isOpen,
  isRevisable,
  isShadowCommand,
  matches,
  pageOf,
  type Shelf,
} from './memory-rows.ts';

/** A ledger without a disk: second implementation of the port, for tests and the simulation. */
export class MemoryLedger implements Ledger {
  readonly #shelves = new Map<string, Shelf>();
  readonly #commands = new Map<CommandId, AnyCommand>();
  readonly #sequences = new Map<ThingName, Map<string, number>>();
  readonly #timeline: TimelineEntry[] = [];
  readonly #timelines = new Map<CommandId, TimelineEntry[]>();
  readonly #writes = new Map<ClientToken, Write>();
  readonly #presence = new Map<ThingName, Presence>();
  readonly #rules = new Map<string, IgnoreRule>();
  readonly #idempotency = new Map<string, IdempotencyRecord>();
  readonly #failures: ProblemCode[] = [];
  #refusing: 'ledger_full' | 'ledger_unavailable' | 'ledger_corrupt' | undefined;
  #sequence = 0;
  #prunedThrough = 0;
  #closed = false;

  /** Refuses every commit with this problem until called with undefined. */
  refuse(code: 'ledger_full' | 'ledger_unavailable' | 'ledger_corrupt' | undefined): void {
    this.#refusing = code;
  }

  /** The next commit fails once. */
  failNext(code: ProblemCode): void {
    this.#failures.push(code);
  }

  async commit(changes: readonly LedgerChange[]): Promise<Result<CommitReceipt>> {
    const code = this.#closed ? 'ledger_unavailable' : (this.#refusing ?? this.#failures.shift());
    if (code !== undefined) return fail(problem(code, 'the ledger refuses'));
    const stale = changes.find((change) => change.type === 'command' && this.#isStale(change.command));
    if (stale !== undefined) return fail(problem('ledger_stale', 'a newer revision of the command is stored'));
    const firstSequence = changes.some(({ type }) => type === 'timeline') ? this.#sequence + 1 : 0;
    for (const change of changes) this.#apply(change);
    return ok({ firstSequence });
  }

  async command(id: CommandId): Promise<Result<AnyCommand | undefined>> {
    return ok(this.#commands.get(id));
  }

  async commands(filter: CommandFilter, page: PageRequest): Promise<Result<Page<AnyCommand>>> {
    const found = [...this.#commands.values()].filter((command) => matches(command, filter));
    found.sort((left, right) => (left.id < right.id ? 1 : -1));
    return ok(pageOf(found, page, ({ id }) => id, 'descending'));
  }

  async timeline(id: CommandId): Promise<Result<readonly TimelineEntry[]>> {
    return ok([...(this.#timelines.get(id) ?? [])]);
  }

  async events(after: number, limit: number): Promise<Result<EventPage>> {
    const oldest = this.#prunedThrough + 1;
    const start = this.#timeline.findIndex(({ sequence }) => sequence > after);
    const entries = start < 0 ? [] : this.#timeline.slice(start, start + limit);
    return ok({ entries, oldest, newest: this.#sequence });
  }

  async idempotency(key: string): Promise<Result<IdempotencyRecord | undefined>> {
    return ok(this.#idempotency.get(key));
  }

  async write(token: ClientToken): Promise<Result<Write | undefined>> {
    return ok(this.#writes.get(token));
  }

  async shadow(ref: ShadowRef): Promise<Result<ShadowRecord>> {
    const shelf = this.#shelves.get(shadowKey(ref));
    if (shelf === undefined) return ok({ open: [], ended: [], writes: [], drift: [], flapped: [] });
    const commands = [...shelf.commands.values()].filter(isShadowCommand).sort(byId);
    return ok({
      ...(shelf.view === undefined ? {} : { view: shelf.view }),
      open: commands.filter(isOpen),
      ended: commands.filter(isRevisable),
      writes: [...shelf.writes.values()].filter(({ state }) => state === 'open'),
      drift: [...shelf.drift.values()],
      flapped: [...shelf.flapped.values()],
    });
  }

  async direct(thingName: ThingName): Promise<Result<DirectRecord>> {
    const kept = [...(this.#shelves.get(shadowKey(directRef(thingName)))?.commands.values() ?? [])];
    const commands = kept.filter(isDirectCommand).sort(byId);
    return ok({
      open: commands.filter(isOpen),
      ended: commands.filter(isRevisable),
      sequences: new Map(this.#sequences.get(thingName)),
    });
  }

  async openShadows(page: PageRequest): Promise<Result<Page<OpenShadow>>> {
    const rows: OpenShadow[] = [];
    for (const { ref, commands } of this.#shelves.values()) {
      const open = [...commands.values()].filter(isOpen);
      if (open.length === 0) continue;
      const expiresAt = open.reduce((least, { policy }) => Math.min(least, policy.expiresAt), Infinity) as EpochMs;
      rows.push({ ref, open: open.length, expiresAt });
    }
    rows.sort((left, right) => (shadowKey(left.ref) < shadowKey(right.ref) ? -1 : 1));
    return ok(pageOf(rows, page, ({ ref }) => shadowKey(ref), 'ascending'));
  }

  async shadows(page: PageRequest, filter: ShadowFilter = {}): Promise<Result<Page<ShadowRef>>> {
    const refs = [...this.#shelves.values()]
      .map(({ ref }) => ref)
      .filter((ref) => !isDirectRef(ref))
      .filter((ref) => inScope(filter.scope, ref) && ref.thingName.startsWith(filter.thingPrefix ?? ''));
    refs.sort((left, right) => (byNames(left) < byNames(right) ? -1 : 1));
    const { cursor, ...rest } = page;
    const from = cursor === undefined ? rest : { ...rest, cursor: cursor.replace('/', ' ') };
    const { items, next } = pageOf(refs, from, byNames, 'ascending');
    return ok({ items, ...(next === undefined ? {} : { next: next.replace(' ', '/') }) });
  }

  async presence(thingName: ThingName): Promise<Result<Presence | undefined>> {
    return ok(this.#presence.get(thingName));
  }

  async presences(page: PageRequest): Promise<Result<Page<Presence>>> {
    const rows = [...this.#presence.values()].sort((left, right) => (left.thingName < right.thingName ? -1 : 1));
    return ok(pageOf(rows, page, ({ thingName }) => thingName, 'ascending'));
  }

  async drift(filter: DriftFilter, page: PageRequest): Promise<Result<Page<DriftEntry>>> {
    return ok(driftPage(this.#shelves.values(), filter, page));
  }

  async driftCounts(filter: DriftFilter, olderThan?: readonly EpochMs[]): Promise<Result<DriftCounts>> {
    return ok(driftCounts(this.#shelves.values(), filter, olderThan));
  }

  async ignoreRules(): Promise<Result<readonly IgnoreRule[]>> {
    return ok([...this.#rules.values()]);
  }

  async overview(scope?: Scope): Promise<Result<FleetOverview>> {
    return ok(overviewOf(this.#shelves, this.#presence, scope));
  }

  async prune(endedBefore: EpochMs, limit: number): Promise<Result<number>> {
    const held = new Set(
      [...this.#shelves.values()].flatMap(({ drift }) =>
        [...drift.values()].flatMap(({ endedCommandId, acknowledged }) =>
          endedCommandId === undefined || acknowledged !== undefined ? [] : [endedCommandId],
        ),
      ),
    );
    const ended = [...this.#commands.values()]
      .filter(({ id, endedAt }) => endedAt !== undefined && endedAt < endedBefore && !held.has(id))
      .filter((command) => command.kind !== 'shadow' || command.endResult !== 'not_yet')
      .sort((left, right) => (left.endedAt ?? 0) - (right.endedAt ?? 0))
      .slice(0, limit);
    for (const command of ended) this.#forget(command);
    return ok(ended.length);
  }

  async health(): Promise<LedgerHealth> {
    if (this.#closed) return { state: 'unavailable', detail: 'closed', waiting: 0 };
    const states = { ledger_full: 'full', ledger_unavailable: 'unavailable', ledger_corrupt: 'corrupt' } as const;
    return { state: this.#refusing === undefined ? 'ok' : states[this.#refusing], waiting: 0 };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The same data behind a new handle, as after a restart of the process. */
  reopen(): MemoryLedger {
    this.#closed = false;
    this.#refusing = undefined;
    return this;
  }

  #isStale(command: AnyCommand): boolean {
    const stored = this.#commands.get(command.id);
    return stored !== undefined && stored.revision >= command.revision;
  }

  #apply(change: LedgerChange): void {
    switch (change.type) {
      case 'command':
        this.#commands.set(change.command.id, change.command);
        this.#shelf(change.command.ref).commands.set(change.command.id, change.command);
        return;
      case 'sequence': {
        const sequences = this.#sequences.get(change.thingName) ?? new Map<string, number>();
        this.#sequences.set(change.thingName, sequences.set(change.key, change.number));
        return;
      }
      case 'timeline':
        this.#append({ sequence: (this.#sequence += 1), ...change.entry });
        return;
      case 'write':
        this.#writes.set(tokenOf(change.write.id), change.write);
        this.#shelf(change.write.ref).writes.set(change.write.id, change.write);
        return;
      case 'view':
        this.#shelf(change.view.ref).view = change.view;
        return;
      case 'presence':
        this.#presence.set(change.presence.thingName, change.presence);
        return;
      case 'drift':
        this.#shelf(change.entry.ref).drift.set(change.entry.field, change.entry);
        return;
      case 'drift_gone':
        this.#shelf(change.ref).drift.delete(change.field);
        return;
      case 'flapped':
        this.#shelf(change.ref).flapped.set(change.flapped.field, change.flapped);
        return;
      case 'ignore_rule':
        this.#rules.set(change.rule.id, change.rule);
        return;
      case 'ignore_rule_gone':
        this.#rules.delete(change.id);
        return;
      case 'idempotency':
        this.#idempotency.set(change.record.key, change.record);
        return;
    }
  }

  #append(entry: TimelineEntry): void {
    this.#timeline.push(entry);
    const own = this.#timelines.get(entry.commandId);
    if (own === undefined) this.#timelines.set(entry.commandId, [entry]);
    else own.push(entry);
  }

  #forget(command: AnyCommand): void {
    const shelf = this.#shelf(command.ref);
    this.#commands.delete(command.id);
    shelf.commands.delete(command.id);
    this.#prunedThrough = Math.max(this.#prunedThrough, this.#timelines.get(command.id)?.at(-1)?.sequence ?? 0);
    this.#timelines.delete(command.id);
    for (const write of [...shelf.writes.values()]) {
      if (!write.commandIds.every((id) => !this.#commands.has(id))) continue;
      shelf.writes.delete(write.id);
      this.#writes.delete(tokenOf(write.id));
    }
    for (const [key, record] of this.#idempotency) if (record.commandId === command.id) this.#idempotency.delete(key);
    const kept = this.#timeline.filter(({ commandId }) => commandId !== command.id);
    this.#timeline.splice(0, this.#timeline.length, ...kept);
  }

  #shelf(ref: ShadowRef): Shelf {
    const key = shadowKey(ref);
    let shelf = this.#shelves.get(key);
    if (shelf === undefined) {
      shelf = { ref, commands: new Map(), writes: new Map(), drift: new Map(), flapped: new Map() };
      this.#shelves.set(key, shelf);
    }
    return shelf;
  }
}
