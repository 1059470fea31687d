import type { CommandId } from '../../src/core/brand.ts';
import type { JsonObject } from '../../src/core/json/json.ts';
import type { CreateDirectCommand } from '../../src/cloud/cloud.ts';
import type { SeededRandom } from '../time/seeded-random.ts';
import type { Environment } from '../world/environment.ts';
import type { ServerMachine } from '../world/server-machine.ts';
import { answerOf, isWorthRepeating } from './patience.ts';
import type { Step } from './plan.ts';

const RETRY_MS = 2_000;
const ATTEMPTS_MAX = 30;

/** Those who want something done once: they ask until they have an answer, always under the same key. */
export class DirectApps {
  readonly #environment: Environment;
  readonly #server: ServerMachine;
  readonly #random: SeededRandom;
  readonly #ids = new Map<number, CommandId>();

  constructor(environment: Environment, server: ServerMachine) {
    this.#environment = environment;
    this.#server = server;
    this.#random = environment.random.fork('direct apps');
  }

  /** Every direct command that was acknowledged to somebody. */
  get acknowledged(): readonly CommandId[] {
    return [...this.#ids.values()];
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

  async cancel(nth: number): Promise<void> {
    const id = this.#ids.get(nth);
    const { api } = this.#server;
    if (id === undefined || api === undefined) return;
    const action = { type: 'cancel', by: { name: 'operator' }, reason: 'asked to' } as const;
    const answer = await answerOf(this.#environment, this.#server, api.act(id, action));
    if (answer?.ok !== true || answer.value.kind !== 'direct') return;
    this.#environment.coverage.hit('direct.cancelled');
    this.#environment.emit({ type: 'lookedDirect', id, command: answer.value });
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
