/** `shadowctl/client`: what an app backend needs, and nothing of the server. */
export { createClient } from './client.ts';
export type { ClientOptions, ShadowctlClient } from './client.ts';
export { ShadowctlError } from './error.ts';
export type { EventsOptions } from './events.ts';
export type * from './types.ts';
export type { ProblemCode } from '../core/problem.ts';
export type { CommandStatus, Verdict } from '../core/command/command.ts';
export type {
  CommandDetailView,
  CommandFieldView,
  CommandView,
  ExplanationView,
  ShadowCommandView,
  TimelineEntryView,
} from '../http/views/command.ts';
export type { DirectCommandView, GroupSentView } from '../http/views/direct.ts';
export type { DirectProgress } from '../core/direct/messages.ts';
export type { DriftPageView, DriftView, IgnoreRuleView } from '../http/views/drift.ts';
export type { AggregateView, FanOutView, PlanView, ThingPlanView } from '../http/views/many.ts';
export type { PageView } from '../http/views/parts.ts';
export type { FieldView, PresenceView, ShadowExplanationView, ShadowView, ThingView } from '../http/views/shadow.ts';
