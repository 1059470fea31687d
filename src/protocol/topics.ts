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
  const [aws, things, thing, shadow, ...rest] = topic.split('/');
  if (aws !== '$aws' || things !== 'things' || shadow !== 'shadow' || thing === undefined) return undefined;
  const named = rest[0] === 'name';
  const kind = (named ? rest.slice(2) : rest).join('/');
  if (!KINDS.has(kind)) return undefined;
  const ref = named ? parseShadowRef(thing, rest[1]) : parseShadowRef(thing);
  if (!ref.ok || (named && rest[1] === undefined)) return undefined;
  return { ref: ref.value, kind: kind as ShadowTopicKind };
}
