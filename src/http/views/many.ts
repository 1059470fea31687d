import type { EpochMs } from '../../core/brand.ts';
import { type CommandStatus, type Verdict, VERDICT_OF } from '../../core/command/command.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import type { JsonValue } from '../../core/json/json.ts';
import type { ThingPlan } from '../../core/plan/plan.ts';
import type { PresenceState } from '../../core/presence/presence.ts';
import type { CommandView } from './command.ts';
import { compact, countBy, instant, type ProblemView, type ShadowRefView, shadowRefView } from './parts.ts';

/** One request for many things: a command each. */
export interface FanOutView {
  readonly parentId: string;
  readonly total: number;
  readonly commands: readonly CommandView[];
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

export function aggregateView(parentId: string, children: readonly AnyCommand[]): AggregateView {
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
