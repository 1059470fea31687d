import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import { parseShadowRef } from '../core/shadow/shadow-ref.ts';

/** The shadow topics of R1 and R2, both ways. */

export type ShadowOperation = 'get' | 'update' | 'delete';
export type ShadowTopicKind =
  ShadowOperation | `${ShadowOperation}/${'accepted' | 'rejected'}` | 'update/delta' | 'update/documents';

const KINDS: ReadonlySet<string> = new Set<ShadowTopicKind>([
  'get',
  'get/accepted',
  'get/rejected',
  'update',
  'update/accepted',
  'update/rejected',
  'update/delta',
  'update/documents',
  'delete',
  'delete/accepted',
  'delete/rejected',
]);

export function shadowTopic(ref: ShadowRef, kind: ShadowTopicKind): string {
  const name = ref.shadowName === undefined ? '' : `/name/${ref.shadowName}`;
  return `$aws/things/${ref.thingName}/shadow${name}/${kind}`;
}

/** Undefined for every topic that is none of ours: unknown kinds, bad names, too many levels (A18). */
export function parseShadowTopic(topic: string): { ref: ShadowRef; kind: ShadowTopicKind } | undefined {
  // Cut by hand: every message of every device passes here.
  if (!topic.startsWith(THINGS)) return undefined;
  const thingEnd = topic.indexOf('/', THINGS.length);
  if (thingEnd < 0 || !topic.startsWith(SHADOW, thingEnd)) return undefined;
  const thing = topic.slice(THINGS.length, thingEnd);
  let kindAt = thingEnd + SHADOW.length;
  let name: string | undefined;
  if (topic.startsWith(NAME, kindAt)) {
    const nameEnd = topic.indexOf('/', kindAt + NAME.length);
    if (nameEnd < 0) return undefined;
    name = topic.slice(kindAt + NAME.length, nameEnd);
    kindAt = nameEnd + 1;
  }
  const kind = topic.slice(kindAt);
  if (!KINDS.has(kind)) return undefined;
  const ref = parseShadowRef(thing, name);
  return ref.ok ? { ref: ref.value, kind: kind as ShadowTopicKind } : undefined;
}

const THINGS = '$aws/things/';
const SHADOW = '/shadow/';
const NAME = 'name/';
