import { z } from 'zod';
import { parsePointer } from '../core/json/json-pointer.ts';
import type { FieldPointer } from '../core/brand.ts';
import { isJsonObject, type JsonObject } from '../core/json/json.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parseShadowName, parseThingName } from '../core/shadow/shadow-ref.ts';
import { directTopics, directTopicTemplates, parseGroupName } from './direct-topics.ts';
import { parseJsonText } from './json-text.ts';
import { missingSaid } from './missing.ts';

/** The configuration file of `shadowctl agent`. Paths are relative to the file. */

function checked<T>(parse: (text: string) => Result<T>) {
  return z.string().transform((text, context): T => {
    const parsed = parse(text);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.problem.message });
    return z.NEVER;
  });
}

const pointer = checked<FieldPointer>(parsePointer);
const program = z.array(z.string().min(1)).min(1);

const adapterSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('json-file'),
    name: z.string().min(1).max(64).optional(),
    file: z.string().min(1),
    /** Field of the shadow → place in the file. */
    fields: z.record(z.string(), pointer),
  }),
  z.strictObject({
    type: z.literal('exec'),
    name: z.string().min(1).max(64).optional(),
    field: pointer,
    read: program,
    apply: program,
    timeoutMs: z.number().int().min(10).max(3_600_000).default(10_000),
  }),
]);

const commandSchema = z.strictObject({
  name: z.string(),
  run: program,
  /** A JSON Schema of the arguments. */
  args: z.custom<JsonObject>((value) => isJsonObject(value), 'an object is expected').optional(),
  idempotent: z.boolean().default(false),
  timeoutMs: z.number().int().min(10).max(86_400_000).default(60_000),
});

const limitsSchema = z.strictObject({
  pollMs: z.number().int().min(100).optional(),
  readTimeoutMs: z.number().int().min(10).optional(),
  applyTimeoutMs: z.number().int().min(10).optional(),
  slowMs: z.number().int().min(10).optional(),
  attemptsMax: z.number().int().min(1).optional(),
  retryBaseMs: z.number().int().min(1).optional(),
  retryCapMs: z.number().int().min(1).optional(),
  crashesMax: z.number().int().min(1).optional(),
  leaseMs: z.number().int().min(1).optional(),
  resyncMs: z.number().int().min(1_000).optional(),
  documentBytesMax: z.number().int().min(512).optional(),
});

const configSchema = z.strictObject({
  $schema: z.string().optional(),
  thing: checked(parseThingName),
  mqtt: z.strictObject({
    url: z.string(),
    clientId: z.string().optional(),
    protocol: z.enum(['mqtt5', 'mqtt311']).optional(),
    ca: z.string().optional(),
    cert: z.string().optional(),
    key: z.string().optional(),
    username: z.string().optional(),
    password: z.string().optional(),
    keepAliveSeconds: z.number().optional(),
  }),
  /** Where the journal lives. */
  stateDir: z.string().min(1),
  shadows: z
    .array(
      z.strictObject({
        /** A named shadow; absent means the classic one. */
        shadow: checked(parseShadowName).optional(),
        model: z.string().min(1).optional(),
        adapters: z.array(adapterSchema).min(1),
      }),
    )
    .min(1),
  /** Direct commands, each carried out by a program. */
  commands: z.array(commandSchema).optional(),
  /** Groups whose direct commands are taken. */
  groups: z.array(checked(parseGroupName)).max(32).optional(),
  /** Where the fleet has other topics for direct commands. */
  commandTopics: directTopicTemplates.optional(),
  limits: limitsSchema.optional(),
});

export type AgentCommandConfig = z.infer<typeof commandSchema>;
export type AgentConfig = z.infer<typeof configSchema>;
export type AgentAdapterConfig = z.infer<typeof adapterSchema>;

/** Errors   `invalid_json`, or `invalid_config` with the place as a JSON Pointer. */
export function parseAgentConfig(text: string): Result<AgentConfig> {
  const parsed = parseJsonText(text);
  if (!parsed.ok) return parsed;
  const config = configSchema.safeParse(parsed.value, missingSaid);
  if (config.success) {
    const topics = directTopics(config.data.commandTopics);
    return topics.ok ? ok(config.data) : fail({ ...topics.problem, at: `/commandTopics${topics.problem.at ?? ''}` });
  }
  const [issue] = config.error.issues;
  const at = `/${(issue?.path ?? []).map(String).join('/')}`;
  return fail(problem('invalid_config', issue?.message ?? 'the configuration is not understood', { at }));
}
