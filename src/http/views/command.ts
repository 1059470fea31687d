import type { Explanation } from '../../cloud/cloud.ts';
import {
  type Command,
  type CommandField,
  type CommandStatus,
  type EndResult,
  type OnEnd,
  type Successor,
  type TimelineEntry,
  VERDICT_OF,
} from '../../core/command/command.ts';
import type { AnyCommand } from '../../core/direct/direct-command.ts';
import type { JsonObject, JsonValue } from '../../core/json/json.ts';
import type { ShadowRef } from '../../core/shadow/shadow-ref.ts';
import type { AnyCommandView } from './any-command.ts';
import { type DirectCommandView, directCommandView } from './direct.ts';
import { compact, instant, type ShadowRefView, shadowRefView } from './parts.ts';

export type CommandView = ShadowCommandView | DirectCommandView;

export interface ShadowCommandView extends AnyCommandView {
  readonly kind: 'shadow';
  readonly desired: JsonObject;
  readonly fields: readonly CommandFieldView[];
  readonly onEnd: OnEnd;
  readonly ifVersion?: number;
  readonly version?: number;
  readonly versionFrom?: 'accepted' | 'get';
  readonly noop?: boolean;
  readonly endResult?: EndResult;
  readonly rollbackOf?: string;
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

export type CommandDetailView = CommandView & { readonly timeline: readonly TimelineEntryView[] };

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

/** The data of one event of the stream. */
export interface StreamEventView extends TimelineEntryView, ShadowRefView {}

export function commandView(command: AnyCommand): CommandView {
  return command.kind === 'direct' ? directCommandView(command) : shadowCommandView(command);
}

/** In a list, where a log of 100 KB is nothing anybody reads. */
export function listedCommandView(command: AnyCommand): CommandView {
  const view = commandView(command);
  if (view.kind === 'shadow' || view.result === undefined) return view;
  const { result: _, ...rest } = view;
  return rest;
}

function shadowCommandView(command: Command): ShadowCommandView {
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

export function explanationView(explanation: Explanation): ExplanationView {
  return compact({
    ...explanation,
    since: instant(explanation.since),
    nextAttemptAt: instant(explanation.nextAttemptAt),
    settleBy: instant(explanation.settleBy),
  });
}

export function streamEventView(entry: TimelineEntry, ref: ShadowRef): StreamEventView {
  return { ...timelineView(entry), ...shadowRefView(ref) };
}
