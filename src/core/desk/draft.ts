import { amend } from '../amend.ts';
import { assert } from '../assert.ts';
import type { CommandId, FieldPointer, WriteId } from '../brand.ts';
import { isOpenCommand } from '../command/clocks.ts';
import type { Command, TimelineEntry } from '../command/command.ts';
import type { CommandEvent } from '../command/events.ts';
import type { Remark } from '../command/life.ts';
import { transition } from '../command/transition.ts';
import type { Write } from '../command/write.ts';
import type { JsonObject } from '../json/json.ts';
import { differenceOfMembers } from '../json/json-patch.ts';
import type { Mutable } from '../mutable.ts';
import type { Desk, DeskChange, DeskContext, DeskEffect, DeskStep } from './desk.ts';

/**
 * A desk while one event is worked into it. Lives for one step and never leaves it: the desk it started from stays as it
 * was, maps are copied before their first change.
 */
export class Draft {
  readonly context: DeskContext;
  readonly desk: Mutable<Desk>;
  readonly #before: Desk;
  readonly #changed: CommandId[] = [];
  readonly #lines: DeskChange[] = [];
  readonly #writes: DeskChange[] = [];
  readonly #effects: DeskEffect[] = [];
  /** Commands that reached their end in this step and whose `onEnd` has not been looked at. */
  readonly ended: CommandId[] = [];
  /** The command that this step creates. */
  added: CommandId | undefined;
  #forgotten: Map<CommandId, Command> | undefined;
  #touched: FieldPointer[] | undefined = [];
  #urgent = false;
  /** A command was accepted behind the view's back: judge once more before the step ends. */
  lookAgain = false;

  constructor(desk: Desk, context: DeskContext) {
    this.#before = desk;
    this.desk = { ...desk };
    this.context = context;
  }

  get now(): DeskContext['now'] {
    return this.context.now;
  }

  command(id: CommandId): Command | undefined {
    return this.desk.commands.get(id);
  }

  openCommands(): Command[] {
    return [...this.desk.commands.values()].filter(isOpenCommand);
  }

  add(command: Command, line: Remark): void {
    this.added = command.id;
    this.#setCommand(command);
    this.#write(command, line, []);
    this.#urgent = true;
  }

  /** Out of the desk, not out of the ledger: nothing can change it any more. */
  forget(id: CommandId): void {
    const commands = this.#ownCommands();
    (this.#forgotten ??= new Map()).set(id, commands.get(id) as Command);
    commands.delete(id);
  }

  apply(id: CommandId, event: CommandEvent): void {
    const before = this.desk.commands.get(id);
    if (before === undefined) return;
    const { command, remark } = transition(before, event, this.now);
    if (command !== before) this.#setCommand(command);
    if (remark !== undefined)
      this.#write(command, remark, command === before ? [] : differenceOfMembers({ before, after: command }));
    if (isOpenCommand(before) && !isOpenCommand(command)) {
      this.ended.push(id);
      this.#urgent = true;
    }
    if (command.status === 'succeeded_late' && before.status !== command.status) this.#urgent = true;
  }

  line(id: CommandId, remark: Remark): void {
    const command = this.desk.commands.get(id);
    if (command !== undefined) this.#write(command, remark, []);
  }

  setWrite(write: Write): void {
    const writes = new Map(this.desk.writes);
    if (write.state === 'open') writes.set(write.id, write);
    else writes.delete(write.id);
    this.desk.writes = writes;
    this.#writes.push({ type: 'write', write });
  }

  write(id: WriteId | undefined): Write | undefined {
    return id === undefined ? undefined : this.desk.writes.get(id);
  }

  /** Published once this step is durable. */
  publish(write: Write): void {
    assert(write.state === 'open', 'only an open write is published');
    this.#effects.push({ type: 'publish', write });
    this.#urgent = true;
  }

  get(serial: number, patient: boolean): void {
    this.#effects.push({ type: 'get', serial, patient });
  }

  /** Undefined: anything may have changed. */
  touch(fields: readonly FieldPointer[] | undefined): void {
    if (fields === undefined) this.#touched = undefined;
    else this.#touched?.push(...fields);
  }

  clearLane(): void {
    this.desk.lane = undefined;
  }

  step(): DeskStep {
    const changes: DeskChange[] = [];
    for (const id of this.#changed) {
      const command = this.desk.commands.get(id) ?? this.#forgotten?.get(id);
      const previous = this.#before.commands.get(id);
      if (command === undefined || command === previous) continue;
      const raised = amend(command, { revision: (previous?.revision ?? 0) + 1 });
      if (this.desk.commands.has(id)) this.#ownCommands().set(id, raised);
      changes.push({ type: 'command', command: raised });
    }
    changes.push(...this.#lines, ...this.#writes);
    const view = this.desk.sight.view;
    if (view !== undefined && view !== this.#before.sight.view) changes.push({ type: 'view', view });
    return {
      desk: this.desk,
      changes,
      effects: this.#effects,
      urgent: this.#urgent,
      touched: this.#touched,
    };
  }

  #write(command: Command, { event, by, version, detail }: Remark, patch: readonly JsonObject[]): void {
    const entry: Mutable<Omit<TimelineEntry, 'sequence'>> = {
      commandId: command.id,
      at: this.now,
      by,
      event,
      status: command.status,
      patch,
    };
    if (version !== undefined) entry.version = version;
    if (detail !== undefined) entry.detail = detail;
    this.#lines.push({ type: 'timeline', entry });
  }

  #setCommand(command: Command): void {
    this.#ownCommands().set(command.id, command);
    if (!this.#changed.includes(command.id)) this.#changed.push(command.id);
  }

  #ownCommands(): Map<CommandId, Command> {
    if (this.desk.commands === this.#before.commands) this.desk.commands = new Map(this.#before.commands);
    return this.desk.commands as Map<CommandId, Command>;
  }
}
