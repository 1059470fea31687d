import { epochMs, monotonicMs, type MonotonicMs, type ThingName } from '../core/brand.ts';
import { nextDirect, resumeDirect, type DirectContext, type DirectStep } from '../core/direct/device-next.ts';
import {
  DEFAULT_DIRECT_LIMITS,
  nextDirectDue,
  type CommandFacts,
  type CommandOutcome,
  type DirectEffect,
  type DirectEvent,
  type DirectLimits,
  type DirectState,
  type Job,
  type Reply,
} from '../core/direct/device-state.ts';
import {
  DIRECT_PROBLEMS,
  RESULT_BYTES_MAX,
  type DirectProgress,
  type DirectResponse,
  type SequenceNumber,
} from '../core/direct/messages.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json/json.ts';
import { problem } from '../core/problem.ts';
import { tidyCode, tidyMessage } from '../core/reconcile/field-state.ts';
import type { ServiceTime } from '../core/reconcile/shadow-state.ts';
import { done, fail, type Result } from '../core/result.ts';
import { compileArgs } from '../protocol/args-schema.ts';
import {
  directKey,
  jobAsJson,
  parseDirectRecords,
  replyAsJson,
  sequenceAsJson,
  sequenceKey,
} from '../protocol/direct-journal.ts';
import { DIRECT_NAME, parseDirectRequest, printDirectResponse } from '../protocol/direct-messages.ts';
import { parseJsonText } from '../protocol/json-text.ts';
import type { DirectTopics } from '../protocol/direct-topics.ts';
import { Alarm } from '../ports/alarm.ts';
import type { Clock } from '../ports/clock.ts';
import { Idle } from './idle.ts';
import type { Journal } from '../ports/journal.ts';
import type { Log } from '../ports/log.ts';
import type { Subscription, Transport } from '../ports/transport.ts';
import type { CommandAnswer, CommandOffer } from './command-handler.ts';
import type { Failpoint } from './failpoint.ts';
import { ReplyStore } from './reply-store.ts';

export interface DirectOptions {
  readonly thingName: ThingName;
  readonly topics: DirectTopics;
  readonly groups: readonly string[];
  readonly transport: Transport;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<DirectLimits>;
  readonly failpoint: (name: Failpoint) => void;
  /** A command has ended: the hardware may be another than before. */
  readonly onEnded: () => void;
}

const STATE_BYTES_MAX = 8 * 1024;
const TEXT_CHARACTERS_MAX = 1_024;
const PURGE_MS = 60_000;

interface Offered extends CommandFacts {
  readonly offer: CommandOffer;
}

/**
 * The direct commands of a device, beside its shadows on the same connection and in the same journal. `nextDirect`
 * decides, this shell performs: every job is durable before its handler is called, every final answer before it is
 * published, and an answer is published again at each connection until the broker has acknowledged it.
 */
export class DirectCommands {
  readonly #options: DirectOptions;
  readonly #limits: DirectLimits;
  readonly #commands = new Map<string, Offered>();
  readonly #replies = new ReplyStore();
  readonly #running = new Map<string, AbortController>();
  readonly #publishing = new Set<string>();
  /** What the journal holds of each open job, to write it only when it changed. */
  readonly #written = new Map<string, string>();
  /** Keys whose last number is not in their own record. As long as there are any, no answer, which may name it, is let go. */
  readonly #owed = new Set<string>();
  #state: DirectState = { link: 'down', jobs: new Map(), sequences: new Map(), stopping: false };
  readonly #alarm: Alarm;
  #purgeAt: MonotonicMs = monotonicMs(0);
  /** Only while it stops. */
  #idle: Idle | undefined;

