import { z } from 'zod';
import type {
  CommandDetailView,
  CommandFieldView,
  CommandView,
  ExplanationView,
  ShadowCommandView,
  TimelineEntryView,
} from '../views/command.ts';
import { anyCommandMembers } from './any-command.ts';
import { directCommand, directMembers } from './direct.ts';
import { count, instant, json, jsonObject, pointer, shadowRefMembers, text, uuid } from './parts.ts';
import { status } from './statuses.ts';

const successor = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('command'), commandId: z.custom<never>().meta({ type: 'string', format: 'uuid' }) }),
  z.strictObject({ kind: z.literal('foreign'), version: count, clientToken: text.exactOptional() }),
  z.strictObject({ kind: z.literal('deleted') }),
  z.strictObject({ kind: z.literal('unknown'), version: count }),
]);

const OUTCOMES = [
  'pending',
  'applying',
  'retrying',
  'deferred',
  'overridden',
  'confirmed',
  'refused',
  'superseded',
] as const;

const commandField = z.strictObject({
  field: pointer,
  desired: json,
  outcome: z.enum(OUTCOMES),
  code: text.exactOptional(),
  message: text.exactOptional(),
  retryAt: instant.exactOptional(),
  by: text.exactOptional(),
  until: text.exactOptional(),
  reason: text.exactOptional(),
  supersededBy: successor.exactOptional(),
}) satisfies z.ZodType<CommandFieldView>;

const commandMembers = {
  ...anyCommandMembers,
  kind: z.literal('shadow'),
  desired: jsonObject,
  fields: z.array(commandField),
  onEnd: z.enum(['restore', 'withdraw', 'keep']),
  ifVersion: count.exactOptional(),
  version: count.exactOptional(),
  versionFrom: z.enum(['accepted', 'get']).exactOptional(),
  noop: z.boolean().exactOptional(),
  endResult: z.enum(['kept', 'withdrawn', 'restored', 'not_yet']).exactOptional(),
  rollbackOf: uuid.exactOptional(),
};

const shadowCommand = z
  .strictObject(commandMembers)
  .meta({ id: 'ShadowCommand' }) satisfies z.ZodType<ShadowCommandView>;

export const command = z
  .discriminatedUnion('kind', [shadowCommand, directCommand])
  .meta({ id: 'Command' }) satisfies z.ZodType<CommandView>;

const timelineMembers = {
  sequence: count,
  commandId: uuid,
  at: instant,
  by: text,
  event: text,
  status,
  version: count.exactOptional(),
  patch: z.array(jsonObject).meta({ description: 'what changed in the command, as a JSON Patch (RFC 6902)' }),
  detail: jsonObject.exactOptional(),
};

export const timelineEntry = z
  .strictObject(timelineMembers)
  .meta({ id: 'TimelineEntry' }) satisfies z.ZodType<TimelineEntryView>;

export const commandDetail = z
  .discriminatedUnion('kind', [
    z.strictObject({ ...commandMembers, timeline: z.array(timelineEntry) }),
    z.strictObject({ ...directMembers, timeline: z.array(timelineEntry) }),
  ])
  .meta({ id: 'CommandDetail' }) satisfies z.ZodType<CommandDetailView>;

export const explanation = z
  .strictObject({
    commandId: uuid,
    status,
    code: text,
    words: text,
    field: pointer.exactOptional(),
    since: instant.exactOptional(),
    nextAttemptAt: instant.exactOptional(),
    settleBy: instant.exactOptional(),
    detail: jsonObject.exactOptional(),
  })
  .meta({ id: 'Explanation' }) satisfies z.ZodType<ExplanationView>;

export const streamEvent = z
  .strictObject({ ...timelineMembers, ...shadowRefMembers })
  .meta({ id: 'StreamEvent', description: 'the `data` of one event of the stream' });
