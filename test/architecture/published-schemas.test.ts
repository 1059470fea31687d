import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { directRequestSchema, directResponseSchema } from '../../src/protocol/direct-messages.ts';
import { reconcilerMemberSchema } from '../../src/protocol/reconciler-member.ts';

type Json = Record<string, unknown>;

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
  if (Array.isArray(plain['enum']) || 'const' in plain) delete plain['type'];
  return plain;
}

const IGNORED = new Set(['$schema', '$id', '$defs', 'title', 'description', 'propertyNames']);

test.each([
  ['reconciler-member', reconcilerMemberSchema],
  ['direct-request', directRequestSchema],
  ['direct-response', directResponseSchema],
])('the published schema %s is the one that the parser reads', (name, schema) => {
  const published = JSON.parse(readFileSync(`schemas/${name}.schema.json`, 'utf8')) as Json;
  const parsed = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json;
  expect(structure(published, published)).toEqual(structure(parsed, parsed));
});
