import { amend } from '../amend.ts';
import type { CommandId } from '../brand.ts';
import { isOpenCommand } from '../command/clocks.ts';
import type { Remark } from '../command/life.ts';
import { differenceOfMembers } from '../json/json-patch.ts';
import type { JsonObject } from '../json/json.ts';
import type { Mutable } from '../mutable.ts';
import type { DirectCommand } from './direct-command.ts';
import type {
  AnswerOutcome,
  DirectChange,
  DirectContext,
  DirectDesk,
  DirectEffect,
  DirectStep,
  Sending,
} from './direct-desk.ts';
import { requestOf } from './direct-command.ts';
import { directTransition, type DirectCommandEvent } from './transition.ts';

const RECENT_MAX = 32;

/** A direct desk while one event is worked into it; the desk it started from stays as it was. */
export class DirectDraft {
  readonly context: DirectContext;
  readonly desk: Mutable<DirectDesk>;
  readonly #before: DirectDesk;
  readonly #commands: Map<CommandId, DirectCommand>;
  readonly #sendings: Map<CommandId, Sending>;
  readonly #changed = new Set<CommandId>();
  readonly #lines: DirectChange[] = [];
  readonly #effects: DirectEffect[] = [];
  #urgent = false;
  answer: AnswerOutcome | undefined;

  constructor(desk: DirectDesk, context: DirectContext) {
    this.#before = desk;
    this.#commands = new Map(desk.commands);
    this.#sendings = new Map(desk.sendings);
    this.desk = amend(desk, { commands: this.#commands, sendings: this.#sendings });
    this.context = context;
  }

  get now(): DirectContext['now'] {
    return this.context.now;
  }

  openCommands(): DirectCommand[] {
    return [...this.#commands.values()].filter(isOpenCommand);
  }

  add(command: DirectCommand): void {
    this.#commands.set(command.id, command);
    this.#changed.add(command.id);
    this.#line(command, { event: 'created', by: command.author }, []);
    this.#urgent = true;
  }

  /** It never was: nothing of it is stored. */
  drop(id: CommandId): void {
    this.#commands.delete(id);
    this.#sendings.delete(id);
  }

  apply(id: CommandId, event: DirectCommandEvent): void {
    const before = this.#commands.get(id);
    if (before === undefined) return;
    const { command, remark } = directTransition(before, event, this.now);
    if (command !== before) {
      this.#commands.set(id, command);
      this.#changed.add(id);
    }
    if (remark !== undefined) this.#line(command, remark, command === before ? [] : recorded(before, command));
    if (isOpenCommand(before) && !isOpenCommand(command)) this.#ended(command);
    if (command.status === 'succeeded_late' && before.status !== command.status) this.#urgent = true;
  }

  send(id: CommandId, sending: Sending): void {
    this.#sendings.set(id, sending);
  }

  publish(command: DirectCommand, purpose: DirectEffect['purpose']): void {
    const asked = requestOf(command);
    const request = purpose === 'notice' ? ({ ...asked, cancel: true } as const) : asked;
    this.#effects.push({ type: 'publish', id: command.id, request, purpose });
    if (purpose === 'first') this.#urgent = true;
  }

  /** What the device has done of a sequence is what it says, whichever way that goes. */
  setSequence(key: string, number: number): void {
    if (this.desk.sequences.get(key) === number) return;
    this.desk.sequences = new Map(this.desk.sequences).set(key, number);
    this.#lines.push({ type: 'sequence', thingName: this.desk.thingName, key, number });
  }

  step(): DirectStep {
    const changes: DirectChange[] = [];
    for (const id of this.#changed) {
      const command = this.#commands.get(id);
      const previous = this.#before.commands.get(id);
      if (command === undefined || command === previous) continue;
      const raised = amend(command, { revision: (previous?.revision ?? 0) + 1 });
      changes.push({ type: 'command', command: raised });
      if (isKept(raised)) this.#commands.set(id, raised);
      else this.#commands.delete(id);
    }
    return {
      desk: this.desk,
      changes: [...changes, ...this.#lines],
      effects: this.#effects,
      urgent: this.#urgent,
      ...(this.answer === undefined ? {} : { answer: this.answer }),
    };
  }

  #ended(command: DirectCommand): void {
    this.#sendings.delete(command.id);
    this.desk.recent = [...this.desk.recent.slice(1 - RECENT_MAX), command.id];
    this.#urgent = true;
  }

  #line(command: DirectCommand, { event, by, detail }: Remark, patch: readonly JsonObject[]): void {
    const entry = {
      commandId: command.id,
      at: this.now,
      by,
      event,
      status: command.status,
      patch,
      ...(detail === undefined ? {} : { detail }),
    };
    this.#lines.push({ type: 'timeline', entry });
  }
}

/** After these ends a late answer still says something. */
function isKept(command: DirectCommand): boolean {
  const { status, lateAnswer } = command;
  if (isOpenCommand(command)) return true;
  return lateAnswer === undefined && (status === 'timed_out' || status === 'expired' || status === 'cancelled');
}

/** A result stands in the command once, not in its history again: it may have 100 KB. */
function recorded(before: DirectCommand, after: DirectCommand): readonly JsonObject[] {
  return differenceOfMembers({ before, after, except: 'result' });
}
