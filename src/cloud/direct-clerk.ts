import { amend } from '../core/amend.ts';
import type { CommandId, ThingName } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import type { DirectCommand, GroupShare } from '../core/direct/direct-command.ts';
import type { DirectEvent } from '../core/direct/direct-desk.ts';
import { newDirectCommand, type DirectWish } from '../core/direct/new-direct-command.ts';
import { nextNumber } from '../core/direct/next.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { Ledger, LedgerChange } from '../ports/ledger.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { DirectTopics } from '../protocol/direct-topics.ts';
import type {
  CommandAction,
  CreateDirectCommand,
  CreatedGroup,
  CreatedDirectCommand,
  CreateGroupCommand,
} from './cloud.ts';
import { childrenOf } from './children.ts';
import { ended, notFound } from './refusals.ts';
import type { DirectDesks } from './direct-desks.ts';
import type { Ids } from './ids.ts';
import type { Once } from './once.ts';
import type { SteadyTime } from './steady-time.ts';

export interface DirectClerkOptions {
  readonly ledger: Ledger;
  readonly desks: DirectDesks;
  readonly ids: Ids;
  readonly time: SteadyTime;
  readonly metrics: Metrics;
  readonly once: Once;
  readonly topics: DirectTopics;
  /** Open direct commands one thing may have (G4). */
  readonly openPerThingMax: number;
}

/** Takes wishes for direct commands, and what people do with them. */
export class DirectClerk {
  readonly #options: DirectClerkOptions;

  constructor(options: DirectClerkOptions) {
    this.#options = options;
  }

