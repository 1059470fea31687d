import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parseThingName } from '../core/shadow/shadow-ref.ts';
import type { ThingName } from '../core/brand.ts';

/** Where direct commands travel: templates with `{thing}` or `{group}` as one whole level. */
export interface DirectTopicTemplates {
  readonly request: string;
  /** Without `{thing}` it is common to all devices, and what is said there is unguarded. */
  readonly response: string;
  readonly group: string;
}

/** The same in a configuration file; `directTopics` says whether they are topics. */
export const directTopicTemplates = z.strictObject({ request: z.string(), response: z.string(), group: z.string() });

export const DIRECT_TOPICS: DirectTopicTemplates = {
  request: 'cmd/{thing}/req',
  response: 'cmd/{thing}/resp',
  group: 'cmd/groups/{group}/req',
};

export interface DirectTopics {
  readonly request: (thingName: ThingName) => string;
  readonly response: (thingName: ThingName) => string;
  readonly group: (group: string) => string;
  /** What whoever sends requests subscribes to. */
  readonly responseFilter: string;
  /**
   * All devices answer on one topic: whose answer it is, only the id of the command says, and whoever may publish there
   * can answer for another one.
   */
  readonly isCommon: boolean;
  /**
   * Whose response it is: by the topic alone, since that is what a policy can guard. Undefined: no response topic, or a
   * common one.
   */
  readonly responder: (topic: string) => ThingName | undefined;
}

/** Errors   `invalid_config`, `at` its member, for a template that lacks its placeholder, repeats it, or is no topic. */
export function directTopics(templates: DirectTopicTemplates = DIRECT_TOPICS): Result<DirectTopics> {
  const request = template(templates, 'request', '{thing}');
  if (!request.ok) return request;
  const isCommon = isPlainTopic(templates.response);
  const response = isCommon ? ok(commonTopic(templates.response)) : template(templates, 'response', '{thing}');
  if (!response.ok) return response;
  const group = template(templates, 'group', '{group}');
  if (!group.ok) return group;
  return ok({
    request: request.value.fill,
    response: response.value.fill,
    group: group.value.fill,
    responseFilter: response.value.fill('+'),
    isCommon,
    responder: (topic) => {
      const text = response.value.read(topic);
      const thingName = text === undefined ? undefined : parseThingName(text);
      return thingName?.ok === true ? thingName.value : undefined;
    },
  });
}

/** The topics of the mission. */
export function defaultDirectTopics(): DirectTopics {
  const topics = directTopics();
  assert(topics.ok, 'our own templates are topics');
  return topics.value;
}

/** A group is named like a thing: its name is a level of a topic. */
export function parseGroupName(text: string): Result<string> {
  return parseThingName(text).ok
    ? ok(text)
    : fail(problem('invalid_request', 'a group name has 1 to 128 of the characters a-z A-Z 0-9 : _ -'));
}

interface Template {
  readonly fill: (name: string) => string;
  readonly read: (topic: string) => string | undefined;
}

function commonTopic(topic: string): Template {
  return { fill: () => topic, read: () => undefined };
}

/** No wildcard, no placeholder (a misspelt one neither), and none of the broker's own. */
function isPlainTopic(text: string): boolean {
  return /^[^$+#\0{}][^+#\0{}]*$/.test(text) && text.length <= TEMPLATE_LENGTH_MAX;
}

function template(
  templates: DirectTopicTemplates,
  member: keyof DirectTopicTemplates,
  placeholder: string,
): Result<Template> {
  const text = templates[member];
  const levels = text.split('/');
  const at = levels.indexOf(placeholder);
  const others = levels.filter((_, index) => index !== at);
  if (at < 0 || !isPlainTopic(others.join('/')) || text.length > TEMPLATE_LENGTH_MAX) {
    const why = `${text.slice(0, 64)}: a topic with the level ${placeholder} once and no wildcards is needed`;
    return fail(problem('invalid_config', why, { at: `/${member}` }));
  }
  const before = levels.slice(0, at).map((level) => `${level}/`);
  const after = levels.slice(at + 1).map((level) => `/${level}`);
  const [head, tail] = [before.join(''), after.join('')];
  return ok({
    fill: (name) => `${head}${name}${tail}`,
    read: (topic) => {
      if (!topic.startsWith(head) || !topic.endsWith(tail) || topic.length <= head.length + tail.length) {
        return undefined;
      }
      return topic.slice(head.length, topic.length - tail.length);
    },
  });
}

/** With a name of 128 it stays within the 256 bytes that AWS takes. */
const TEMPLATE_LENGTH_MAX = 128;
