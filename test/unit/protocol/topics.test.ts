import { describe, expect, test } from 'vitest';
import { parseShadowKey, parseShadowRef, shadowKey, type ShadowRef } from '../../../src/core/shadow/shadow-ref.ts';
import { parseShadowTopic, shadowTopic } from '../../../src/protocol/topics.ts';

const ref = (thing: string, shadow?: string): ShadowRef => {
  const parsed = parseShadowRef(thing, shadow);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
};

describe('shadow topics', () => {
  test.each<[ShadowRef, string]>([
    [ref('lamp-1'), '$aws/things/lamp-1/shadow/update/delta'],
    [ref('lamp-1', 'config'), '$aws/things/lamp-1/shadow/name/config/update/delta'],
    [ref('name', 'name'), '$aws/things/name/shadow/name/name/update/delta'],
  ])('%j both ways', (shadow, topic) => {
    expect(shadowTopic(shadow, 'update/delta')).toBe(topic);
    expect(parseShadowTopic(topic)).toEqual({ ref: shadow, kind: 'update/delta' });
  });

  test.each([
    '$aws/things/lamp/shadow/update/unknown',
    '$aws/things/lamp/shadow/name//update',
    '$aws/things/lamp/shadow/name',
    '$aws/things/lamp.1/shadow/get',
    '$aws/things//shadow/get',
    '$aws/things/lamp/shadow/name/a/b/update',
    '$AWS/things/lamp/shadow/get',
    'aws/things/lamp/shadow/get',
    '$aws/things/lamp/shadow/update/accepted/extra',
    `$aws/things/${'x'.repeat(129)}/shadow/get`,
  ])('%s is none (R1, R3, R4, A18)', (topic) => expect(parseShadowTopic(topic)).toBeUndefined());
});

describe('shadow keys', () => {
  test.each([ref('a'), ref('a', '$b:c_d-E')])('%j are read back as printed', (shadow) => {
    expect(parseShadowKey(shadowKey(shadow))).toEqual({ ok: true, value: shadow });
  });

  test.each(['', 'a/', '/b', 'a/b/c', 'ä', 'a b'])('%j is none', (key) => expect(parseShadowKey(key).ok).toBe(false));
});
