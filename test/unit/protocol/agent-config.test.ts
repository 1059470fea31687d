import { expect, test } from 'vitest';
import { parseAgentConfig } from '../../../src/protocol/agent-config.ts';
import { DIRECT_TOPICS } from '../../../src/protocol/direct-topics.ts';

const FILE = { type: 'json-file', file: 'settings.json', fields: { '/level': '/log/level' } };
const CONFIG = {
  thing: 'logger-7',
  mqtt: { url: 'mqtt://127.0.0.1:1883' },
  stateDir: 'state',
  shadows: [{ adapters: [FILE] }],
};

const read = (changes: object) => parseAgentConfig(JSON.stringify({ ...CONFIG, ...changes }));

test('a configuration of the agent is taken', () =>
  expect(read({ commandTopics: DIRECT_TOPICS })).toMatchObject({ ok: true }));

test.each([
  { what: 'no thing', changes: { thing: undefined }, at: '/thing', message: 'is missing; a string is expected' },
  { what: 'no URL', changes: { mqtt: {} }, at: '/mqtt/url', message: 'is missing; a string is expected' },
  {
    what: 'a topic missing',
    changes: { commandTopics: { ...DIRECT_TOPICS, group: undefined } },
    at: '/commandTopics/group',
    message: 'is missing; a string is expected',
  },
  {
    what: 'a topic without its placeholder',
    changes: { commandTopics: { ...DIRECT_TOPICS, request: 'cmd/req' } },
    at: '/commandTopics/request',
    message: expect.stringContaining('{thing}'),
  },
  {
    what: 'a thing name that is none',
    changes: { thing: 'a b' },
    at: '/thing',
    message: expect.stringContaining('128'),
  },
])('with $what it is refused at $at', ({ changes, at, message }) =>
  expect(read(changes)).toMatchObject({ ok: false, problem: { code: 'invalid_config', at, message } }),
);
