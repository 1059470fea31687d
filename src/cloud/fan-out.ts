import type { CommandId } from '../core/brand.ts';
import type { Command } from '../core/command/command.ts';
import { commandsIn } from './command-desk.ts';
import { newCommand } from '../core/command/new-command.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import type { Model } from '../core/model/model.ts';
import { problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { shadowKey, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Metrics } from '../ports/metrics.ts';
import { childrenOf } from './children.ts';
import type { CreateMany, CreatedMany } from './cloud.ts';
import type { Desks } from './desks.ts';
import type { Ids } from './ids.ts';
import type { Once, Remember } from './once.ts';
import type { SteadyTime } from './steady-time.ts';

export interface FanOutOptions {
  readonly ledger: Ledger;
  readonly desks: Desks;
  readonly ids: Ids;
  readonly time: SteadyTime;
  readonly metrics: Metrics;
  readonly modelOf: (ref: ShadowRef) => Model;
  readonly once: Once;
  readonly openPerShadowMax: number;
}

const FULL = 'commands that are not done; nothing was created';

/**
 * One wish for many things: a command each, with one parent, in one commit of the ledger. A crash leaves all of them or
 * none, and so does a refusal; under the same idempotency key the same children come back.
 */
export class FanOut {
  readonly #options: FanOutOptions;

  constructor(options: FanOutOptions) {
    this.#options = options;
  }

  create({ idempotency, ...request }: CreateMany): Promise<Result<CreatedMany>> {
    return this.#options.once.run(idempotency, {
      make: (remember) => this.#create(request, remember),
      repeat: (first) => this.#again(first),
    });
  }

  /** The record names the first child; its parent leads to the others. */
  async #again(id: CommandId): Promise<Result<CreatedMany>> {
    const first = await this.#options.ledger.command(id);
    if (!first.ok) return first;
    const parentId = first.value?.parentId;
    if (parentId === undefined) return fail(problem('command_not_found', 'the commands of that key are gone'));
    const children = await childrenOf(this.#options.ledger, parentId);
    if (!children.ok) return children;
    return ok({ parentId, commands: byShadow(children.value.filter(isShadowCommand)), replayed: true });
  }

  async #create(
    { refs, by, patch, ...policy }: Omit<CreateMany, 'idempotency'>,
    remember: Remember,
  ): Promise<Result<CreatedMany>> {
    const { desks, ids, time, metrics, modelOf, openPerShadowMax } = this.#options;
    const parentId = ids.next() as CommandId;
    const now = time.now();
    const commands: Command[] = [];
    for (const ref of refs) {
      const id = ids.next() as CommandId;
      const wish = { ...policy, id, ref, patch, author: by.name, grant: by.grant, parentId };
      const made = newCommand(wish, { now, model: modelOf(ref) });
      if (!made.ok) return fail({ ...made.problem, message: `${shadowKey(ref)}: ${made.problem.message}` });
      commands.push(made.value);
    }
    const [first] = commands;
    if (first === undefined) return fail(problem('invalid_request', 'no thing is meant'));
    const entries = await desks.hold(refs);
    const full = entries.find(({ desk }) => (desk?.commands.size ?? 0) >= openPerShadowMax);
    const stored =
      full === undefined
        ? await desks.createTogether(commands, remember(first.id))
        : fail(problem('too_many_commands', `${full.key} has ${openPerShadowMax} ${FULL}`));
    desks.release(entries);
    if (!stored.ok) return stored;
    metrics.count('shadow_commands_created_total', { kind: 'shadow' }, commands.length);
    const created = [...commandsIn(stored.value).values()];
    return ok({ parentId, commands: byShadow(created), replayed: false });
  }
}

function isShadowCommand(command: AnyCommand): command is Command {
  return command.kind === 'shadow';
}

function byShadow(commands: readonly Command[]): readonly Command[] {
  return [...commands].sort((left, right) => (shadowKey(left.ref) < shadowKey(right.ref) ? -1 : 1));
}
