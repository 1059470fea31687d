import { SeededRandom } from '../../simulators/time/seeded-random.ts';

/** Payloads that somebody sends who means no good, or whose firmware is broken. The same seed gives the same ones. */
export function* hostilePayloads(seed: number, count: number): Generator<Buffer> {
  const random = new SeededRandom(seed);
  for (let index = 0; index < count; index++) yield (KINDS[index % KINDS.length] as Kind)(random);
}

type Kind = (random: SeededRandom) => Buffer;

const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', '', 'a', 'desired', 'state', 'ü', '\u0000', '😀'];
const VALUES = [
  'null',
  'true',
  '1e999',
  '-0',
  '9007199254740993',
  '""',
  '[]',
  '{}',
  '[null]',
  '{"a":null}',
  '"\\ud800"',
];

const pick = <T>(random: SeededRandom, items: readonly T[]): T => items[random.integer(0, items.length - 1)] as T;

function json(random: SeededRandom, depth: number): string {
  if (depth === 0 || random.chance(0.3)) return pick(random, VALUES);
  const members = Array.from({ length: random.integer(0, 4) }, () => json(random, depth - 1));
  if (random.chance(0.3)) return `[${members.join()}]`;
  return `{${members.map((member) => `${JSON.stringify(pick(random, KEYS))}:${member}`).join()}}`;
}

const request = (random: SeededRandom): string =>
  `{"state":{${random.chance(0.5) ? '"desired":' : '"reported":'}${json(random, 4)}}${random.chance(0.3) ? `,"version":${pick(random, VALUES)}` : ''}${random.chance(0.3) ? `,"clientToken":${pick(random, VALUES)}` : ''}}`;

const KINDS: readonly Kind[] = [
  (random) => Buffer.from(random.bytes(random.integer(0, 400))),
  (random) => Buffer.from(request(random)),
  (random) => Buffer.from(json(random, 6)),
  // Cut off, or with a byte changed, somewhere inside.
  (random) => Buffer.from(request(random)).subarray(0, random.integer(0, 40)),
  (random) => {
    const bytes = Buffer.from(request(random));
    if (bytes.length > 0) bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
    return bytes;
  },
  // Deep.
  (random) => {
    const depth = random.integer(1, 20_000);
    return Buffer.from(`{"state":{"desired":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}}`);
  },
  (random) => {
    const depth = random.integer(1, 5_000);
    return Buffer.from(`{"state":{"reported":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}}`);
  },
  (random) => Buffer.from('['.repeat(random.integer(1, 50_000))),
  // Wide, long.
  (random) => {
    const members = Array.from({ length: random.integer(1, 2_000) }, (_, at) => `"k${at}":${at}`);
    return Buffer.from(`{"state":{"desired":{${members.join()}}}}`);
  },
  (random) => Buffer.from(`{"state":{"desired":{"a":"${'x'.repeat(random.integer(1, 20_000))}"}}}`),
  (random) => Buffer.from(`{"state":{"desired":{"${'k'.repeat(random.integer(1, 9_000))}":null}}}`),
  (random) => Buffer.from(`{"state":{"desired":null},"clientToken":"${'é'.repeat(random.integer(1, 100))}"}`),
  // Things taken back, so that documents stay small and small updates get through.
  () => Buffer.from('{"state":null}'),
];
