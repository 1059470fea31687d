import type { CommandId } from '../../src/core/brand.ts';
import { VERDICT_OF } from '../../src/core/command/command.ts';
import type { CommandAction, CreateCommand } from '../../src/cloud/cloud.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Environment } from '../world/environment.ts';
import { lookedAt } from '../world/sighting.ts';
import type { ServerMachine } from '../world/server-machine.ts';
import { answerOf, isWorthRepeating } from './patience.ts';
import type { Step } from './plan.ts';

type CommandStep = Extract<Step, { do: 'command' }>;

const ACTED = {
  cancel: 'operator.cancelled',
  retry: 'operator.nudged',
  rollback: 'operator.rolledBack',
  extend: 'operator.extended',
} as const;

const RETRY_MS = 2_000;
const ATTEMPTS_MAX = 30;
const HEALED_ATTEMPTS_MAX = 200;

/** App backends and operators: they use the API as people do, with retries, double clicks and impatience. */
export class Apps {
  readonly #environment: Environment;
  readonly #server: ServerMachine;
  readonly #random: SeededRandom;
  readonly #ids = new Map<number, CommandId>();
  readonly #acknowledged = new Set<CommandId>();

  constructor(environment: Environment, server: ServerMachine) {
    this.#environment = environment;
    this.#server = server;
    this.#random = environment.random.fork('apps');
  }

  /** Every command that was acknowledged to somebody. */
  get acknowledged(): readonly CommandId[] {
    return [...this.#acknowledged];
  }

  async command(step: CommandStep): Promise<void> {
    const base = this.#requestOf(step);
    const request = step.locked ? await this.#withVersion(base) : base;
    if (request === undefined) return;
    if (step.again === 'concurrent') {
      if (this.#server.api !== undefined) this.#environment.coverage.hit('api.concurrent');
      void this.#create(step.nth, request, 1);
    }
    const id = await this.#create(step.nth, request, 0);
    if (id === undefined || step.again !== 'mismatch' || request.idempotency === undefined) return;
    const idempotency = { key: request.idempotency.key, fingerprint: 'another body' };
    await this.#create(step.nth, { ...request, idempotency }, ATTEMPTS_MAX);
  }

  async act(nth: number, type: 'cancel' | 'retry' | 'rollback' | 'extend'): Promise<void> {
    const id = this.#ids.get(nth);
    const { api } = this.#server;
    if (id === undefined || api === undefined) return;
    const by = { name: 'operator' };
    const action: CommandAction =
      type === 'extend' ? { type, by, reason: 'give it time', applyMoreMs: 30_000 } : { type, by, reason: 'asked to' };
    const answer = await this.#answer(api.act(id, action));
    if (answer === undefined) return;
    const { emit } = this.#environment;
    if (!answer.ok) return emit({ type: 'acted', id, action, problem: answer.problem.code });
    const isAnother = answer.value.id !== id;
    this.#environment.coverage.hit(type === 'retry' && isAnother ? 'operator.retried' : ACTED[type]);
    if (answer.value.kind === 'shadow') emit({ type: 'acted', id, action, command: answer.value });
    this.#acknowledged.add(answer.value.id);
    await this.look(answer.value.id);
  }

  async lookAtNth(nth: number): Promise<void> {
    const id = this.#ids.get(nth);
    if (id !== undefined) await this.look(id);
  }

  /** True if an answer came. */
  async look(id: CommandId): Promise<boolean> {
    const { api } = this.#server;
    const found = api === undefined ? undefined : await this.#answer(api.command(id));
    if (found === undefined) return false;
    this.#environment.emit(found.ok ? lookedAt(found.value) : { type: 'looked', id, problem: found.problem.code });
    return found.ok || found.problem.code === 'command_not_found';
  }

  async report(step: Extract<Step, { do: 'report' }>): Promise<void> {
    const { api } = this.#server;
    if (api === undefined) return;
    const report = await this.#answer(api.shadow(step.ref, { refresh: step.refresh }));
    if (report?.ok === true) this.#environment.emit({ type: 'shadow', report: report.value });
  }

  #requestOf(step: CommandStep): CreateCommand {
    const { ref, patch, app, applyWithinMs, expiresInMs, whenOffline, onEnd, nth } = step;
    const idempotency = { key: `${app}-${nth}`, fingerprint: JSON.stringify([ref, patch, step.locked]) };
    return { ref, patch, by: { name: app }, applyWithinMs, expiresInMs, whenOffline, onEnd, idempotency };
  }

  async #withVersion(request: CreateCommand): Promise<CreateCommand | undefined> {
    const { api } = this.#server;
    const report = api === undefined ? undefined : await this.#answer(api.shadow(request.ref));
    if (report?.ok !== true) return undefined;
    return { ...request, ifVersion: report.value.version };
  }

  /** Until there is an answer, always with the same key. */
  async #create(nth: number, request: CreateCommand, attempt: number): Promise<CommandId | undefined> {
    const { emit, coverage, healed } = this.#environment;
    const { api } = this.#server;
    if (api !== undefined) emit({ type: 'asked', request });
    const answer = api === undefined ? undefined : await this.#answer(api.create(request));
    if (answer?.ok === true) {
      const { command, replayed } = answer.value;
      emit({ type: 'created', request, command, replayed });
      this.#ids.set(nth, command.id);
      this.#acknowledged.add(command.id);
      await this.look(command.id);
      return command.id;
    }
    const code = answer?.problem.code;
    if (code === 'idempotency_mismatch') coverage.hit('api.mismatch');
    if (code !== undefined) emit({ type: 'created', request, problem: code });
    if (!isWorthRepeating(code) || attempt >= (healed() ? HEALED_ATTEMPTS_MAX : ATTEMPTS_MAX)) return undefined;
    coverage.hit('api.retried');
    await new Promise<void>((resolve) => this.#environment.after(RETRY_MS + this.#random.integer(0, 500), resolve));
    return this.#create(nth, request, attempt + 1);
  }

  #answer<T>(call: Promise<T>): Promise<T | undefined> {
    return answerOf(this.#environment, this.#server, call);
  }
}

export function isOpen({ status }: { status: keyof typeof VERDICT_OF }): boolean {
  return VERDICT_OF[status] === 'pending';
}
