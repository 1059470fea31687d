import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { reconcilerMemberSchema } from '../../src/protocol/reconciler-member.ts';

type Json = Record<string, unknown>;

const published = JSON.parse(readFileSync('schemas/reconciler-member.schema.json', 'utf8')) as Json;

/** Both as plain structure: without prose, with references followed, and without what does not narrow anything. */
function structure(schema: unknown, root: Json): unknown {
  if (Array.isArray(schema)) return schema.map((item) => structure(item, root));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref, ...rest } = schema as Json;
  if (typeof $ref === 'string') {
    const target = $ref
      .slice(2)
      .split('/')
      .reduce<unknown>((value, key) => (value as Json)[key], root);
    return structure(target, root);
  }
  const entries = Object.entries(rest)
    .filter(
      ([key, value]) =>
        !IGNORED.has(key) && !(key === 'additionalProperties' && Object.keys(value as Json).length === 0),
    )
    .map(([key, value]) => [key, structure(value, root)] as const);
  const plain = Object.fromEntries(entries);
  if (Array.isArray(plain['enum'])) delete plain['type'];
  return plain;
}

const IGNORED = new Set(['$schema', '$id', '$defs', 'title', 'description', 'propertyNames']);

test('the published schema of the reconciler member is the one that the parser reads', () => {
  const parsed = z.toJSONSchema(reconcilerMemberSchema, { io: 'input' }) as Json;
  expect(structure(published, published)).toEqual(structure(parsed, parsed));
});
