import { z } from 'zod';
import type { DirectCommandView, GroupSentView, GroupView } from '../views/direct.ts';
import { anyCommandMembers } from './any-command.ts';
import { count, json, jsonObject, text, uuid } from './parts.ts';

export const directMembers = {
  ...anyCommandMembers,
  kind: z.literal('direct'),
  name: text,
  args: jsonObject,
  sequence: z.strictObject({ key: text, number: count }).exactOptional(),
  group: text.exactOptional(),
  attempts: count.meta({ description: 'how often its request was sent' }),
  progress: z
    .strictObject({ percent: z.number().exactOptional(), code: text.exactOptional(), text: text.exactOptional() })
    .exactOptional(),
  result: json.exactOptional().meta({ description: 'what it was for, up to 100 KB; lists leave it out' }),
  problem: z.strictObject({ code: text, message: text }).exactOptional(),
  state: jsonObject.exactOptional().meta({ description: 'how the device was when it answered' }),
  cancelAskedBy: text.exactOptional(),
  lateAnswer: z.enum(['succeeded', 'failed', 'rejected']).exactOptional(),
  unguarded: z.literal(true).exactOptional().meta({
    description: 'answers came over a topic that all devices share: any of them may have given them',
  }),
};

export const directCommand = z
  .strictObject(directMembers)
  .meta({ id: 'DirectCommand' }) satisfies z.ZodType<DirectCommandView>;

export const groupSent = z
  .strictObject({ parentId: uuid, group: text, total: count })
  .meta({ id: 'GroupSent' }) satisfies z.ZodType<GroupSentView>;

export const groups = z
  .strictObject({ items: z.array(z.strictObject({ group: text, things: z.array(text) })) })
  .meta({ id: 'Groups' }) satisfies z.ZodType<{ items: readonly GroupView[] }>;
