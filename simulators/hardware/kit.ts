import type { FieldPointer } from '../../src/core/brand.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import type { SeededRandom } from '../time/seeded-random.ts';

/** What one field's hardware does with a value on the way in. */
export type Nature = 'exact' | 'float32' | 'sorted';

export interface FieldKit {
  readonly field: FieldPointer;
  /** Fields with the same adapter are read and applied together. */
  readonly adapter: string;
  readonly initial: JsonValue;
  readonly nature: Nature;
  /** People can change it at the device. */
  readonly button?: true;
  /** A value that the model allows. */
  wish(random: SeededRandom): JsonValue;
}

/** What stands behind one shadow of a device: its model as JSON Schema, and its fields. */
export interface ShadowKit {
  readonly schema: JsonObject;
  readonly fields: readonly FieldKit[];
}

const pointer = (text: string): FieldPointer => text as FieldPointer;

/** Every annotation of a model once, each on a field of its own where it can be. */
export const HEATER: ShadowKit = {
  schema: {
    $id: 'heater@1',
    type: 'object',
    properties: {
      power: { type: 'boolean' },
      targetC: { type: 'number', minimum: 5, maximum: 30, 'x-shadow': { tolerance: { absolute: 0.05 }, unit: 'C' } },
      fanSpeed: { type: 'integer', minimum: 1, maximum: 5, 'x-shadow': { dependsOn: ['/power'] } },
      mode: { type: 'string', enum: ['eco', 'comfort', 'away'] },
      zones: { type: 'array', items: { type: 'integer' }, 'x-shadow': { unordered: true } },
      air: {
        type: 'object',
        properties: {
          vent: { type: 'boolean', 'x-shadow': { group: 'air' } },
          louver: { type: 'integer', minimum: 0, maximum: 90, 'x-shadow': { group: 'air' } },
        },
      },
      dial: { type: 'integer', minimum: 0, maximum: 10, 'x-shadow': { onLocalChange: 'lease', leaseMs: 120_000 } },
      label: { type: 'string', maxLength: 32, 'x-shadow': { onLocalChange: 'adopt' } },
      lock: { type: 'boolean', 'x-shadow': { onLocalChange: 'enforce' } },
      boost: { type: 'integer', minimum: 0, maximum: 9, 'x-shadow': { validForMs: 300_000 } },
    },
  },
  fields: [
    { field: pointer('/power'), adapter: 'board', initial: false, nature: 'exact', wish: (r) => r.chance(0.5) },
    {
      field: pointer('/targetC'),
      adapter: 'thermostat',
      initial: 20,
      nature: 'float32',
      wish: (r) => r.integer(50, 300) / 10,
    },
    { field: pointer('/fanSpeed'), adapter: 'board', initial: 1, nature: 'exact', wish: (r) => r.integer(1, 5) },
    {
      field: pointer('/mode'),
      adapter: 'thermostat',
      initial: 'eco',
      nature: 'exact',
      wish: (r) => r.pick(['eco', 'comfort', 'away']),
    },
    {
      field: pointer('/zones'),
      adapter: 'thermostat',
      initial: [],
      nature: 'sorted',
      wish: (r) => Array.from({ length: r.integer(0, 3) }, () => r.integer(1, 9)),
    },
    { field: pointer('/air/vent'), adapter: 'vent', initial: false, nature: 'exact', wish: (r) => r.chance(0.5) },
    {
      field: pointer('/air/louver'),
      adapter: 'louver',
      initial: 0,
      nature: 'exact',
      wish: (r) => r.integer(0, 9) * 10,
    },
    {
      field: pointer('/dial'),
      adapter: 'panel',
      initial: 3,
      nature: 'exact',
      button: true,
      wish: (r) => r.integer(0, 10),
    },
    {
      field: pointer('/label'),
      adapter: 'panel',
      initial: 'kitchen',
      nature: 'exact',
      button: true,
      wish: (r) => r.pick(['kitchen', 'hall', 'attic', 'cellar']),
    },
    {
      field: pointer('/lock'),
      adapter: 'panel',
      initial: false,
      nature: 'exact',
      button: true,
      wish: (r) => r.chance(0.5),
    },
    { field: pointer('/boost'), adapter: 'board', initial: 0, nature: 'exact', wish: (r) => r.integer(0, 9) },
  ],
};

/** A second, named shadow of the same thing. */
export const SETTINGS: ShadowKit = {
  schema: {
    $id: 'settings@1',
    type: 'object',
    properties: {
      intervalS: { type: 'integer', minimum: 10, maximum: 3600 },
      upload: { type: 'object', properties: { url: { type: 'string', maxLength: 64 }, on: { type: 'boolean' } } },
    },
  },
  fields: [
    {
      field: pointer('/intervalS'),
      adapter: 'settings',
      initial: 60,
      nature: 'exact',
      wish: (r) => r.integer(10, 3600),
    },
    {
      field: pointer('/upload/url'),
      adapter: 'settings',
      initial: '',
      nature: 'exact',
      wish: (r) => r.pick(['https://a.example', 'https://b.example', '']),
    },
    { field: pointer('/upload/on'), adapter: 'settings', initial: false, nature: 'exact', wish: (r) => r.chance(0.5) },
  ],
};
