import { inScope } from '../../src/core/access/decide.ts';
import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF, type Command } from '../../src/core/command/command.ts';
import type { Write } from '../../src/core/command/write.ts';
import type { AnyCommand, DirectCommand } from '../../src/core/direct/direct-command.ts';
import type { DriftEntry, Flapped } from '../../src/core/drift/drift.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type { ShadowView } from '../../src/core/view/view.ts';
import type { CommandFilter, Page, PageRequest } from '../../src/ports/ledger.ts';

/** What the ledger in memory keeps, and how it is told apart, sorted and cut into pages. */

/** Everything one shadow owns, so that reading it costs the same however many shadows there are. */
export interface Shelf {
  readonly ref: ShadowRef;
  view?: ShadowView;
  readonly commands: Map<CommandId, AnyCommand>;
  readonly writes: Map<string, Write>;
  readonly drift: Map<string, DriftEntry>;
  readonly flapped: Map<string, Flapped>;
}

export function isShadowCommand(command: AnyCommand): command is Command {
  return command.kind === 'shadow';
}

export function isDirectCommand(command: AnyCommand): command is DirectCommand {
  return command.kind === 'direct';
}

export function isOpen({ status }: AnyCommand): boolean {
  return VERDICT_OF[status] === 'pending';
}

export function isRevisable(command: AnyCommand): boolean {
  return (
    command.status === 'timed_out' ||
    command.status === 'expired' ||
    (command.kind === 'shadow' && !isOpen(command) && command.endResult === 'not_yet')
  );
}

export function byId(left: AnyCommand, right: AnyCommand): number {
  return left.id < right.id ? -1 : 1;
}

/** Sorts by thing, then shadow: a space comes before every character of a name. */
export function byNames({ thingName, shadowName }: ShadowRef): string {
  return `${thingName} ${shadowName ?? ''}`;
}

export function namesShadow(ref: ShadowRef, wanted: string | null | undefined): boolean {
  return wanted === undefined || (wanted ?? undefined) === ref.shadowName;
}

export function matches({ ref, status, author, createdAt, parentId }: AnyCommand, filter: CommandFilter): boolean {
  if (filter.parentId !== undefined && parentId !== filter.parentId) return false;
  if (!inScope(filter.scope, ref)) return false;
  if (filter.thingName !== undefined && ref.thingName !== filter.thingName) return false;
  if (!namesShadow(ref, filter.shadowName)) return false;
  if (filter.statuses !== undefined && !filter.statuses.includes(status)) return false;
  if (filter.author !== undefined && author !== filter.author) return false;
  if (filter.createdFrom !== undefined && createdAt < filter.createdFrom) return false;
  return filter.createdBefore === undefined || createdAt < filter.createdBefore;
}

/** The cursor is the key of the last row given out, so rows that come and go in between move nothing. */
export function pageOf<T>(
  sorted: readonly T[],
  { limit, cursor }: PageRequest,
  keyOf: (row: T) => string,
  order: 'ascending' | 'descending',
): Page<T> {
  const past = (row: T): boolean =>
    cursor === undefined || (order === 'ascending' ? keyOf(row) > cursor : keyOf(row) < cursor);
  const rest = sorted.filter(past);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, ...(last !== undefined && rest.length > items.length ? { next: keyOf(last) } : {}) };
}
