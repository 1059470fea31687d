import { inScope, type Scope } from '../../src/core/access/decide.ts';
import { fitsPattern } from '../../src/core/access/pattern.ts';
import type { EpochMs, ThingName } from '../../src/core/brand.ts';
import { isDirectRef } from '../../src/core/direct/place.ts';
import type { DriftCause, DriftEntry } from '../../src/core/drift/drift.ts';
import type { Presence } from '../../src/core/presence/presence.ts';
import { shadowKey } from '../../src/core/shadow/shadow-ref.ts';
import type { DriftCounts, DriftFilter, FleetOverview, Page, PageRequest } from '../../src/ports/ledger.ts';
import { isOpen, namesShadow, type Shelf } from './memory-rows.ts';

/** The drift report of the ledger in memory, and the fleet at a glance that is made from it. */

export function driftPage(shelves: Iterable<Shelf>, filter: DriftFilter, page: PageRequest): Page<DriftEntry> {
  const rows = driftMatching(shelves, filter).filter((entry) => isListed(entry, filter));
  rows.sort(driftOrder(filter.sort ?? 'oldest'));
  const offset = page.cursor === undefined ? 0 : Number(page.cursor);
  const items = rows.slice(offset, offset + page.limit);
  const end = offset + items.length;
  return { items, ...(end < rows.length ? { next: String(end) } : {}) };
}

export function driftCounts(
  shelves: Iterable<Shelf>,
  filter: DriftFilter,
  olderThan?: readonly EpochMs[],
): DriftCounts {
  const all = driftMatching(shelves, filter);
  const listed = all.filter((entry) => isListed(entry, filter));
  const byCause: Partial<Record<DriftCause, number>> = {};
  for (const { cause } of listed) byCause[cause] = (byCause[cause] ?? 0) + 1;
  return {
    fields: listed.length,
    shadows: new Set(listed.map(({ ref }) => shadowKey(ref))).size,
    byCause,
    ...(olderThan === undefined
      ? {}
      : { olderThan: olderThan.map((at) => listed.filter(({ firstSeenAt }) => firstSeenAt < at).length) }),
    ignored: all.filter(({ ignoredBy }) => ignoredBy !== undefined).length,
    acknowledged: all.filter(({ acknowledged }) => acknowledged !== undefined).length,
  };
}

export function overviewOf(
  all: ReadonlyMap<string, Shelf>,
  presence: ReadonlyMap<ThingName, Presence>,
  scope: Scope | undefined,
): FleetOverview {
  const within = scope === undefined ? {} : { scope };
  const drift = driftMatching(all.values(), within).filter((entry) => isListed(entry, {}));
  const keys = (entries: readonly DriftEntry[]): Set<string> => new Set(entries.map(({ ref }) => shadowKey(ref)));
  const shadows = [...all].filter(([, { ref }]) => inScope(scope, ref) && !isDirectRef(ref));
  const pending = shadows.filter(([, { commands }]) => [...commands.values()].some(isOpen)).map(([key]) => key);
  const things = new Set(shadows.map(([, { ref }]) => ref.thingName));
  const states = [...things].map((thing) => presence.get(thing)?.state ?? 'unknown');
  const count = (wanted: Presence['state']): number => states.filter((state) => state === wanted).length;
  const total = shadows.length;
  return {
    things: { online: count('online'), offline: count('offline'), unknown: count('unknown') },
    shadows: {
      total,
      pending: pending.length,
      drifted: keys(drift).size,
      refused: keys(drift.filter(({ cause }) => cause === 'refused')).size,
      inSync: total - new Set([...pending, ...keys(drift)]).size,
    },
  };
}

function driftMatching(shelves: Iterable<Shelf>, filter: DriftFilter): DriftEntry[] {
  return [...shelves]
    .flatMap(({ drift }) => [...drift.values()])
    .filter(({ ref, field, cause, author, firstSeenAt, ignoredBy }) => {
      if (filter.thingName !== undefined && ref.thingName !== filter.thingName) return false;
      if (filter.thingPrefix !== undefined && !ref.thingName.startsWith(filter.thingPrefix)) return false;
      if (!fitsPattern({ pattern: filter.thingPattern ?? '*', text: ref.thingName })) return false;
      if (filter.within !== undefined && !filter.within.some((scope) => inScope(scope, ref))) return false;
      if (!inScope(filter.scope, ref)) return false;
      if (!namesShadow(ref, filter.shadowName)) return false;
      if (filter.field !== undefined && field !== filter.field) return false;
      if (filter.causes !== undefined && !filter.causes.includes(cause)) return false;
      if (filter.author !== undefined && author !== filter.author) return false;
      if (filter.ruleId !== undefined && ignoredBy?.ruleId !== filter.ruleId) return false;
      return filter.firstSeenBefore === undefined || firstSeenAt < filter.firstSeenBefore;
    });
}

function isListed({ ignoredBy, acknowledged }: DriftEntry, filter: DriftFilter): boolean {
  if (ignoredBy !== undefined && filter.includeIgnored !== true) return false;
  return acknowledged === undefined || filter.includeAcknowledged === true;
}

function driftOrder(sort: NonNullable<DriftFilter['sort']>): (left: DriftEntry, right: DriftEntry) => number {
  const name = ({ ref, field }: DriftEntry): string => `${shadowKey(ref)} ${field}`;
  const byName = (left: DriftEntry, right: DriftEntry): number => (name(left) < name(right) ? -1 : 1);
  return (left, right) => {
    if (sort === 'oldest') return left.firstSeenAt - right.firstSeenAt || byName(left, right);
    if (sort === 'newest') return right.firstSeenAt - left.firstSeenAt || byName(left, right);
    if (sort === 'flaps') return right.flaps - left.flaps || byName(left, right);
    return byName(left, right);
  };
}
