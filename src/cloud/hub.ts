import type { CommandId } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import type { TimelineEntry } from '../core/command/command.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import type { Cancel } from '../ports/clock.ts';
import type { CommitReceipt, LedgerChange } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';

/** Tells the world what is durable: entries in order of sequence, ends to those who wait for them. */
export class Hub {
  readonly #log: Log;
  readonly #listeners = new Set<(entry: TimelineEntry) => void>();
  readonly #waiting = new Map<CommandId, Set<(command: AnyCommand) => void>>();
  readonly #onEnd: (command: AnyCommand) => void;

  constructor(log: Log, onEnd: (command: AnyCommand) => void) {
    this.#log = log;
    this.#onEnd = onEnd;
  }

  onEvent(listener: (entry: TimelineEntry) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onceEnded(id: CommandId, listener: (command: AnyCommand) => void): Cancel {
    const listeners = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#waiting.delete(id);
    };
  }

  durable(changes: readonly LedgerChange[], receipt: CommitReceipt): void {
    let sequence = receipt.firstSequence;
    for (const change of changes) {
      if (change.type === 'timeline') {
        if (this.#listeners.size > 0) this.#tell({ sequence, ...change.entry });
        sequence += 1;
      } else if (change.type === 'command' && !isOpenCommand(change.command)) {
        this.#ended(change.command);
      }
    }
  }

  #ended(command: AnyCommand): void {
    if (command.endedAt !== undefined) this.#onEnd(command);
    const listeners = this.#waiting.get(command.id);
    if (listeners === undefined) return;
    this.#waiting.delete(command.id);
    for (const listener of listeners) this.#guard(() => listener(command));
  }

  #tell(entry: TimelineEntry): void {
    for (const listener of this.#listeners) this.#guard(() => listener(entry));
  }

  /** One bad listener affects itself only (I12). */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#log.error({ error }, 'a listener threw');
    }
  }
}
