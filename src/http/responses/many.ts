import { z } from 'zod';
import { type CommandStatus, VERDICT_OF } from '../../core/command/command.ts';
import type { AggregateView, FanOutView, PlanView } from '../views/many.ts';
import { command } from './command.ts';
import { count, counts, instant, json, pointer, problemInList, shadowRefMembers, text, uuid } from './parts.ts';
import { status } from './statuses.ts';

const statusCounts = counts(Object.keys(VERDICT_OF) as CommandStatus[]);
const verdictCounts = counts([...new Set(Object.values(VERDICT_OF))]);

export const aggregate = z
  .strictObject({
    parentId: uuid,
    total: count,
    settled: count,
    verdict: z.enum(['pending', 'succeeded', 'partly', 'unsuccessful']),
    verdicts: verdictCounts,
    statuses: statusCounts,
    createdAt: instant,
    endedAt: instant.exactOptional(),
  })
  .meta({ id: 'Aggregate' }) satisfies z.ZodType<AggregateView>;

export const fanOut = z
  .strictObject({
    parentId: uuid,
    total: count,
    commands: z.array(command),
  })
  .meta({ id: 'FanOut' }) satisfies z.ZodType<FanOutView>;

export const plan = z
  .strictObject({
    total: count,
    changes: count.meta({ description: 'fields that would change, all things together' }),
    blocked: count.meta({ description: 'things for which the command would be refused' }),
    offline: count,
    things: z.array(
      z.strictObject({
        ...shadowRefMembers,
        exists: z.boolean(),
        version: count.exactOptional(),
        presence: z.enum(['online', 'offline', 'unknown']),
        fields: z.array(
          z.strictObject({
            field: pointer,
            change: z.enum(['add', 'change', 'remove', 'none']),
            from: json.exactOptional(),
            to: json.exactOptional(),
            reported: json.exactOptional(),
          }),
        ),
        conflicts: z.array(z.strictObject({ commandId: uuid, author: text, status, fields: z.array(pointer) })),
        problems: z.array(problemInList),
        bytes: count,
        bytesMax: count,
      }),
    ),
  })
  .meta({ id: 'Plan' }) satisfies z.ZodType<PlanView>;
