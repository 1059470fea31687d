import type { Reply } from '../core/direct/device-state.ts';
import type { DirectResponse } from '../core/direct/messages.ts';
import type { EpochMs } from '../core/brand.ts';

/** Together with the jobs this bounds the journal; a device that reaches it refuses commands as `busy`. */
const REPLIES_MAX = 20_000;
const BYTES_MAX = 8 * 1024 * 1024;
/** What arrives after `expiresAt` is refused anyway; this is for clocks that differ. */
const KEEP_MS = 60_000;

interface Kept {
  readonly reply: Reply;
  readonly bytes: number;
  published: boolean;
}

/** The answers a device has given, for duplicates and for what could not be published. The journal has the same. */
export class ReplyStore {
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  get full(): boolean {
    return this.#kept.size >= REPLIES_MAX || this.#bytes >= BYTES_MAX;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(id: string): DirectResponse | undefined {
    return this.#kept.get(id)?.reply.response;
  }

  keep(reply: Reply, { published }: { published: boolean }): void {
    const bytes = JSON.stringify(reply).length;
    this.#kept.set(reply.response.id, { reply, bytes, published });
    this.#bytes += bytes;
  }

  /** Undefined when it is gone already. */
  published(id: string): Reply | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    kept.published = true;
    return kept.reply;
  }

  /** In the order they were given. */
  unpublished(): Reply[] {
    return [...this.#kept.values()].filter(({ published }) => !published).map(({ reply }) => reply);
  }

  /** Lets go of what nobody can ask for any more, and says what. */
  purge(serviceNow: EpochMs): string[] {
    const gone = [...this.#kept].filter(
      ([, { reply, published }]) => published && serviceNow > reply.expiresAt + KEEP_MS,
    );
    for (const [id, { bytes }] of gone) {
      this.#kept.delete(id);
      this.#bytes -= bytes;
    }
    return gone.map(([id]) => id);
  }
}
