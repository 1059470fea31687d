import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import { shadowTopic, type ShadowTopicKind } from '../../src/protocol/topics.ts';

/**
 * The topics of a shadow, put together once for as long as its reference lives: the same string is found in a table without being
 * read again.
 */
export class ShadowTopics {
  readonly #topics = new WeakMap<ShadowRef, Partial<Record<ShadowTopicKind, string>>>();

  of(ref: ShadowRef, kind: ShadowTopicKind): string {
    let topics = this.#topics.get(ref);
    if (topics === undefined) this.#topics.set(ref, (topics = {}));
    return (topics[kind] ??= shadowTopic(ref, kind));
  }
}
