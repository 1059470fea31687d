/** `shadowctl/client`: what an app backend needs, and nothing of the server. */
export { createClient, ShadowctlError } from './client.ts';
export type {
  ActOptions,
  CallOptions,
  ClientOptions,
  CommandsFilter,
  DriftFilter,
  PendingCommand,
  SetDesiredOptions,
  Shadow,
  ShadowctlClient,
} from './client.ts';
export type { ProblemCode } from '../core/problem.ts';
export type { CommandStatus, Verdict } from '../core/command/command.ts';
export type {
  CommandDetailView,
  CommandFieldView,
  CommandView,
  ExplanationView,
  TimelineEntryView,
} from '../http/views/command.ts';
export type { DriftView } from '../http/views/drift.ts';
export type { FieldView, PresenceView, ShadowExplanationView, ShadowView, ThingView } from '../http/views/shadow.ts';
export type { PageView } from '../http/views/parts.ts';
