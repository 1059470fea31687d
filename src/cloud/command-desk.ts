import type { CommandId } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import type { Command } from '../core/command/command.ts';
import { newCommand, type Wish } from '../core/command/new-command.ts';
import type { DeskEvent } from '../core/desk/desk.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import { objectFromLeaves } from '../core/json/json-pointer.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { Model } from '../core/model/model.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Ledger, LedgerChange } from '../ports/ledger.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { CommandAction, CreateCommand, CreatedCommand } from './cloud.ts';
import type { Desks } from './desks.ts';
import type { DirectClerk } from './direct-clerk.ts';
import type { Hub } from './hub.ts';
import type { Ids } from './ids.ts';
import type { Once } from './once.ts';
import { ended, notFound } from './refusals.ts';
import type { SteadyTime } from './steady-time.ts';

export interface CommandDeskOptions {
  readonly ledger: Ledger;
  readonly desks: Desks;
  readonly direct: DirectClerk;
  readonly hub: Hub;
  readonly ids: Ids;
  readonly time: SteadyTime;
  readonly metrics: Metrics;
  readonly modelOf: (ref: ShadowRef) => Model;
  readonly once: Once;
  /** Open commands one shadow may have (G4). */
  readonly openPerShadowMax: number;
}

/** Takes wishes and what people do with commands. */
export class CommandDesk {
  readonly #options: CommandDeskOptions;

  constructor(options: CommandDeskOptions) {
    this.#options = options;
  }

  async create(request: CreateCommand): Promise<Result<CreatedCommand>> {
    const { idempotency, by } = request;
    return this.#options.once.run(idempotency, {
      make: (remember) => {
        const id = this.#options.ids.next() as CommandId;
        // Not a spread, for members that are new (ADR 10).
        return this.#place(Object.assign({}, request, { id, author: by.name, grant: by.grant }), remember(id));
      },
      repeat: async (id) => {
        const found = await this.#options.ledger.command(id);
        if (!found.ok) return found;
        return found.value?.kind === 'shadow' ? ok({ command: found.value, replayed: true }) : notFound(id);
      },
    });
  }

  async act(id: CommandId, action: CommandAction): Promise<Result<AnyCommand>> {
    const { ledger, desks } = this.#options;
    const found = await ledger.command(id);
    if (!found.ok) return found;
    if (found.value === undefined) return notFound(id);
    if (found.value.kind === 'direct') return this.#options.direct.act(id, found.value.ref.thingName, action);
    // The desk knows more than the ledger may have been told so far.
    const entry = await desks.open(found.value.ref);
    const command = entry.desk?.commands.get(id) ?? found.value;
    switch (action.type) {
      case 'cancel':
        return isOpenCommand(command) ? this.#tell(command, { ...action, by: action.by.name, id }) : ended(command);
      case 'extend':
        return this.#extend(command, action);
      case 'retry':
        if (isOpenCommand(command)) return this.#tell(command, { ...action, by: action.by.name, id });
        return this.#again(command, action, { patch: command.patch, retryOf: id });
      case 'rollback':
        return this.#rollBack(command, action);
    }
  }

  async #place(wish: Wish, extra: readonly LedgerChange[] = []): Promise<Result<CreatedCommand>> {
    const { desks, time, modelOf, metrics, openPerShadowMax } = this.#options;
    const made = newCommand(wish, { now: time.now(), model: modelOf(wish.ref) });
    if (!made.ok) return made;
    const entry = await desks.open(wish.ref);
    if ((entry.desk?.commands.size ?? 0) >= openPerShadowMax) {
      return fail(problem('too_many_commands', `the shadow has ${openPerShadowMax} commands that are not done`));
    }
    const stored = await desks.sendDurably(
      wish.ref,
      { type: 'create', command: made.value },
      { extra, refusable: true },
    );
    if (!stored.ok) return stored;
    metrics.count('shadow_commands_created_total', { kind: 'shadow' });
    return ok({
      command: commandsIn(stored.value).get(wish.id) ?? made.value,
      replayed: false,
    });
  }

  async #extend(command: Command, action: Extract<CommandAction, { type: 'extend' }>): Promise<Result<Command>> {
    if (!isOpenCommand(command)) return ended(command);
    const { expiresAt, applyMoreMs } = action;
    if (expiresAt === undefined && applyMoreMs === undefined) {
      return fail(problem('invalid_request', 'say by how much: expiresAt or applyMoreMs'));
    }
    if (expiresAt !== undefined && expiresAt <= this.#options.time.now()) {
      return fail(problem('invalid_request', 'expiresAt is past', { at: '/expiresAt' }));
    }
    if (applyMoreMs !== undefined && !(applyMoreMs > 0)) {
      return fail(problem('invalid_request', 'applyMoreMs is above 0', { at: '/applyMoreMs' }));
    }
    return this.#tell(command, { ...action, by: action.by.name, id: command.id });
  }

  /** Back to what was desired before, unless somebody has changed these fields since. */
  async #rollBack(command: Command, action: CommandAction): Promise<Result<Command>> {
    if (isOpenCommand(command)) return fail(problem('command_open', 'it is not done: cancel it instead'));
    if (command.version === undefined)
      return fail(problem('invalid_request', 'it was never written; there is nothing to roll back'));
    const leaves = command.fields.map(({ field, restoreTo }) => [field, restoreTo ?? null] as const);
    return this.#again(command, action, {
      patch: objectFromLeaves(leaves),
      rollbackOf: command.id,
      ifVersion: command.version,
    });
  }

  async #again(
    command: Command,
    { by, reason }: CommandAction,
    more: Pick<Wish, 'patch' | 'retryOf' | 'rollbackOf' | 'ifVersion'>,
  ): Promise<Result<Command>> {
    const { policy } = command;
    const id = this.#options.ids.next() as CommandId;
    const expiresInMs = Math.max(1, policy.expiresAt - command.createdAt);
    const made = await this.#place({
      id,
      ref: command.ref,
      author: by.name,
      grant: by.grant,
      reason,
      applyWithinMs: policy.applyWithinMs,
      expiresInMs,
      whenOffline: policy.whenOffline,
      onEnd: policy.onEnd,
      ...more,
    });
    return made.ok ? ok(made.value.command) : made;
  }

  async #tell(command: Command, event: DeskEvent): Promise<Result<Command>> {
    const { desks, ledger } = this.#options;
    const stored = await desks.sendDurably(command.ref, event);
    if (!stored.ok) return stored;
    const after = await ledger.command(command.id);
    if (!after.ok) return after;
    return after.value?.kind === 'shadow' ? ok(after.value) : notFound(command.id);
  }
}

/** Commands as a reader of the ledger sees them after these changes. */
export function commandsIn(changes: readonly LedgerChange[]): ReadonlyMap<CommandId, Command> {
  const commands = new Map<CommandId, Command>();
  for (const change of changes) {
    if (change.type === 'command' && change.command.kind === 'shadow') commands.set(change.command.id, change.command);
  }
  return commands;
}
