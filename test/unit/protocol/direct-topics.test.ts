import { expect, test } from 'vitest';
import type { ThingName } from '../../../src/core/brand.ts';
import { DIRECT_TOPICS, directTopics, type DirectTopics } from '../../../src/protocol/direct-topics.ts';

const thing = 'door-1' as ThingName;

function topics(templates = DIRECT_TOPICS): DirectTopics {
  const read = directTopics(templates);
  if (!read.ok) throw new Error(read.problem.message);
  return read.value;
}

test('topics follow their templates', () => {
  const { request, response, group, responseFilter } = topics();
  expect([request(thing), response(thing), group('hall'), responseFilter]).toEqual([
    'cmd/door-1/req',
    'cmd/door-1/resp',
    'cmd/groups/hall/req',
    'cmd/+/resp',
  ]);
});

test.each([
  ['cmd/door-1/resp', 'door-1'],
  ['cmd/groups/resp', 'groups'],
  ['cmd//resp', undefined],
  ['cmd/a/b/resp', undefined],
  ['cmd/door-1/req', undefined],
  ['cmd/resp', undefined],
  ['xcmd/door-1/resp', undefined],
  [`cmd/${'x'.repeat(129)}/resp`, undefined],
])('the responder of %s is %s', (topic, expected) => expect(topics().responder(topic)).toBe(expected));

test('a template may have its placeholder anywhere', () => {
  const { response, responder } = topics({ ...DIRECT_TOPICS, response: '{thing}/answers' });
  expect(responder(response(thing))).toBe(thing);
});

test('a response topic may be common to all devices, and then says nothing of who answers', () => {
  const { response, responseFilter, responder, isCommon } = topics({ ...DIRECT_TOPICS, response: 'cmd/answers' });
  expect([response(thing), responseFilter, isCommon, responder('cmd/answers')]).toEqual([
    'cmd/answers',
    'cmd/answers',
    true,
    undefined,
  ]);
  expect(topics().isCommon).toBe(false);
});

test.each(['cmd/{thng}/resp', 'cmd/+/resp', 'cmd/#', '$aws/resp', 'cmd/x{thing}/resp', ''])(
  'the response template %j is refused',
  (response) => expect(directTopics({ ...DIRECT_TOPICS, response })).toMatchObject({ ok: false }),
);

test.each(['cmd/req', 'cmd/x{thing}/req', '{thing}/{thing}/req', 'cmd/{thing}/#', '$aws/{thing}/req', '{thing}', ''])(
  'the template %j is refused',
  (request) => expect(directTopics({ ...DIRECT_TOPICS, request })).toMatchObject({ ok: false }),
);