  constructor(options: DirectOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_DIRECT_LIMITS, ...options.limits };
    this.#alarm = new Alarm(options.clock, () => this.handle({ type: 'tick' }));
  }

  /** Errors   `invalid_config` for a name that is none or is taken, and for a schema that does not compile. */
  offer(name: string, offer: CommandOffer): Result<void> {
    if (!DIRECT_NAME.test(name)) return fail(problem('invalid_config', `${name} cannot be the name of a command`));
    if (this.#commands.has(name)) return fail(problem('invalid_config', `the command ${name} is offered twice`));
    const check = compileArgs(offer.args);
    if (!check.ok) return check;
    this.#commands.set(name, {
      idempotent: offer.idempotent,
      violation: check.value,
      stateNow: () => this.#stateOf(name, offer),
      offer,
    });
    return done;
  }

  get offersAny(): boolean {
    return this.#commands.size > 0;
  }

  get state(): DirectState {
    return this.#state;
  }

  /** Takes up what the journal holds. Whether handlers are called again waits for service time. */
  resume(records: ReadonlyMap<string, JsonObject>): void {
    const { jobs, replies, sequences, behind, unknown } = parseDirectRecords(records);
    if (unknown > 0) this.#options.log.warn({ records: unknown }, 'the journal holds direct commands of no known form');
    for (const { published, ...reply } of replies) this.#replies.keep(reply, { published });
    for (const key of behind) this.#owed.add(key);
    if (jobs.length > 0)
      this.#options.log.warn({ open: jobs.length }, 'direct commands were open when the device went down');
    this.#take(resumeDirect({ jobs, sequences }, this.#context()));
  }

  subscriptions(): Subscription[] {
    const { topics, thingName, groups } = this.#options;
    return [topics.request(thingName), ...groups.map(topics.group)].map((filter) => ({ filter, qos: 0 }));
  }

  /** True if the message was one of these. */
  receive(topic: string, payload: Uint8Array): boolean {
    const { topics, thingName, groups, log, failpoint } = this.#options;
    if (topic !== topics.request(thingName) && !groups.some((group) => topics.group(group) === topic)) return false;
    const request = parseDirectRequest(payload);
    if (!request.ok) {
      log.warn({ code: request.problem.code, bytes: payload.length }, 'a direct request was not understood');
      return true;
    }
    failpoint('direct.afterReceive');
    const stored = this.#replies.get(request.value.id);
    const event: DirectEvent = { type: 'request', request: request.value, full: this.#replies.full };
    this.handle(stored === undefined ? event : { ...event, stored });
    return true;
  }

  serviceTime(service: ServiceTime | undefined): void {
    if (service === undefined || service === this.#state.service) return;
    this.handle({ type: 'service_time', service });
  }

  handle(event: DirectEvent): void {
    this.#take(nextDirect(this.#state, event, this.#context()));
  }

  /** Lets what is at work end within the grace, then aborts it; what does not end is in the journal as at work. */
  async stop(graceMs: number): Promise<void> {
    this.handle({ type: 'stop' });
    this.#idle = new Idle(this.#options.clock, () => this.#running.size > 0 || this.#publishing.size > 0);
    await this.#idle.within(graceMs);
    this.#alarm.cancel();
    for (const controller of this.#running.values()) controller.abort();
    this.#running.clear();
  }

  #context(): DirectContext {
    return { now: this.#options.clock.monotonic(), commands: this.#commands, limits: this.#limits };
  }

  #take({ state, effects }: DirectStep): void {
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#purge();
    this.#arm();
    this.#idle?.look();
  }

  #perform(effect: DirectEffect): void {
    switch (effect.type) {
      case 'begin':
        return void this.#begin(effect.job);
      case 'abort':
        return this.#running.get(effect.id)?.abort();
      case 'tell':
        return void this.#tell(effect.job, effect.response);
      case 'conclude':
        return void this.#conclude(effect);
      case 'answer':
        return void this.#publish(effect.response);
      case 'catch_up':
        for (const reply of this.#replies.unpublished()) void this.#deliver(reply);
        return;
      case 'forget_sequence':
        this.#owed.delete(effect.key);
        return void this.#write(sequenceKey(effect.key), null, { durable: false });
    }
  }

  async #begin(job: Job): Promise<void> {
    const { id, name } = job.request;
    const { log, failpoint, onEnded } = this.#options;
    const controller = new AbortController();
    this.#running.set(id, controller);
    const stored = await this.#store(job);
    if (!this.#running.has(id)) return;
    if (!stored || controller.signal.aborted) {
      this.#running.delete(id);
      return this.handle({ type: 'not_begun', id });
    }
    failpoint('direct.afterJournal.beforeHandler');
    log.info({ command: name, id, again: job.again === true }, 'a direct command begins');
    const outcome = await this.#call(job, controller.signal);
    failpoint('direct.afterHandler.beforeJournal');
    log.info({ command: name, id, outcome: outcome.type }, 'a direct command ended');
    // After `stop` nobody waits any more; the next start finds it in the journal.
    if (!this.#running.delete(id)) return;
    this.handle({ type: 'ended', id, outcome });
    onEnded();
  }

  async #call({ request, again }: Job, signal: AbortSignal): Promise<CommandOutcome> {
    const { id, name, args, sequence } = request;
    const offer = this.#commands.get(name)?.offer;
    if (offer === undefined) return failed(DIRECT_PROBLEMS.unknown_command, 'the device has no such command');
    try {
      const answer = await offer.handler({
        id,
        name,
        args,
        ...(sequence === undefined ? {} : { sequence }),
        again: again === true,
        signal,
        progress: (progress) => this.handle({ type: 'progress', id, progress: tidyProgress(progress) }),
      });
      return outcomeOf(answer);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      this.#options.log.warn({ command: name, id, error: message }, 'the handler of a direct command threw');
      return failed(DIRECT_PROBLEMS.handler_failed, message);
    }
  }

  /** Promised to the sender only when a crash cannot lose it. */
  async #tell(job: Job, response: DirectResponse): Promise<void> {
    if (await this.#store(job)) await this.#publish(response);
  }

  async #conclude({ reply, sequence }: Extract<DirectEffect, { type: 'conclude' }>): Promise<void> {
    const { id } = reply.response;
    this.#replies.keep(reply, { published: false });
    this.#written.delete(id);
    // The answer names the last number done as well, so a cut between the two loses nothing; but it is let go sooner.
    const writes: Promise<unknown>[] = [this.#write(directKey(id), replyAsJson(reply, false), { durable: true })];
    if (sequence !== undefined) writes.push(this.#writeSequence(sequence));
    // With a full disk the answer still goes out: a device that stays up remembers it.
    await Promise.all(writes);
    this.#options.failpoint('direct.afterJournal.beforeAnswer');
    await this.#deliver(reply);
  }

  /** Until the broker has it: what fails now is tried again at the next connection. */
  async #deliver({ response }: Reply): Promise<void> {
    const { id } = response;
    if (this.#state.link === 'down' || this.#publishing.has(id)) return;
    this.#publishing.add(id);
    const publishing = this.#publish(response);
    this.#options.failpoint('direct.afterAnswer.beforeAck');
    const sent = await publishing;
    this.#publishing.delete(id);
    const published = sent.ok ? this.#replies.published(id) : undefined;
    if (published !== undefined) await this.#write(directKey(id), replyAsJson(published, true), { durable: false });
    this.#idle?.look();
  }

  async #publish(response: DirectResponse): Promise<Result<void>> {
    const { topics, thingName, transport, log } = this.#options;
    const payload = printDirectResponse(response);
    const sent = payload.ok
      ? await transport.publish({ topic: topics.response(thingName), payload: payload.value, qos: 1 })
      : payload;
    if (!sent.ok)
      log.warn({ id: response.id, code: sent.problem.code }, 'the answer to a direct command could not be published');
    return sent;
  }

  /** False if it could not be made durable. */
  async #store(job: Job): Promise<boolean> {
    const { id } = job.request;
    const record = jobAsJson(job);
    const text = JSON.stringify(record);
    if (this.#written.get(id) === text) return true;
    this.#written.set(id, text);
    const written = await this.#write(directKey(id), record, { durable: true });
    if (!written.ok) this.#written.delete(id);
    return written.ok;
  }

  async #writeSequence({ key, number }: SequenceNumber): Promise<void> {
    const written = await this.#write(sequenceKey(key), sequenceAsJson(number), { durable: true });
    const isNewest = this.#state.sequences.get(key) === number;
    if (written.ok && isNewest) this.#owed.delete(key);
    else if (!written.ok && this.#state.sequences.has(key)) this.#owed.add(key);
  }

  async #write(key: string, record: JsonObject | null, options: { durable: boolean }): Promise<Result<void>> {
    const written = await this.#options.journal.write(key, record, options);
    if (!written.ok)
      this.#options.log.error({ code: written.problem.code }, 'a direct command could not be journalled');
    return written;
  }

  #stateOf(name: string, { state }: CommandOffer): JsonObject | undefined {
    if (state === undefined) return undefined;
    try {
      const now = state();
      const told = now === undefined ? undefined : asJson(now, STATE_BYTES_MAX);
      if (told === undefined || (told.ok && isJsonObject(told.value))) return now;
      this.#options.log.warn({ command: name }, 'the state of a direct command is no JSON, or too much');
    } catch (error) {
      this.#options.log.warn({ command: name, error }, 'the state of a direct command could not be told');
    }
    return undefined;
  }

  #purge(): void {
    const { clock } = this.#options;
    const { service } = this.#state;
    const now = clock.monotonic();
    if (service === undefined || now < this.#purgeAt) return;
    this.#purgeAt = monotonicMs(now + PURGE_MS);
    if (this.#owed.size > 0) {
      for (const key of this.#owed) {
        const number = this.#state.sequences.get(key);
        if (number !== undefined) void this.#writeSequence({ key, number });
      }
      return;
    }
    for (const id of this.#replies.purge(epochMs(service.at + now - service.since))) {
      void this.#write(directKey(id), null, { durable: false });
    }
  }

  #arm(): void {
    this.#alarm.at(this.#state.stopping ? undefined : nextDirectDue(this.#state));
  }
}

