import type { FieldPointer } from '../core/brand.ts';
import type { DeviceWord } from '../core/command/judge.ts';
import { member, type JsonObject } from '../core/json/json.ts';
import { markAt, type ShadowView } from '../core/view/view.ts';
import { RECONCILER_KEY, readReconcilerMember } from '../protocol/reconciler-member.ts';

const CLAIM = `/${RECONCILER_KEY}/version` as FieldPointer;

/** The last member read, by identity: most updates leave it alone or are looked at more than once. */
const cache = new WeakMap<object, DeviceWord>();

/**
 * `reported.reconciler` as the judge takes it. A member that cannot be read, or whose claim is not below the version of
 * the update that carried it, is still a reconciler, but claims nothing.
 */
export function deviceWord(reported: JsonObject | undefined, view: ShadowView | undefined): DeviceWord | undefined {
  const raw = reported === undefined ? undefined : member(reported, RECONCILER_KEY);
  if (raw === undefined) return undefined;
  const key = typeof raw === 'object' && raw !== null ? raw : undefined;
  const known = key === undefined ? undefined : cache.get(key);
  if (known !== undefined) return known;
  const read = readReconcilerMember(reported);
  if (read === undefined || read === 'unreadable') return { version: 0, fields: new Map() };
  const carriedBy = markAt(view?.marks.reported, CLAIM)?.[1] ?? 0;
  const below = read.version < (carriedBy > 0 ? carriedBy : (view?.version ?? 0));
  const word: DeviceWord = {
    version: below ? read.version : 0,
    ...(read.model === undefined ? {} : { model: read.model }),
    fields: read.fields as DeviceWord['fields'],
  };
  if (key !== undefined) cache.set(key, word);
  return word;
}
