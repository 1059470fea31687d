import { z } from 'zod';
import { problem } from '../../src/core/problem.ts';
import { fail, ok, type Result } from '../../src/core/result.ts';
import type { ShadowRules } from '../../src/core/shadow/limits.ts';

const schema = z
  .strictObject({
    documentBytesMax: z.number().int().min(1).max(1_048_576),
    depthMax: z.number().int().min(1).max(64),
    clientTokenBytesMax: z.number().int().min(1).max(1_024),
    arraysAreLevels: z.boolean(),
    nullInArrayObjects: z.enum(['refuse', 'store']),
    versionOfMissing: z.union([z.literal(0), z.literal(1)]),
    nullVersion: z.enum(['refuse', 'ignore']),
    allNullObject: z.enum(['omit', 'empty']),
    recreatedAt: z.enum(['V+2', 'V+1']),
    tombstoneSeconds: z.number().int().min(0),
    brokenUtf8: z.union([z.literal(415), z.literal(400)]),
  })
  .partial();

/** A `--rules` file: any of the rules by name; what is left out is as on AWS. */
export function parseRules(input: unknown): Result<Partial<ShadowRules>> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const at = `/${issue?.path.join('/') ?? ''}`;
    return fail(problem('invalid_config', `a rule is wrong: ${issue?.message ?? ''}`, { at }));
  }
  return ok(Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== undefined)));
}
