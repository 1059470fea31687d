import { describe, expect, test } from 'vitest';
import type { FieldPointer } from '../../../src/core/brand.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json/json.ts';
import { compileModel } from '../../../src/protocol/model-schema.ts';

const HEATER = {
  $id: 'heater@2',
  type: 'object',
  required: ['on'],
  properties: {
    on: { type: 'boolean' },
    climate: {
      type: 'object',
      required: ['targetC', 'mode'],
      properties: {
        targetC: { type: 'number', minimum: 5, maximum: 30, 'x-shadow': { step: 0.5, unit: 'C' } },
        mode: { enum: ['eco', 'comfort'] },
      },
    },
    schedule: { type: 'array', items: { type: 'integer' }, maxItems: 3, 'x-shadow': { unordered: true } },
    reboot: { type: 'boolean', 'x-shadow': { momentary: true } },
    labels: { type: 'object', additionalProperties: { type: 'string' }, 'x-shadow': { owner: 'cloud' } },
    fan: { $ref: '#/$defs/percent' },
  },
  $defs: { percent: { type: 'integer', minimum: 0, maximum: 100, 'x-shadow': { unit: '%' } } },
};

function heater() {
  const model = compileModel(HEATER);
  if (!model.ok) throw new Error(model.problem.message);
  return model.value;
}

const at = (field: string) => field as FieldPointer;

describe('a model', () => {
  test.each<{ when: string; patch: JsonObject; expected: string[] }>([
    { when: 'a required sibling is missing (a patch is partial)', patch: { climate: { targetC: 21 } }, expected: [] },
    { when: 'a leaf is null (asks for removal)', patch: { climate: { targetC: null } }, expected: [] },
    { when: 'a number is too large', patch: { climate: { targetC: 31 } }, expected: ['/climate/targetC out_of_range'] },
    { when: 'a type is wrong', patch: { on: 'yes' }, expected: ['/on wrong_type'] },
    {
      when: 'a value is not in the enumeration',
      patch: { climate: { mode: 'x' } },
      expected: ['/climate/mode not_allowed'],
    },
    { when: 'a field is unknown', patch: { fanSpeed: 1 }, expected: ['/fanSpeed unknown_field'] },
    {
      when: 'unknown fields are asked to be removed',
      patch: { fanSpeed: null },
      expected: ['/fanSpeed unknown_field'],
    },
    { when: 'an array holds a wrong element', patch: { schedule: [1, 'x'] }, expected: ['/schedule wrong_type'] },
    { when: 'a field is momentary', patch: { reboot: true }, expected: ['/reboot momentary'] },
    { when: 'a map has a free key', patch: { labels: { room: 'kitchen' } }, expected: [] },
    { when: 'a map value is wrong', patch: { labels: { room: 1 } }, expected: ['/labels/room wrong_type'] },
    { when: 'a referenced range is broken', patch: { fan: 101 }, expected: ['/fan out_of_range'] },
    { when: 'an object is replaced by a scalar', patch: { climate: 5 }, expected: ['/climate wrong_type'] },
    {
      when: 'a key is __proto__',
      patch: JSON.parse('{"__proto__":1}') as JsonObject,
      expected: ['/__proto__ unknown_field'],
    },
    {
      when: 'several fields are wrong, all are named',
      patch: { on: 1, fan: -1 },
      expected: ['/on wrong_type', '/fan out_of_range'],
    },
  ])('says $expected when $when', ({ patch, expected }) => {
    expect(
      heater()
        .violations(patch)
        .map(({ field, rule }) => `${field} ${rule}`),
    ).toEqual(expected);
  });

  test('gives the annotations of a field, of a reference and of the nearest object above', () => {
    const model = heater();
    expect(model.annotations(at('/climate/targetC'))).toEqual({ step: 0.5, unit: 'C' });
    expect(model.annotations(at('/fan'))).toEqual({ unit: '%' });
    expect(model.annotations(at('/labels/room'))).toEqual({ owner: 'cloud' });
    expect(model.annotations(at('/nowhere'))).toEqual({});
  });

  test('lists its leaves in document order', () => {
    expect(heater().fields).toEqual([
      '/on',
      '/climate/targetC',
      '/climate/mode',
      '/schedule',
      '/reboot',
      '/labels',
      '/fan',
    ]);
  });

  test.each<{ when: string; schema: JsonValue; at: string | undefined }>([
    { when: 'it is no object', schema: 5, at: undefined },
    { when: 'it does not name itself', schema: { type: 'object' }, at: '/$id' },
    { when: 'its name has no version', schema: { $id: 'heater' }, at: '/$id' },
    {
      when: 'an annotation is misspelt',
      schema: { $id: 'a@1', properties: { x: { 'x-shadow': { tolerence: 1 } } } },
      at: '/x/x-shadow',
    },
    {
      when: 'a dependency is no pointer',
      schema: { $id: 'a@1', properties: { x: { 'x-shadow': { dependsOn: ['y'] } } } },
      at: '/x/x-shadow/dependsOn/0',
    },
    { when: 'a keyword is unknown', schema: { $id: 'a@1', properties: { x: { minimun: 1 } } }, at: undefined },
    {
      when: 'a reference leaves the document',
      schema: { $id: 'a@1', properties: { x: { $ref: 'http://x/y' } } },
      at: undefined,
    },
  ])('is refused as invalid_model when $when', ({ schema, at: place }) => {
    const model = compileModel(schema);
    expect(model.ok ? undefined : { code: model.problem.code, at: model.problem.at }).toEqual({
      code: 'invalid_model',
      at: place,
    });
  });
});
