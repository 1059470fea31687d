import { z } from 'zod';
import type { Model } from '../core/model/model.ts';
import { NO_MODEL } from '../core/model/model.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { JsonValue } from '../core/json/json.ts';
import { directTopics, directTopicTemplates, type DirectTopicTemplates } from './direct-topics.ts';
import { missingSaid } from './missing.ts';

/**
 * The server's configuration file: which model holds for which shadows, and which things make up a group.
 *
 * ```json
 * { "models": [ { "things": "*-heater", "model": "models/heater.json" },
 *               { "things": "lobby-*", "shadow": "light", "model": "models/bulb.json" } ],
 *   "groups": { "doors": ["door-*", "gate-1"] } }
 * ```
 *
 * The first rule that fits holds. `things` is a thing name in which `*` stands for any characters; `shadow` is a shadow
 * name, absent for the classic shadow. A group's members are the things it names, and those its patterns find among the
 * things that the server knows. Where no rule fits, nothing is checked and values compare as plain JSON.
 */
export interface ServerConfig {
  readonly models: readonly ModelMapping[];
  /** Thing names, in which `*` stands for any characters, by the name of the group. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Where the fleet has other topics for direct commands than `cmd/{thing}/req` and so on. */
  readonly commandTopics?: DirectTopicTemplates | undefined;
}

export interface ModelMapping {
  readonly things: string;
  readonly shadow?: string | undefined;
  /** A JSON Schema file, relative to the configuration file. */
  readonly model: string;
}

const things = z.string().regex(/^[a-zA-Z0-9:_*-]{1,128}$/, 'a thing name, in which * stands for any characters');

const modelMapping = z.strictObject({
  things,
  shadow: z
    .string()
    .regex(/^[$a-zA-Z0-9:_-]{1,64}$/, 'a shadow name; leave it out for the classic shadow')
    .optional(),
  model: z.string().min(1).max(1_024),
});

const groupName = z.string().regex(/^[a-zA-Z0-9:_-]{1,128}$/, 'a group name has the characters of a thing name');
const serverConfig = z.strictObject({
  models: z.array(modelMapping).max(1_000).default([]),
  groups: z.record(groupName, z.array(things).min(1).max(10_000)).default({}),
  commandTopics: directTopicTemplates.optional(),
});

/** Errors   `invalid_config` with the JSON Pointer of the first place that is wrong. */
export function parseServerConfig(value: JsonValue): Result<ServerConfig> {
  const read = serverConfig.safeParse(value, missingSaid);
  if (read.success) {
    const topics = directTopics(read.data.commandTopics);
    return topics.ok ? ok(read.data) : fail({ ...topics.problem, at: `/commandTopics${topics.problem.at ?? ''}` });
  }
  const [issue] = read.error.issues;
  const at = `/${(issue?.path ?? []).map(String).join('/')}`;
  return fail(problem('invalid_config', `${at}: ${issue?.message ?? 'not a server configuration'}`, { at }));
}

/** The model of each shadow, from rules whose models are compiled. */
export function modelLookup(
  rules: readonly (Omit<ModelMapping, 'model'> & { readonly model: Model })[],
): (ref: ShadowRef) => Model {
  return ({ thingName, shadowName }) =>
    rules.find(({ things, shadow }) => shadow === shadowName && fits({ pattern: things, name: thingName }))?.model ??
    NO_MODEL;
}

/** Globs only, matched part by part without backtracking: user patterns never become regular expressions (attack C-21). */
function fits({ pattern, name }: { pattern: string; name: string }): boolean {
  const [first = '', ...parts] = pattern.split('*');
  if (!name.startsWith(first)) return false;
  const last = parts.pop();
  if (last === undefined) return name === first;
  let from = first.length;
  for (const part of parts) {
    const found = name.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}
