import type { ClientToken, CommandId, EpochMs, FieldPointer } from '../brand.ts';
import { isJsonObject, member, type JsonObject } from '../json/json.ts';
import { keysOf } from '../json/json-pointer.ts';
import type { ShadowState } from '../shadow/document.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';

/**
 * What is known of one leaf (scalar, array, empty object): `[stamp, version, source]`.
 *
 * stamp    The service's, in whole seconds since the epoch; 0 where none was given (R72).
 * version  Desired: the document version of the latest write to the leaf, equal values included; from a `get` the
 *          version at which it was seen. Reported: the version of the update that brought it; 0 if a `get` over a gap
 *          brought it, so that its stamp is all there is.
 * source   `c:` + id and author of our command, `f:` + the token of a foreign write (or nothing), or empty: not known.
 */
export type Mark = readonly [stamp: number, version: number, source: string];

/** Same shape as a section of the state, a mark at each leaf. An array is always a mark, never an inner node. */
export interface MarkTree {
  readonly [key: string]: Mark | MarkTree;
}

/**
 * The watcher's merged copy of one shadow.
 *
 * Version         0 while the shadow is known not to exist. Compared only inside one incarnation.
 * Incarnation     Starts at 1; one more after every deletion or reset of the version that we noticed.
 * DesiredVersion  The newest version that may have touched any desired leaf.
 */
export interface ShadowView {
  readonly ref: ShadowRef;
  readonly version: number;
  readonly incarnation: number;
  readonly state: ShadowState;
  readonly marks: { readonly desired?: MarkTree; readonly reported?: MarkTree };
  readonly desiredVersion: number;
  /** Service time of the newest message that shaped it, in whole seconds; 0 if unknown. */
  readonly stamp: number;
  /** When that message arrived here. */
  readonly seenAt: EpochMs;
}

/** A shadow that is known not to exist (or nothing is known yet). */
export function absentView(ref: ShadowRef, incarnation: number, now: EpochMs): ShadowView {
  return { ref, version: 0, incarnation, state: {}, marks: {}, desiredVersion: 0, stamp: 0, seenAt: now };
}

export function isMark(node: Mark | MarkTree | undefined): node is Mark {
  return Array.isArray(node);
}

/**
 * The mark at `field`, or the newest one below it; where a step of the path became a leaf, that leaf's. Undefined if
 * nothing stands there.
 */
export function markAt(tree: MarkTree | undefined, field: FieldPointer): Mark | undefined {
  let node: Mark | MarkTree | undefined = tree;
  for (const key of keysOf(field)) {
    if (node === undefined || isMark(node)) break;
    node = childOf(node, key);
  }
  return node === undefined ? undefined : newestMark(node);
}

function newestMark(node: Mark | MarkTree): Mark | undefined {
  if (isMark(node)) return node;
  let newest: Mark | undefined;
  for (const child of Object.values(node)) {
    const mark = newestMark(child);
    if (mark !== undefined && (newest === undefined || mark[1] > newest[1])) newest = mark;
  }
  return newest;
}

/** The tree with another mark at a leaf that stands in it. */
export function withMark(tree: MarkTree | undefined, field: FieldPointer, mark: Mark): MarkTree | undefined {
  return tree === undefined ? undefined : marked(tree, keysOf(field), mark);
}

function marked(tree: MarkTree, [key, ...rest]: readonly string[], mark: Mark): MarkTree {
  if (key === undefined) return tree;
  const child = childOf(tree, key);
  if (child === undefined) return tree;
  const next = isMark(child) ? mark : marked(child, rest, mark);
  return Object.fromEntries(Object.entries(tree).map(([name, node]) => [name, name === key ? next : node]));
}

export function childOf(tree: MarkTree, key: string): Mark | MarkTree | undefined {
  return Object.hasOwn(tree, key) ? tree[key] : undefined;
}

/** Who stands behind a mark. */
export type Source =
  | { readonly kind: 'command'; readonly commandId: CommandId; readonly author: string }
  | { readonly kind: 'foreign'; readonly clientToken?: ClientToken }
  | { readonly kind: 'unknown' };

export function sourceOf([, , source]: Mark): Source {
  if (source.startsWith('c:')) {
    return { kind: 'command', commandId: source.slice(2, 38) as CommandId, author: source.slice(39) };
  }
  if (!source.startsWith('f:')) return { kind: 'unknown' };
  const token = source.slice(2);
  return token === '' ? { kind: 'foreign' } : { kind: 'foreign', clientToken: token as ClientToken };
}

export const commandSource = ({ id, author }: { id: CommandId; author: string }): string => `c:${id} ${author}`;
export const foreignSource = (token: string | undefined): string => `f:${token ?? ''}`;

/** The stamp of a leaf in the service's metadata: `{timestamp}`, or for an array the newest of its elements (R73). */
export function stampOf(metadata: unknown, fallback: number): number {
  if (Array.isArray(metadata))
    return metadata.reduce<number>((newest, item) => Math.max(newest, stampOf(item, 0)), 0) || fallback;
  if (!isJsonObject(metadata)) return fallback;
  const stamp = member(metadata as JsonObject, 'timestamp');
  return typeof stamp === 'number' ? stamp : fallback;
}
