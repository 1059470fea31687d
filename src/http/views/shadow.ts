import type { ShadowExplanation, ShadowReport, ThingReport } from '../../cloud/cloud.ts';
import type { JsonObject, JsonValue } from '../../core/json/json.ts';
import type { Presence, PresenceState } from '../../core/presence/presence.ts';
import { type ExplanationView, explanationView } from './command.ts';
import { compact, instant, type ShadowRefView, shadowRefView } from './parts.ts';

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

export interface ThingView {
  readonly thingName: string;
  readonly presence: PresenceView;
  readonly shadows: readonly ShadowRefView[];
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

export function thingView({ thingName, presence, shadows }: ThingReport): ThingView {
  return { thingName, presence: presenceView(presence), shadows: shadows.map(shadowRefView) };
}

function presenceView({ state, since, source, detail, lastTrafficAt }: Presence): PresenceView {
  return compact({ state, since: instant(since), source, detail, lastTrafficAt: instant(lastTrafficAt) });
}
