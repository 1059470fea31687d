import type { CommandId } from '../../src/core/brand.ts';
import type { JsonObject } from '../../src/core/json/json.ts';
import type { CommandAction, CreateDirectCommand, CreateGroupCommand } from '../../src/cloud/cloud.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Environment } from '../world/environment.ts';
import type { ServerMachine } from '../world/server-machine.ts';
import { answerOf, isWorthRepeating } from './patience.ts';
import { GROUP } from './group.ts';
import type { Step } from './plan.ts';

const RETRY_MS = 2_000;
const ATTEMPTS_MAX = 30;

/** Those who want something done once: they ask until they have an answer, always under the same key. */
export class DirectApps {
  readonly #environment: Environment;
  readonly #server: ServerMachine;
  readonly #random: SeededRandom;
  readonly #ids = new Map<number, CommandId>();
  /** What operators made of commands that had ended. */
  readonly #retries: CommandId[] = [];
  readonly #parents = new Map<number, CommandId>();

  constructor(environment: Environment, server: ServerMachine) {
    this.#environment = environment;
    this.#server = server;
    this.#random = environment.random.fork('direct apps');
  }

  /** Every direct command that was acknowledged to somebody. */
  get acknowledged(): readonly CommandId[] {
    return [...this.#ids.values(), ...this.#retries];
  }

  async send(step: Extract<Step, { do: 'direct' }>): Promise<void> {
    const { thingName, name, errand, app, nth, applyWithinMs, expiresInMs, whenOffline, sequenceKey } = step;
    const request: CreateDirectCommand = {
      ...{ thingName, name, applyWithinMs, expiresInMs, whenOffline },
      args: { ...errand } as unknown as JsonObject,
      by: { name: app },
      idempotency: { key: `direct-${nth}`, fingerprint: JSON.stringify([thingName, name, errand]) },
      ...(sequenceKey === undefined ? {} : { sequenceKey }),
    };
    if (step.again) void this.#create(nth, request, 1);
    await this.#create(nth, request, 0);
  }

  async sendToGroup(step: Extract<Step, { do: 'group' }>): Promise<void> {
    if (step.again) void this.#createGroup(step, 1);
    await this.#createGroup(step, 0);
  }

  async act({ nth, action: type, ofGroup }: Extract<Step, { do: 'actDirect' }>): Promise<void> {
    const { api } = this.#server;
    const id = ofGroup === true ? await this.#memberOf(nth) : this.#ids.get(nth);
    if (id === undefined || api === undefined) return;
    const { emit, coverage } = this.#environment;
    const by = { name: 'operator' };
    const action: CommandAction =
      type === 'extend' ? { type, by, reason: 'give it time', applyMoreMs: 30_000 } : { type, by, reason: 'asked to' };
    emit({ type: 'actsDirect', id, action });
    const answer = await answerOf(this.#environment, this.#server, api.act(id, action));
    if (answer?.ok !== true || answer.value.kind !== 'direct') return;
    const command = answer.value;
    if (type === 'retry') coverage.hit(command.id === id ? 'direct.nudged' : 'direct.retried');
    else coverage.hit(type === 'cancel' ? 'direct.cancelled' : 'direct.extended');
    if (command.id !== id) this.#retries.push(command.id);
    emit({ type: 'lookedDirect', id: command.id, command });
  }

  async #memberOf(nth: number): Promise<CommandId | undefined> {
    const parentId = this.#parents.get(nth);
    const { api } = this.#server;
    if (parentId === undefined || api === undefined) return undefined;
    const children = await answerOf(this.#environment, this.#server, api.commands({ parentId }, { limit: 1 }));
    return children?.ok === true ? children.value.items[0]?.id : undefined;
  }

  async #createGroup(step: Extract<Step, { do: 'group' }>, attempt: number): Promise<void> {
    const { name, errand, app, nth, applyWithinMs, expiresInMs, whenOffline, abortAfter } = step;
    const { emit, coverage, after } = this.#environment;
    const { api } = this.#server;
    const members = api === undefined ? undefined : await answerOf(this.#environment, this.#server, api.members(GROUP));
    const request: CreateGroupCommand | undefined =
      members?.ok === true && members.value.length > 0
        ? {
            ...{ group: GROUP, things: members.value, name, applyWithinMs, expiresInMs, whenOffline },
            args: { ...errand } as unknown as JsonObject,
            by: { name: app },
            idempotency: { key: `group-${nth}`, fingerprint: JSON.stringify([GROUP, name, errand]) },
            ...(abortAfter === undefined ? {} : { abortAfter }),
          }
        : undefined;
    const now = this.#server.api;
    const call = request === undefined ? undefined : now?.createGroup(request);
    const answer = call === undefined ? undefined : await answerOf(this.#environment, this.#server, call);
    if (answer?.ok === true && request !== undefined) {
      coverage.hit('direct.group');
      this.#parents.set(nth, answer.value.parentId);
      return emit({ type: 'createdGroup', request, group: answer.value });
    }
    if (answer?.ok === false && request !== undefined)
      emit({ type: 'createdGroup', request, problem: answer.problem.code });
    const code = answer?.ok === false ? answer.problem.code : undefined;
    if (!isWorthRepeating(code) || attempt >= ATTEMPTS_MAX) return;
    await new Promise<void>((resolve) => after(RETRY_MS + this.#random.integer(0, 500), resolve));
    return this.#createGroup(step, attempt + 1);
  }

  async #create(nth: number, request: CreateDirectCommand, attempt: number): Promise<void> {
    const { emit, coverage, after } = this.#environment;
    const { api } = this.#server;
    const call = api?.createDirect(request);
    const answer = call === undefined ? undefined : await answerOf(this.#environment, this.#server, call);
    if (answer?.ok === true) {
      const { command, replayed } = answer.value;
      if (replayed) coverage.hit('direct.replayed');
      this.#ids.set(nth, command.id);
      return emit({ type: 'createdDirect', request, command });
    }
    const code = answer?.problem.code;
    if (code !== undefined) emit({ type: 'createdDirect', request, problem: code });
    if (!isWorthRepeating(code) || attempt >= ATTEMPTS_MAX) return;
    await new Promise<void>((resolve) => after(RETRY_MS + this.#random.integer(0, 500), resolve));
    return this.#create(nth, request, attempt + 1);
  }
}