  async create(request: CreateDirectCommand): Promise<Result<CreatedDirectCommand>> {
    const { idempotency, by } = request;
    return this.#options.once.run(idempotency, {
      make: (remember) => {
        const id = this.#options.ids.next() as CommandId;
        // Not a spread, for members that are new (ADR 10).
        return this.#place(Object.assign({}, request, { id, author: by.name, grant: by.grant }), remember(id));
      },
      repeat: async (id) => {
        const command = await this.#find(id);
        return command.ok ? ok({ command: command.value, replayed: true }) : command;
      },
    });
  }

  async createGroup(request: CreateGroupCommand): Promise<Result<CreatedGroup>> {
    const { idempotency } = request;
    return this.#options.once.run(idempotency, {
      make: (remember) => this.#placeGroup(request, remember),
      repeat: async (first) => {
        const command = await this.#find(first);
        if (!command.ok) return command;
        const parentId = command.value.parentId ?? first;
        // As many as the group had then: it may have other members today.
        const members = await childrenOf(this.#options.ledger, parentId);
        if (!members.ok) return members;
        return ok({ parentId, group: request.group, total: members.value.length, replayed: true });
      },
    });
  }

  async act(id: CommandId, thingName: ThingName, action: CommandAction): Promise<Result<DirectCommand>> {
    const { desks, time } = this.#options;
    const desk = await desks.open(thingName);
    const kept = desk?.commands.get(id);
    const found = kept === undefined ? await this.#find(id) : ok(kept);
    if (!found.ok) return found;
    const command = found.value;
    const by = action.by.name;
    switch (action.type) {
      case 'cancel':
        return isOpenCommand(command) ? this.#tell(command, { ...action, by, id }) : ended(command);
      case 'extend': {
        if (!isOpenCommand(command)) return ended(command);
        if (action.expiresAt !== undefined && action.expiresAt <= time.now()) {
          return fail(problem('invalid_request', 'expiresAt is past', { at: '/expiresAt' }));
        }
        return this.#tell(command, { ...action, by, id });
      }
      case 'retry':
        return isOpenCommand(command) ? this.#tell(command, { ...action, by, id }) : this.#again(command, action);
      case 'rollback':
        return fail(problem('invalid_request', 'an action cannot be rolled back: send another one that undoes it'));
    }
  }

  async #place(
    wish: Omit<DirectWish, 'sequence'> & { readonly sequenceKey?: string | undefined },
    extra: readonly LedgerChange[],
  ): Promise<Result<CreatedDirectCommand>> {
    const { desks, time, metrics, openPerThingMax } = this.#options;
    const { thingName, sequenceKey } = wish;
    const desk = await desks.open(thingName);
    if ((desk?.commands.size ?? 0) >= openPerThingMax) {
      return fail(problem('too_many_commands', `the thing has ${openPerThingMax} commands that are not done`));
    }
    // Nothing happens between the number and the step that takes it.
    const now = desks.peek(thingName);
    const number = sequenceKey === undefined || now === undefined ? undefined : nextNumber(now, sequenceKey);
    const sequence = sequenceKey === undefined || number === undefined ? undefined : { key: sequenceKey, number };
    const made = newDirectCommand(amend<DirectWish>(wish, { sequence }), time.now());
    if (!made.ok) return made;
    const event = { type: 'create', command: made.value, inGroup: false } as const;
    const stored = await desks.sendDurably(thingName, event, { extra, refusable: true });
    if (!stored.ok) return stored;
    metrics.count('shadow_commands_created_total', { kind: 'direct' });
    const command = desks.peek(thingName)?.commands.get(wish.id) ?? { ...made.value, revision: 1 };
    return ok({ command, replayed: false });
  }

  async #placeGroup(
    { group, things, by, abortAfter, idempotency: _, ...request }: CreateGroupCommand,
    remember: (first: CommandId) => readonly LedgerChange[],
  ): Promise<Result<CreatedGroup>> {
    const { desks, ids, time, metrics, openPerThingMax, topics } = this.#options;
    const parentId = ids.next() as CommandId;
    const now = time.now();
    const share: GroupShare = {
      name: group,
      ...(abortAfter === undefined ? {} : { abortAfter }),
      ...(topics.isCommon ? { apart: true } : {}),
    };
    const made: { command: DirectCommand; inGroup: boolean }[] = [];
    for (const thingName of things) {
      const desk = await desks.open(thingName);
      if ((desk?.commands.size ?? 0) >= openPerThingMax) {
        const why = `${thingName} has ${openPerThingMax} commands that are not done; nothing was created`;
        return fail(problem('too_many_commands', why));
      }
      const id = ids.next() as CommandId;
      const wish = { ...request, id, thingName, author: by.name, grant: by.grant, parentId, group: share };
      const command = newDirectCommand(wish, now);
      if (!command.ok) return command;
      const inGroup = share.apart !== true && desk?.linked === true && desk.presence.state !== 'offline';
      made.push({ command: command.value, inGroup });
    }
    const [first] = made;
    if (first === undefined) return fail(problem('invalid_request', 'the group has no members'));
    const stored = await desks.createGroup(group, made, remember(first.command.id));
    if (!stored.ok) return stored;
    metrics.count('shadow_commands_created_total', { kind: 'direct' }, made.length);
    return ok({ parentId, group, total: made.length, replayed: false });
  }

  async #again(command: DirectCommand, { by, reason }: CommandAction): Promise<Result<DirectCommand>> {
    const { policy, name, args, sequence, createdAt } = command;
    const made = await this.#place(
      {
        id: this.#options.ids.next() as CommandId,
        thingName: command.ref.thingName,
        ...{ name, args, author: by.name, grant: by.grant, reason },
        applyWithinMs: policy.applyWithinMs,
        expiresInMs: Math.max(1, policy.expiresAt - createdAt),
        whenOffline: policy.whenOffline,
        sequenceKey: sequence?.key,
        retryOf: command.id,
      },
      [],
    );
    return made.ok ? ok(made.value.command) : made;
  }

  async #tell(command: DirectCommand, event: DirectEvent): Promise<Result<DirectCommand>> {
    const stored = await this.#options.desks.sendDurably(command.ref.thingName, event);
    return stored.ok ? this.#find(command.id) : stored;
  }

  async #find(id: CommandId): Promise<Result<DirectCommand>> {
    const found = await this.#options.ledger.command(id);
    if (!found.ok) return found;
    return found.value?.kind === 'direct' ? ok(found.value) : notFound(id);
  }
}
