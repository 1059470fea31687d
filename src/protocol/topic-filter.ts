import { problem, type Problem } from '../core/problem.ts';

/** AWS IoT refuses longer topics and filters by closing the connection; so does everything here, beforehand. */
export const TOPIC_BYTES_MAX = 256;

/**
 * What is wrong with a topic to publish on, if anything: empty, too long, wildcards, control characters, text that is
 * no UTF-8. A client library that meets these writes half a packet or takes the whole connection down.
 */
export function topicProblem(topic: string): Problem | undefined {
  return /[+#]/.test(topic) ? invalid(topic, 'a topic holds no wildcards') : textProblem(topic);
}

/**
 * What is wrong with a topic filter, if anything. `+` stands alone in its level, `#` alone in the last one.
 *
 * Source   MQTT 5, sections 4.7.1 and 4.7.3.
 */
export function filterProblem(filter: string): Problem | undefined {
  const levels = filter.split('/');
  const misplaced = levels.some(
    (level, at) => (/[+#]/.test(level) && level.length > 1) || (level === '#' && at < levels.length - 1),
  );
  return misplaced
    ? invalid(filter, 'in a topic filter + stands alone in its level and # alone in the last one')
    : textProblem(filter);
}

/**
 * Whether a message on `topic` reaches a subscription to `filter`.
 *
 * `#` also matches the parent level; wildcards in the first level match no topic that starts with `$`.
 *
 * Source   MQTT 5, section 4.7.
 */
export function filterMatches(filter: string, topic: string): boolean {
  return topicMatcher(filter)(topic);
}

/** `filterMatches` with the filter taken apart once, for those who ask again and again. */
export function topicMatcher(filter: string): (topic: string) => boolean {
  return /[+#]/.test(filter) ? wildMatcher(filter) : (topic) => topic === filter;
}

/** Apart, so that a matcher without wildcards does not hold the levels: a process may have 25,000 of them. */
function wildMatcher(filter: string): (topic: string) => boolean {
  const levels = filter.split('/');
  const first = levels[0];
  const hidesDollar = first === '+' || first === '#';
  return (topic) => (hidesDollar && topic.startsWith('$') ? false : levelsMatch(levels, topic));
}

function levelsMatch(levels: readonly string[], topic: string): boolean {
  let start = 0;
  for (const level of levels) {
    if (level === '#') return true; // the levels before it matched
    if (start > topic.length) return false; // the topic ended earlier
    const slash = topic.indexOf('/', start);
    const end = slash < 0 ? topic.length : slash;
    if (level !== '+' && (level.length !== end - start || !topic.startsWith(level, start))) return false;
    start = end + 1;
  }
  return start > topic.length;
}

function textProblem(text: string): Problem | undefined {
  if (text.length === 0) return invalid(text, 'a topic is not empty');
  // A unit of UTF-16 takes at most three bytes: most topics need not be counted.
  if (text.length * 3 > TOPIC_BYTES_MAX && new TextEncoder().encode(text).length > TOPIC_BYTES_MAX) {
    return invalid(text, `a topic has at most ${TOPIC_BYTES_MAX} bytes`);
  }
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return invalid(text, 'a topic holds no control characters');
  return text.isWellFormed() ? undefined : invalid(text, 'a topic is well-formed Unicode');
}

function invalid(text: string, message: string): Problem {
  return problem('invalid_request', message, { at: text.length > 64 ? `${text.slice(0, 64)}…` : text });
}
