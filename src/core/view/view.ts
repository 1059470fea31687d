import type { ClientToken, CommandId, EpochMs, FieldPointer } from '../brand.ts';
import type { ShadowMetadata, ShadowState } from '../shadow/document.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';

/** Who wrote the desired value of a field last, equal values included. */
export interface FieldOwner {
  /** The document version of that write; from a `get` the version at which it was seen. */
  readonly version: number;
  /** Present if the write was ours and carried this command. */
  readonly commandId?: CommandId;
  /** The token of a foreign write, where it had one. */
  readonly clientToken?: ClientToken;
}

/**
 * The watcher's merged copy of one shadow.
 *
 * Version      0 while the shadow is known not to exist. Compared only inside one incarnation.
 * Incarnation  Starts at 1; one more after every deletion or reset of the version that we noticed.
 * Owners       By desired leaf. A leaf without an entry was written before we looked.
 * ReportedAt   By reported leaf: the version of the update that brought it. A leaf without an entry came with a `get`
 *              over a gap; its stamp in the metadata is all there is.
 */
export interface ShadowView {
  readonly ref: ShadowRef;
  readonly version: number;
  readonly incarnation: number;
  readonly state: ShadowState;
  readonly metadata: ShadowMetadata;
  readonly owners: Readonly<Record<FieldPointer, FieldOwner>>;
  readonly reportedAt: Readonly<Record<FieldPointer, number>>;
  /** When the newest message that shaped it arrived here. */
  readonly seenAt: EpochMs;
}
