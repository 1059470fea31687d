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
  DriftView,
  ExplanationView,
  FieldView,
  PageView,
  PresenceView,
  ShadowExplanationView,
  ShadowView,
  ThingView,
  TimelineEntryView,
} from '../http/views.ts';
