import { z } from 'zod';
import type { Job, Reply } from '../core/direct/device-state.ts';
import type { JsonObject } from '../core/json/json.ts';
import { directRequestSchema, directResponseSchema } from './direct-messages.ts';
import type { DirectRequest } from '../core/direct/messages.ts';
import { epochMs } from '../core/brand.ts';

/**
 * What the device journals of its direct commands: a record per id, which is a job first and then the answer, and one per
 * key of a sequence. Instants are service time, so they mean the same after a restart.
 */

const COMMAND = 'direct:';
const SEQUENCE = 'direct-sequence:';

export const directKey = (id: string): string => `${COMMAND}${id}`;
export const sequenceKey = (key: string): string => `${SEQUENCE}${key}`;
/** Whether a key of the journal is one of these records. */
export const isDirectKey = (key: string): boolean => key.startsWith(COMMAND) || key.startsWith(SEQUENCE);

const jobSchema = z.object({
  phase: z.enum(['held', 'running']),
  request: directRequestSchema,
  again: z.literal(true).exactOptional(),
  cancelled: z.literal(true).exactOptional(),
});
const replySchema = z.object({
  phase: z.literal('done'),
  name: z.string(),
  expiresAt: z.number(),
  response: directResponseSchema,
  published: z.boolean(),
});
const sequenceSchema = z.object({ done: z.int().min(0) });

export function jobAsJson({ phase, request, again, cancelled }: Job): JsonObject {
  return {
    phase,
    request: { ...request } as unknown as JsonObject,
    ...(again === undefined ? {} : { again }),
    ...(cancelled === undefined ? {} : { cancelled }),
  };
}

export function replyAsJson({ name, expiresAt, response }: Reply, published: boolean): JsonObject {
  return { phase: 'done', name, expiresAt, response: { ...response } as unknown as JsonObject, published };
}

export const sequenceAsJson = (done: number): JsonObject => ({ done });

export interface DirectRecords {
  readonly jobs: readonly Job[];
  readonly replies: readonly (Reply & { readonly published: boolean })[];
  readonly sequences: ReadonlyMap<string, number>;
  /** Keys whose own record is behind: only an answer, which is let go sooner, names their last number. */
  readonly behind: readonly string[];
  /** Records of no known form. */
  readonly unknown: number;
}

/** What the journal holds of direct commands, in the order it was first written. */
export function parseDirectRecords(records: ReadonlyMap<string, JsonObject>): DirectRecords {
  const jobs: Job[] = [];
  const replies: (Reply & { published: boolean })[] = [];
  const sequences = new Map<string, number>();
  const recorded = new Map<string, number>();
  let unknown = 0;
  const atLeast = (key: string, done: number): void => void sequences.set(key, Math.max(done, sequences.get(key) ?? 0));
  for (const [key, record] of records) {
    if (key.startsWith(SEQUENCE)) {
      const sequence = sequenceSchema.safeParse(record);
      if (sequence.success) {
        recorded.set(key.slice(SEQUENCE.length), sequence.data.done);
        atLeast(key.slice(SEQUENCE.length), sequence.data.done);
      } else unknown += 1;
    } else if (key.startsWith(COMMAND)) {
      const job = jobSchema.safeParse(record);
      const reply = job.success ? undefined : replySchema.safeParse(record);
      if (job.success) jobs.push({ ...job.data, request: job.data.request as DirectRequest });
      else if (reply?.success === true) {
        replies.push({ ...reply.data, expiresAt: epochMs(reply.data.expiresAt) });
        const { sequence } = reply.data.response;
        if (sequence !== undefined && sequence.number > 0) atLeast(sequence.key, sequence.number);
      } else unknown += 1;
    }
  }
  const behind = [...sequences].flatMap(([key, done]) => (recorded.get(key) === done ? [] : [key]));
  return { jobs, replies, sequences, behind, unknown };
}
