import type { Cloud } from '../cloud/cloud.ts';
import type { CommandId } from '../core/brand.ts';
import type { TimelineEntry } from '../core/command/command.ts';
import { ok, type Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Cancel } from '../ports/clock.ts';
import { streamEventView } from './views/command.ts';

/** One entry, ready to be sent: written once, however many listen. */
export interface Frame {
  readonly sequence: number;
  readonly commandId: CommandId;
  readonly parentId: CommandId | undefined;
  readonly ref: ShadowRef;
  readonly bytes: Buffer;
}

export interface FramePage {
  readonly frames: readonly Frame[];
  /** The last sequence looked at: the next question starts here, whether or not it gave a frame. */
  readonly through: number;
  readonly oldest: number;
  readonly newest: number;
  /** The reader was told to list anew and goes on after `through`, wherever it was before. */
  readonly restart?: boolean;
}

/** What the newest listeners need; older ones read the ledger. */
const KEPT_MAX = 4_096;
const PAGE = 512;
const COMMANDS_MAX = 20_000;

/**
 * The timeline for many listeners: read from the ledger once per batch, not once per listener. Whoever is further behind
 * than what is kept here reads the ledger in its own time; nothing is ever buffered for a slow one.
 */
export class EventFeed {
  readonly #cloud: Cloud;
  readonly #listeners = new Set<() => void>();
  /** Of the latest commands: an entry names only its command, rights and filters need the shadow. */
  readonly #commands = new Map<CommandId, Pick<Frame, 'ref' | 'parentId'>>();
  #kept: Frame[] = [];
  /** Everything after `#keptAfter` up to `#newest` is in `#kept`. */
  #keptAfter = 0;
  #newest = 0;
  #unsubscribe: Cancel | undefined;
  #reading = false;
  #more = false;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  /** Called whenever there may be more to read. */
  async subscribe(listener: () => void): Promise<Result<Cancel>> {
    if (this.#unsubscribe === undefined) {
      this.#unsubscribe = this.#cloud.onEvent(() => this.#look());
      const page = await this.#cloud.events(0, 1);
      if (!page.ok) {
        this.#unsubscribe();
        this.#unsubscribe = undefined;
        return page;
      }
      this.#kept = [];
      this.#keptAfter = Math.max(this.#newest, page.value.newest);
      this.#newest = this.#keptAfter;
    }
    this.#listeners.add(listener);
    this.#look();
    return ok(() => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    });
  }

  /** Without waiting where what comes after is kept here. */
  kept(after: number): FramePage | undefined {
    if (after < this.#keptAfter || after > this.#newest || this.#unsubscribe === undefined) return undefined;
    const frames = this.#kept.slice(indexAfter(this.#kept, after), indexAfter(this.#kept, after) + PAGE);
    return { frames, through: frames.at(-1)?.sequence ?? after, oldest: 0, newest: this.#newest };
  }

  async page(after: number): Promise<Result<FramePage>> {
    const page = await this.#cloud.events(after, PAGE);
    if (!page.ok) return page;
    const { entries, oldest, newest } = page.value;
    const frames = await this.#framesOf(entries);
    // A page that is not full ends at what was newest when it was read.
    const through = entries.at(-1)?.sequence ?? after;
    return ok({ frames, through, oldest, newest });
  }

  #look(): void {
    this.#more = true;
    if (this.#reading) return;
    this.#reading = true;
    void this.#readAll().finally(() => {
      this.#reading = false;
      if (this.#more && this.#unsubscribe !== undefined) this.#look();
    });
  }

  async #readAll(): Promise<void> {
    while (this.#more && this.#unsubscribe !== undefined) {
      this.#more = false;
      const page = await this.page(this.#newest);
      if (!page.ok) return;
      const { frames, through } = page.value;
      if (through === this.#newest) continue;
      this.#kept.push(...frames);
      this.#newest = through;
      if (this.#kept.length > KEPT_MAX) {
        const gone = this.#kept.splice(0, this.#kept.length - KEPT_MAX);
        this.#keptAfter = gone.at(-1)?.sequence ?? this.#keptAfter;
      }
      this.#more = true;
      for (const listener of [...this.#listeners]) listener();
    }
  }

  async #framesOf(entries: readonly TimelineEntry[]): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (const entry of entries) {
      const about = await this.#about(entry.commandId);
      // Pruned since it was read: whoever may not be told whose it is gets nothing of it.
      if (about === undefined) continue;
      const data = JSON.stringify(streamEventView(entry, about.ref));
      const bytes = Buffer.from(`id: ${entry.sequence}\nevent: ${entry.event}\ndata: ${data}\n\n`);
      frames.push({ sequence: entry.sequence, commandId: entry.commandId, ...about, bytes });
    }
    return frames;
  }

  async #about(id: CommandId): Promise<Pick<Frame, 'ref' | 'parentId'> | undefined> {
    const known = this.#commands.get(id);
    if (known !== undefined) return known;
    const command = await this.#cloud.command(id);
    if (!command.ok) return undefined;
    const about = { ref: command.value.ref, parentId: command.value.parentId };
    this.#commands.set(id, about);
    if (this.#commands.size > COMMANDS_MAX) {
      for (const oldest of this.#commands.keys()) {
        this.#commands.delete(oldest);
        break;
      }
    }
    return about;
  }
}

/** Sequences rise, with holes where commands were pruned. */
function indexAfter(frames: readonly Frame[], after: number): number {
  let [low, high] = [0, frames.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((frames[middle]?.sequence ?? 0) <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
