import type { ClientToken, CommandId, EpochMs, FieldPointer, WriteId } from '../brand.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';

/**
 * What a write is for. `commands`: carries wishes. `restore`, `withdraw`: what `onEnd` asked for, always guarded.
 * `nudge`: `{"state":{}}`, which makes the service send the delta again and stamps nothing (R36, R61).
 */
export type WritePurpose = 'commands' | 'restore' | 'withdraw' | 'nudge';

/**
 * open      published or about to be; the result is not known yet
 * accepted  the service stored it as `acceptedVersion`
 * rejected  the service refused it, nothing was stored
 * dropped   found by a later `get` to be without effect, or not sent any more
 */
export type WriteState = 'open' | 'accepted' | 'rejected' | 'dropped';

/** One `update` request. Every attempt is a write of its own, with its own token. */
export interface Write {
  readonly id: WriteId;
  readonly ref: ShadowRef;
  readonly purpose: WritePurpose;
  /** The commands it carries, oldest first; for `restore` and `withdraw` the ended one. */
  readonly commandIds: readonly CommandId[];
  /** The patch to desired; null leaves remove. Empty for a nudge. */
  readonly patch: JsonObject;
  /** What the watcher knew when it first published: version and incarnation, and the service's newest stamp. */
  readonly base: { readonly version: number; readonly incarnation: number; readonly stamp: number };
  /** The desired values its leaves had then, by pointer; a leaf without an entry had none. */
  readonly before: Readonly<Record<FieldPointer, JsonValue>>;
  /** Sent with the update as its optimistic lock (R21). */
  readonly ifVersion?: number;
  readonly attempt: number;
  readonly createdAt: EpochMs;
  readonly state: WriteState;
  readonly acceptedVersion?: number;
}

const TOKEN_PREFIX = 'sr1-';

/** `sr1-` + the write's id: 40 bytes, below the service's 64 (R23). */
export function tokenOf(id: WriteId): ClientToken {
  return `${TOKEN_PREFIX}${id}` as ClientToken;
}

/** The write a token names, or undefined for tokens that are not ours. */
export function writeIdOf(token: string | undefined): WriteId | undefined {
  return token?.startsWith(TOKEN_PREFIX) === true ? (token.slice(TOKEN_PREFIX.length) as WriteId) : undefined;
}