function outcomeOf(answer: CommandAnswer | undefined): CommandOutcome {
  if (answer !== undefined && 'failed' in answer) return { type: 'failed', problem: tidyProblem(answer.failed) };
  if (answer !== undefined && 'rejected' in answer) return { type: 'rejected', problem: tidyProblem(answer.rejected) };
  const result = answer?.result;
  if (result === undefined) return { type: 'succeeded' };
  const told = asJson(result, RESULT_BYTES_MAX);
  if (told.ok) return { type: 'succeeded', result: told.value };
  const tooLarge = told.problem.code === 'payload_too_large';
  const code = tooLarge ? DIRECT_PROBLEMS.result_too_large : DIRECT_PROBLEMS.handler_failed;
  return failed(code, `it was done, but its result cannot be told: ${told.problem.message}`);
}

/** What a handler gave as the JSON that will be sent. Errors   `payload_too_large`, `invalid_json`, `too_deep`. */
function asJson(value: unknown, bytesMax: number): Result<JsonValue> {
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) return fail(problem('invalid_json', 'it is no JSON'));
    const bytes = new TextEncoder().encode(text).byteLength;
    if (bytes > bytesMax) return fail(problem('payload_too_large', `${bytes} bytes; at most ${bytesMax} are taken`));
    return parseJsonText(text);
  } catch (cause) {
    return fail(problem('invalid_json', cause instanceof Error ? cause.message : 'it is no JSON', { cause }));
  }
}

function failed(code: string, message: string): CommandOutcome {
  return { type: 'failed', problem: tidyProblem({ code, message }) };
}

function tidyProblem({ code, message }: { code: string; message: string }): { code: string; message: string } {
  return { code: tidyCode(String(code)), message: tidyMessage(String(message), TEXT_CHARACTERS_MAX) };
}

function tidyProgress({ percent, code, text }: DirectProgress): DirectProgress {
  return {
    ...(typeof percent === 'number' && Number.isFinite(percent)
      ? { percent: Math.min(100, Math.max(0, percent)) }
      : {}),
    ...(code === undefined ? {} : { code: tidyCode(String(code)) }),
    ...(text === undefined ? {} : { text: tidyMessage(String(text), TEXT_CHARACTERS_MAX) }),
  };
}
