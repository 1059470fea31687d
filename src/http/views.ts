import type { AccessAction } from '../core/access/access.ts';
import type { EpochMs } from '../core/brand.ts';
import { VERDICT_OF } from '../core/command/command.ts';
import type {
  Command,
  CommandField,
  CommandStatus,
  EndResult,
  OnEnd,
  Successor,
  TimelineEntry,
  Verdict,
  WhenOffline,
} from '../core/command/command.ts';
import type { DriftCause, DriftEntry, IgnoreRule } from '../core/drift/drift.ts';
import type { JsonObject, JsonValue } from '../core/json/json.ts';
import type { ThingPlan } from '../core/plan/plan.ts';
import type { Presence, PresenceState } from '../core/presence/presence.ts';
import type { ProblemCode } from '../core/problem.ts';
import { shadowKey, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { CloudHealth, Explanation, ShadowExplanation, ShadowReport, ThingReport } from '../cloud/cloud.ts';

/**
 * What the API answers: core types with instants as RFC 3339 text, and nothing internal in them. Adding a member is
 * fine, changing one needs /v2.
 */

/** Which shadow, both ways: apart for programs, printed for people. */
export interface ShadowRefView {
  readonly thingName: string;
  /** Absent for the classic shadow. */
  readonly shadowName?: string;
  /** `thing` or `thing/shadow`. */
  readonly shadow: string;
}

export interface CommandView extends ShadowRefView {
  readonly id: string;
  readonly kind: 'shadow';
  readonly verdict: Verdict;
  readonly status: CommandStatus;
  readonly statusReason?: string;
  readonly author: string;
  readonly reason?: string;
  readonly desired: JsonObject;
  readonly fields: readonly CommandFieldView[];
  readonly createdAt: string;
  readonly sentAt?: string;
  readonly deliveredAt?: string;
  readonly endedAt?: string;
  readonly applyWithinMs: number;
  /** What is left of `applyWithinMs`; it runs since `applyRunsSince`, and stands still where that is absent. */
  readonly applyLeftMs: number;
  readonly applyRunsSince?: string;
  readonly expiresAt: string;
  readonly whenOffline: WhenOffline;
  readonly onEnd: OnEnd;
  readonly ifVersion?: number;
  readonly version?: number;
  readonly versionFrom?: 'accepted' | 'get';
  readonly noop?: boolean;
  readonly endResult?: EndResult;
  readonly retryOf?: string;
  readonly rollbackOf?: string;
  /** What the commands of one request for many things have in common. */
  readonly parentId?: string;
  readonly revision: number;
}

export interface CommandFieldView {
  readonly field: string;
  readonly desired: JsonValue;
  readonly outcome: CommandField['state']['outcome'];
  readonly code?: string;
  readonly message?: string;
  readonly retryAt?: string;
  /** Who holds the field (`overridden`); the successor is in `supersededBy`. */
  readonly by?: string;
  readonly until?: string;
  readonly reason?: string;
  readonly supersededBy?: Successor;
}

export interface TimelineEntryView {
  readonly sequence: number;
  readonly commandId: string;
  readonly at: string;
  readonly by: string;
  readonly event: string;
  readonly status: CommandStatus;
  readonly version?: number;
  readonly patch: readonly JsonObject[];
  readonly detail?: JsonObject;
}

export interface CommandDetailView extends CommandView {
  readonly timeline: readonly TimelineEntryView[];
}

export interface PageView<T> {
  readonly items: readonly T[];
  /** Pass as `cursor` for the next page; absent on the last one. */
  readonly next?: string;
}

export interface PresenceView {
  readonly state: PresenceState;
  readonly since: string;
  readonly source: Presence['source'];
  readonly detail?: string;
  readonly lastTrafficAt?: string;
}

export interface ShadowView extends ShadowRefView {
  readonly version: number;
  readonly incarnation: number;
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
  readonly asOf: string;
  readonly presence: PresenceView;
  readonly fields: readonly FieldView[];
  readonly openCommands: readonly string[];
}

/** `shown` never bounces: desired while a command is open and `settleBy` not past, else what the device reported. */
export interface FieldView {
  readonly field: string;
  readonly shown?: JsonValue;
  readonly desired?: JsonValue;
  readonly confirmed?: JsonValue;
  readonly converged: boolean;
  readonly pendingSince?: string;
  readonly settleBy?: string;
  readonly reason?: string;
  readonly commandId?: string;
  readonly author?: string;
}

export interface ExplanationView {
  readonly commandId: string;
  readonly status: CommandStatus;
  readonly code: string;
  readonly words: string;
  readonly field?: string;
  readonly since?: string;
  readonly nextAttemptAt?: string;
  readonly settleBy?: string;
  readonly detail?: JsonObject;
}

export interface ShadowExplanationView extends ShadowRefView {
  readonly presence: PresenceView;
  readonly converged: boolean;
  readonly words: string;
  readonly fields: readonly {
    readonly field: string;
    readonly code: string;
    readonly words: string;
    readonly since?: string;
    readonly commandId?: string;
  }[];
  readonly commands: readonly ExplanationView[];
}

export interface DriftView extends ShadowRefView {
  readonly field: string;
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
  readonly differs: boolean;
  readonly cause: DriftCause;
  readonly detail?: { readonly code: string; readonly message?: string };
  readonly firstSeenAt: string;
  readonly lastAgreedAt?: string;
  readonly flaps: number;
  readonly commandId?: string;
  readonly author?: string;
  readonly endedCommandId?: string;
  readonly acknowledged?: { readonly by: string; readonly at: string; readonly reason?: string };
  readonly ignoredBy?: { readonly ruleId: string; readonly reason: string };
  readonly version: number;
  readonly seenAt: string;
}

export interface ThingView {
  readonly thingName: string;
  readonly presence: PresenceView;
  readonly shadows: readonly ShadowRefView[];
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

export type HealthView = CloudHealth;

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

/** One request for many things: its children, and the things for which none could be stored. */
export interface FanOutView {
  readonly parentId: string;
  readonly total: number;
  readonly commands: readonly CommandView[];
  readonly problems: readonly { readonly thingName: string; readonly problem: ProblemView }[];
}

export interface ProblemView {
  readonly code: ProblemCode;
  readonly message: string;
  readonly at?: string;
}

/**
 * Where the children of one request stand. `pending` while one of them is; then `succeeded` if all did, `partly` if some
 * did, `unsuccessful` if none did.
 */
export interface AggregateView {
  readonly parentId: string;
  readonly total: number;
  /** Children that have ended. */
  readonly settled: number;
  readonly verdict: 'pending' | 'succeeded' | 'partly' | 'unsuccessful';
  readonly verdicts: Readonly<Partial<Record<Verdict, number>>>;
  readonly statuses: Readonly<Partial<Record<CommandStatus, number>>>;
  readonly createdAt: string;
  /** Present once all have ended. */
  readonly endedAt?: string;
}

/** What a command would do, without doing it. */
export interface PlanView {
  readonly total: number;
  readonly changes: number;
  readonly blocked: number;
  readonly offline: number;
  readonly things: readonly ThingPlanView[];
}

export interface ThingPlanView extends ShadowRefView {
  readonly exists: boolean;
  readonly version?: number;
  readonly presence: PresenceState;
  readonly fields: readonly {
    readonly field: string;
    readonly change: 'add' | 'change' | 'remove' | 'none';
    readonly from?: JsonValue;
    readonly to?: JsonValue;
    readonly reported?: JsonValue;
  }[];
  /** Open commands that this one would supersede in these fields. */
  readonly conflicts: readonly {
    readonly commandId: string;
    readonly author: string;
    readonly status: CommandStatus;
    readonly fields: readonly string[];
  }[];
  /** Why the command would be refused; empty if it would not. */
  readonly problems: readonly ProblemView[];
  /** Of desired and reported together after the write (8 KB is the service's limit). */
  readonly bytes: number;
  readonly bytesMax: number;
}

export interface ModelView {
  readonly id: string;
  /** Thing names in which `*` stands for any characters; the first mapping that fits holds. */
  readonly things: string;
  readonly shadowName?: string;
  readonly fields: readonly { readonly field: string; readonly annotations: JsonObject }[];
  /** The JSON Schema itself; only where one model is asked for. */
  readonly schema?: JsonObject;
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
}

/** Who the server takes the caller for. */
export interface IdentityView {
  readonly name: string;
  /** False on a loopback server that asks nobody: everybody may do everything. */
  readonly accessControl: boolean;
  readonly roles: readonly string[];
  /** What is allowed on at least some shadow. */
  readonly actions: readonly AccessAction[];
}

/** The data of one event of the stream. */
export interface StreamEventView extends TimelineEntryView, ShadowRefView {}

export function commandView(command: Command): CommandView {
  const { policy, clock, ref } = command;
  return compact({
    id: command.id,
    kind: command.kind,
    ...shadowRefView(ref),
    verdict: VERDICT_OF[command.status],
    status: command.status,
    statusReason: command.statusReason,
    author: command.author,
    reason: command.reason,
    desired: command.patch,
    fields: command.fields.map(fieldView),
    createdAt: instant(command.createdAt),
    sentAt: instant(command.sentAt),
    deliveredAt: instant(command.deliveredAt),
    endedAt: instant(command.endedAt),
    applyWithinMs: policy.applyWithinMs,
    applyLeftMs: clock.leftMs,
    applyRunsSince: instant(clock.runningSince),
    expiresAt: instant(policy.expiresAt),
    whenOffline: policy.whenOffline,
    onEnd: policy.onEnd,
    ifVersion: policy.ifVersion,
    version: command.version,
    versionFrom: command.versionFrom,
    noop: command.noop,
    endResult: command.endResult,
    retryOf: command.retryOf,
    rollbackOf: command.rollbackOf,
    parentId: command.parentId,
    revision: command.revision,
  });
}

function fieldView({ field, desired, state }: CommandField): CommandFieldView {
  switch (state.outcome) {
    case 'retrying':
      return compact({ field, desired, ...state, retryAt: instant(state.retryAt) });
    case 'overridden':
      return compact({ field, desired, ...state, until: instant(state.until) });
    case 'superseded':
      return { field, desired, outcome: state.outcome, supersededBy: state.by };
    case 'pending':
    case 'applying':
    case 'deferred':
    case 'confirmed':
    case 'refused':
      return compact({ field, desired, ...state });
  }
}

export function timelineView(entry: TimelineEntry): TimelineEntryView {
  return { ...entry, at: instant(entry.at) };
}

export function shadowView(report: ShadowReport): ShadowView {
  return compact({
    ...shadowRefView(report.ref),
    version: report.version,
    incarnation: report.incarnation,
    desired: report.desired,
    reported: report.reported,
    asOf: instant(report.asOf),
    presence: presenceView(report.presence),
    fields: report.fields.map((field) =>
      compact({ ...field, pendingSince: instant(field.pendingSince), settleBy: instant(field.settleBy) }),
    ),
    openCommands: report.openCommands,
  });
}

export function explanationView(explanation: Explanation): ExplanationView {
  return compact({
    ...explanation,
    since: instant(explanation.since),
    nextAttemptAt: instant(explanation.nextAttemptAt),
    settleBy: instant(explanation.settleBy),
  });
}

export function shadowExplanationView({ ref, ...explanation }: ShadowExplanation): ShadowExplanationView {
  return {
    ...shadowRefView(ref),
    presence: presenceView(explanation.presence),
    converged: explanation.converged,
    words: explanation.words,
    fields: explanation.fields.map((field) => compact({ ...field, since: instant(field.since) })),
    commands: explanation.commands.map(explanationView),
  };
}

export function driftView({ ref, acknowledged, incarnation: _, ...entry }: DriftEntry): DriftView {
  return compact({
    ...shadowRefView(ref),
    ...entry,
    firstSeenAt: instant(entry.firstSeenAt),
    lastAgreedAt: instant(entry.lastAgreedAt),
    seenAt: instant(entry.seenAt),
    acknowledged: acknowledged === undefined ? undefined : { ...acknowledged, at: instant(acknowledged.at) },
  });
}

export function aggregateView(parentId: string, children: readonly Command[]): AggregateView {
  const statuses = countBy(children.map(({ status }) => status));
  const verdicts = countBy(children.map(({ status }) => VERDICT_OF[status]));
  const total = children.length;
  const { pending = 0, succeeded = 0 } = verdicts;
  const createdAt = Math.min(...children.map((child) => child.createdAt)) as EpochMs;
  const endedAt = Math.max(...children.map((child) => child.endedAt ?? 0)) as EpochMs;
  const ended = succeeded === total ? 'succeeded' : succeeded > 0 ? 'partly' : 'unsuccessful';
  return compact({
    parentId,
    total,
    settled: total - pending,
    verdict: pending > 0 ? ('pending' as const) : (ended as AggregateView['verdict']),
    verdicts,
    statuses,
    createdAt: instant(createdAt),
    endedAt: pending > 0 ? undefined : instant(endedAt),
  });
}

function countBy<T extends string>(values: readonly T[]): Partial<Record<T, number>> {
  const counts: Partial<Record<T, number>> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

export function planView(plans: readonly ThingPlan[]): PlanView {
  return {
    total: plans.length,
    changes: plans.reduce((sum, { fields }) => sum + fields.filter(({ change }) => change !== 'none').length, 0),
    blocked: plans.filter(({ problems }) => problems.length > 0).length,
    offline: plans.filter(({ presence }) => presence === 'offline').length,
    things: plans.map(({ ref, version, conflicts, problems, ...plan }) =>
      compact({
        ...shadowRefView(ref),
        ...plan,
        exists: version !== undefined,
        version,
        conflicts: conflicts.map(({ command, fields }) => ({
          commandId: command.id,
          author: command.author,
          status: command.status,
          fields,
        })),
        problems: problems.map(({ code, message, at }) => compact({ code, message, at })),
      }),
    ),
  };
}

export function streamEventView(entry: TimelineEntry, ref: ShadowRef): StreamEventView {
  return { ...timelineView(entry), ...shadowRefView(ref) };
}

export function ignoreRuleView({ createdAt, expiresAt, ...rule }: IgnoreRule): IgnoreRuleView {
  return compact({ ...rule, createdAt: instant(createdAt), expiresAt: instant(expiresAt) });
}

export function thingView({ thingName, presence, shadows }: ThingReport): ThingView {
  return { thingName, presence: presenceView(presence), shadows: shadows.map(shadowRefView) };
}

export function shadowRefView(ref: ShadowRef): ShadowRefView {
  return { ...ref, shadow: shadowKey(ref) };
}

function presenceView({ state, since, source, detail, lastTrafficAt }: Presence): PresenceView {
  return compact({ state, since: instant(since), source, detail, lastTrafficAt: instant(lastTrafficAt) });
}

function instant(at: EpochMs): string;
function instant(at: EpochMs | undefined): string | undefined;
function instant(at: EpochMs | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Members that are undefined are left out, for readers and for exact optional types alike. */
function compact<T extends object>(object: T): Compact<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Compact<T>;
}
