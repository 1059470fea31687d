import type { Command } from '../core/command/command.ts';
import type { Desk } from '../core/desk/desk.ts';

const OPEN = ['queued', 'sent', 'delivered'] as const satisfies readonly Command['status'][];

/** Commands on desks by status, and desks that have any. Kept as they change: nobody has time to walk all desks. */
export class DeskCounts {
  readonly #commands = new Map<Command['status'], number>();
  #busy = 0;

  /** Desks with commands. */
  get busy(): number {
    return this.#busy;
  }

  pendingByStatus(): Map<string, number> {
    return new Map(OPEN.map((status) => [status, this.#commands.get(status) ?? 0]));
  }

  changed(before: Desk | undefined, after: Desk): void {
    for (const { status } of before?.commands.values() ?? []) this.#add(status, -1);
    for (const { status } of after.commands.values()) this.#add(status, 1);
    this.#busy += Number(after.commands.size > 0) - Number((before?.commands.size ?? 0) > 0);
  }

  #add(status: Command['status'], by: number): void {
    this.#commands.set(status, (this.#commands.get(status) ?? 0) + by);
  }
}
