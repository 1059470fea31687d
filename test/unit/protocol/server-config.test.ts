import { describe, expect, test } from 'vitest';
import type { ShadowRef } from '../../../src/core/shadow/shadow-ref.ts';
import { NO_MODEL, type Model } from '../../../src/core/model/model.ts';
import { DIRECT_TOPICS } from '../../../src/protocol/direct-topics.ts';
import { modelLookup, parseServerConfig } from '../../../src/protocol/server-config.ts';

const ref = (thingName: string, shadowName?: string) =>
  (shadowName === undefined ? { thingName } : { thingName, shadowName }) as ShadowRef;
const model = (id: string): Model => ({ ...NO_MODEL, id });

describe('a server configuration', () => {
  test('takes mappings of things and shadows to models', () => {
    const models = [
      { things: '*-heater', model: 'heater.json' },
      { things: 'lobby-*', shadow: 'light', model: 'bulb.json' },
    ];
    expect(parseServerConfig({ models })).toEqual({ ok: true, value: { models, groups: {} } });
  });

  test('takes groups of thing names and patterns', () => {
    const groups = { doors: ['door-*', 'gate-1'] };
    expect(parseServerConfig({ groups })).toEqual({ ok: true, value: { models: [], groups } });
    expect(parseServerConfig({ groups: { 'a/b': ['door-1'] } })).toMatchObject({ ok: false });
    expect(parseServerConfig({ groups: { doors: ['door/1'] } })).toMatchObject({ ok: false });
  });

  test('takes templates for the topics of direct commands, and refuses those that are none', () => {
    const commandTopics = { request: 'fleet/{thing}/do', response: 'fleet/{thing}/did', group: 'fleet/all/{group}' };
    expect(parseServerConfig({ commandTopics })).toEqual({
      ok: true,
      value: { models: [], groups: {}, commandTopics },
    });
    for (const response of ['fleet/{thng}/did', 'fleet/+/{thing}', '{thing}/{thing}']) {
      const problem = { code: 'invalid_config', at: '/commandTopics/response' };
      expect(parseServerConfig({ commandTopics: { ...commandTopics, response } })).toMatchObject({
        ok: false,
        problem,
      });
    }
  });

  test('says of a member that is missing that it is missing, where, and what belongs there', () => {
    const { response: _response, ...rest } = DIRECT_TOPICS;
    expect(parseServerConfig({ commandTopics: rest })).toMatchObject({
      problem: { at: '/commandTopics/response', message: '/commandTopics/response: is missing; a string is expected' },
    });
    expect(parseServerConfig({ groups: { doors: 5 } })).toMatchObject({
      problem: { message: '/groups/doors: Invalid input: expected array, received number' },
    });
  });

  test.each([
    { what: 'no object', config: 5, at: '/' },
    { what: 'an unknown member', config: { models: [], modles: [] }, at: '/' },
    { what: 'a regular expression', config: { models: [{ things: '(a+)+$', model: 'x' }] }, at: '/models/0/things' },
    { what: 'a mapping without a model', config: { models: [{ things: '*' }] }, at: '/models/0/model' },
    {
      what: 'an empty shadow name',
      config: { models: [{ things: '*', shadow: '', model: 'x' }] },
      at: '/models/0/shadow',
    },
  ])('with $what is refused at $at', ({ config, at }) =>
    expect(parseServerConfig(config)).toMatchObject({ ok: false, problem: { code: 'invalid_config', at } }),
  );
});

describe('the model of a shadow', () => {
  const lookup = modelLookup([
    { things: 'lobby-*', shadow: 'light', model: model('light') },
    { things: 'a*b*c', model: model('abc') },
    { things: 'exact', model: model('exact') },
    { things: '*', model: model('rest') },
  ]);

  test.each([
    { thing: 'lobby-1', shadow: 'light', id: 'light' },
    { thing: 'lobby-1', shadow: undefined, id: 'rest' },
    { thing: 'lobby-1', shadow: 'other', id: 'none' },
    { thing: 'abc', shadow: undefined, id: 'abc' },
    { thing: 'a-b-b-c', shadow: undefined, id: 'abc' },
    { thing: 'ac', shadow: undefined, id: 'rest' },
    { thing: 'exact', shadow: undefined, id: 'exact' },
    { thing: 'exactly', shadow: undefined, id: 'rest' },
  ])('$thing $shadow has the model $id', ({ thing, shadow, id }) => expect(lookup(ref(thing, shadow)).id).toBe(id));

  test('a pattern does not use the same characters for two of its parts', () => {
    const overlapping = modelLookup([{ things: 'ab*ba', model: model('x') }]);
    expect(overlapping(ref('aba')).id).toBe('none');
    expect(overlapping(ref('abba')).id).toBe('x');
  });
});
