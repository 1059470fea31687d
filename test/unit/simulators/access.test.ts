import { describe, expect, test } from 'vitest';
import { parsePolicyRules } from '../../../simulators/access/access.ts';
import { isAllowed, parsePolicy, type AccessRequest, type Policy } from '../../../simulators/access/policy.ts';

function policy(...statements: object[]): Policy {
  const parsed = parsePolicy({ Version: '2012-10-17', Statement: statements });
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
}

const allow = (action: string | string[], resource: string | string[], more: object = {}) => ({
  Effect: 'Allow',
  Action: action,
  Resource: resource,
  ...more,
});
const deny = (action: string, resource: string) => ({ Effect: 'Deny', Action: action, Resource: resource });
const publish = (topic: string, variables: Record<string, string> = {}): AccessRequest => ({
  action: 'iot:Publish',
  resource: `topic/${topic}`,
  variables,
});

const ARN = 'arn:aws:iot:us-east-1:123456789012:';
const THING = 'iot:Connection.Thing.ThingName';

describe('a policy', () => {
  test.each<[string, Policy, AccessRequest, boolean]>([
    ['denies what nothing allows', policy(), publish('a'), false],
    ['allows what a statement names', policy(allow('iot:Publish', `${ARN}topic/a`)), publish('a'), true],
    ['does not allow another topic', policy(allow('iot:Publish', `${ARN}topic/a`)), publish('b'), false],
    ['does not allow another action', policy(allow('iot:Receive', `${ARN}topic/a`)), publish('a'), false],
    ['takes lists', policy(allow(['iot:Receive', 'iot:Publish'], ['x', `${ARN}topic/a`])), publish('a'), true],
    ['takes a star for all', policy(allow('*', '*')), publish('a/b'), true],
    ['takes a star in the action', policy(allow('iot:*', '*')), publish('a/b'), true],
    ['lets a star stand for slashes too', policy(allow('iot:Publish', 'topic/a/*/d')), publish('a/b/c/d'), true],
    ['lets ? stand for one character', policy(allow('iot:Publish', 'topic/a?c')), publish('abc'), true],
    ['lets ? stand for no more than one', policy(allow('iot:Publish', 'topic/a?c')), publish('abbc'), false],
    ['takes dots and dollars as they are', policy(allow('iot:Publish', 'topic/$aws/a.b')), publish('$aws/a.b'), true],
    ['does not take a dot for any character', policy(allow('iot:Publish', 'topic/a.b')), publish('axb'), false],
    [
      'lets deny win, whatever the order',
      policy(deny('iot:Publish', 'topic/secret/*'), allow('*', '*')),
      publish('secret/x'),
      false,
    ],
    [
      'fills in the thing',
      policy(allow('iot:Publish', 'topic/$aws/things/${iot:Connection.Thing.ThingName}/shadow/*')),
      publish('$aws/things/heater/shadow/update', { [THING]: 'heater' }),
      true,
    ],
    [
      'does not fill in another thing',
      policy(allow('iot:Publish', 'topic/${iot:Connection.Thing.ThingName}')),
      publish('pump', { [THING]: 'heater' }),
      false,
    ],
    [
      'matches nothing with a variable that has no value',
      policy(allow('iot:Publish', 'topic/${iot:Connection.Thing.ThingName}*')),
      publish('anything'),
      false,
    ],
    [
      'takes a wildcard in a variable as a plain character',
      policy(allow('iot:Publish', 'topic/${iot:ClientId}')),
      publish('abc', { 'iot:ClientId': 'a*' }),
      false,
    ],
    [
      'asks its condition',
      policy(allow('iot:Publish', '*', { Condition: { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } } })),
      publish('a', { 'iot:Connection.Thing.IsAttached': 'false' }),
      false,
    ],
    [
      'allows where its conditions hold',
      policy(allow('iot:Publish', '*', { Condition: { StringLike: { 'iot:ClientId': 'lab-*' } } })),
      publish('a', { 'iot:ClientId': 'lab-7' }),
      true,
    ],
  ])('%s', (_title, given, request, expected) => {
    expect(isAllowed([given], request)).toBe(expected);
  });

  test('denies over several policies', () => {
    expect(isAllowed([policy(allow('*', '*')), policy(deny('iot:Publish', 'topic/a'))], publish('a'))).toBe(false);
  });

  test.each([
    [null],
    [{}],
    [{ Statement: [{ Effect: 'allow', Action: '*', Resource: '*' }] }],
    [{ Statement: [{ Effect: 'Allow', NotAction: '*', Resource: '*' }] }],
    [{ Statement: [allow('*', '*', { Condition: { DateLessThan: { 'aws:CurrentTime': '2030' } } })] }],
  ])('%j is refused rather than half understood', (input) => {
    expect(parsePolicy(input)).toMatchObject({ ok: false, problem: { code: 'invalid_config' } });
  });
});

