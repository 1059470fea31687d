import type { CountedRule } from '../../cloud/cloud.ts';
import type { DriftCause, DriftEntry } from '../../core/drift/drift.ts';
import { shadowKey } from '../../core/shadow/shadow-ref.ts';
import type { Page } from '../../ports/ledger.ts';
import type { DriftFacts } from '../../report/drift-row.ts';
import { compact, instant, type PageView, type ShadowRefView } from './parts.ts';

/** What a report needs of an entry, and what only programs look at. */
export interface DriftView extends ShadowRefView, DriftFacts {
  readonly endedCommandId?: string;
  readonly acknowledged?: { readonly by: string; readonly at: string; readonly reason?: string };
  readonly ignoredBy?: { readonly ruleId: string; readonly reason: string };
  readonly version: number;
  readonly seenAt: string;
}

/** The fleet at a glance; ignored and acknowledged drift counts as in sync and is told apart under `drift`. */
export interface OverviewView {
  readonly things: { readonly online: number; readonly offline: number; readonly unknown: number };
  readonly shadows: {
    readonly total: number;
    readonly inSync: number;
    readonly pending: number;
    readonly drifted: number;
    readonly refused: number;
  };
  readonly drift: {
    readonly fields: number;
    readonly byCause: Readonly<Partial<Record<DriftCause, number>>>;
    readonly ignored: number;
    readonly acknowledged: number;
    /** How many fields have differed for how long; youngest first, together all of `fields`. */
    readonly ages: readonly { readonly label: string; readonly fields: number }[];
  };
}

/** Drift with its counts; `byAge` sorts all of `fields` by how long they have differed. */
export interface DriftPageView extends PageView<DriftView> {
  /** Of everything that fits; absent if `counts=false` was asked for. */
  readonly counts?: {
    readonly fields: number;
    readonly shadows: number;
    readonly byCause: Readonly<Partial<Record<DriftCause, number>>>;
    readonly ignored: number;
    readonly acknowledged: number;
    readonly byAge: {
      readonly underHour: number;
      readonly underDay: number;
      readonly underWeek: number;
      readonly older: number;
    };
  };
}

export interface IgnoreRuleView {
  readonly id: string;
  readonly thing: string;
  readonly shadowName?: string;
  readonly field: string;
  readonly reason: string;
  readonly by: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  /** So many fields it leaves out of the report just now; what two rules cover counts for the older one. */
  readonly hides: number;
}

export function driftView(entry: DriftEntry): DriftView {
  const { ref, acknowledged } = entry;
  return compact({
    thingName: ref.thingName,
    shadowName: ref.shadowName,
    shadow: shadowKey(ref),
    field: entry.field,
    desired: entry.desired,
    reported: entry.reported,
    differs: entry.differs,
    cause: entry.cause,
    detail: entry.detail,
    firstSeenAt: instant(entry.firstSeenAt),
    lastAgreedAt: instant(entry.lastAgreedAt),
    flaps: entry.flaps,
    commandId: entry.commandId,
    author: entry.author,
    endedCommandId: entry.endedCommandId,
    openCommandId: entry.openCommandId,
    acknowledged: acknowledged === undefined ? undefined : { ...acknowledged, at: instant(acknowledged.at) },
    ignoredBy: entry.ignoredBy,
    version: entry.version,
    seenAt: instant(entry.seenAt),
  });
}

const texts = new WeakMap<DriftEntry, string>();

/** The view as JSON, printed once per entry: a list is asked for again and again while few of its rows change. */
export function driftText(entry: DriftEntry): string {
  const known = texts.get(entry);
  if (known !== undefined) return known;
  const text = JSON.stringify(driftView(entry));
  texts.set(entry, text);
  return text;
}

/** A `DriftPageView` as JSON, put together from what is printed already. */
export function driftPageText({ items, next }: Page<DriftEntry>, counts?: DriftPageView['counts']): string {
  const before = counts === undefined ? '' : `"counts":${JSON.stringify(counts)},`;
  const after = next === undefined ? '' : `,"next":${JSON.stringify(next)}`;
  return `{${before}"items":[${items.map(driftText).join(',')}]${after}}`;
}

export function ignoreRuleView({ rule: { createdAt, expiresAt, ...rule }, hides }: CountedRule): IgnoreRuleView {
  return compact({ ...rule, createdAt: instant(createdAt), expiresAt: instant(expiresAt), hides });
}