describe('a device with direct commands', () => {
  const ITS = '${iot:Connection.Thing.ThingName}';
  const GROUP = '${iot:Connection.Thing.Attributes[group]}';
  const given = [
    policy(
      allow('iot:Publish', `${ARN}topic/cmd/${ITS}/resp`),
      allow('iot:Subscribe', [`${ARN}topicfilter/cmd/${ITS}/req`, `${ARN}topicfilter/cmd/groups/${GROUP}/req`]),
      allow('iot:Receive', [`${ARN}topic/cmd/${ITS}/req`, `${ARN}topic/cmd/groups/${GROUP}/req`]),
    ),
  ];
  const heater = { [THING]: 'heater', 'iot:Connection.Thing.Attributes[group]': 'floor-1' };

  test.each<[AccessRequest['action'], string, boolean]>([
    ['iot:Publish', 'topic/cmd/heater/resp', true],
    ['iot:Publish', 'topic/cmd/pump/resp', false],
    ['iot:Publish', 'topic/cmd/heater/req', false],
    ['iot:Publish', 'topic/cmd/groups/floor-1/req', false],
    ['iot:Subscribe', 'topicfilter/cmd/heater/req', true],
    ['iot:Subscribe', 'topicfilter/cmd/groups/floor-1/req', true],
    ['iot:Subscribe', 'topicfilter/cmd/groups/floor-2/req', false],
    ['iot:Subscribe', 'topicfilter/cmd/groups/+/req', false],
    ['iot:Subscribe', 'topicfilter/cmd/+/req', false],
    ['iot:Subscribe', 'topicfilter/cmd/heater/resp', false],
    ['iot:Subscribe', 'topicfilter/cmd/#', false],
    ['iot:Receive', 'topic/cmd/heater/req', true],
    ['iot:Receive', 'topic/cmd/groups/floor-1/req', true],
    ['iot:Receive', 'topic/cmd/groups/floor-2/req', false],
    ['iot:Receive', 'topic/cmd/pump/req', false],
  ])('%s of %s: %s', (action, resource, expected) => {
    expect(isAllowed(given, { action, resource, variables: heater })).toBe(expected);
  });

  test('hears no group as long as it has none', () => {
    const request: AccessRequest = {
      action: 'iot:Receive',
      resource: 'topic/cmd/groups//req',
      variables: { [THING]: 'heater' },
    };
    expect(isAllowed(given, request)).toBe(false);
  });
});

test('a policy file gives a thing its attributes, with or without policies of its own', () => {
  const attributes = { group: 'floor-1' };
  expect(parsePolicyRules([{ certificate: 'heater', attributes }])).toEqual({
    ok: true,
    value: [{ certificate: 'heater', attributes }],
  });
});

test('a policy file names certificates', () => {
  expect(parsePolicyRules([{ certificate: 'heater', policies: [{ Statement: allow('*', '*') }] }]).ok).toBe(true);
  expect(parsePolicyRules([{ certificate: 'heater', policies: [{}] }])).toMatchObject({
    ok: false,
    problem: { code: 'invalid_config', at: expect.stringMatching(/^heater/) as string },
  });
});
