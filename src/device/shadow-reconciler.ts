import type { FieldPointer } from '../core/brand.ts';
import type { JsonObject } from '../core/json/json.ts';
import { jsonEqual } from '../core/json/json-equal.ts';
import { valueAt } from '../core/json/json-pointer.ts';
import type { Model } from '../core/model/model.ts';
import type { ReconcileLimits } from '../core/reconcile/limits.ts';
import { mapMemory, nudged, rearmed, type Memory } from '../core/reconcile/memory.ts';
import { next } from '../core/reconcile/next.ts';
import type { ShadowEvent } from '../core/reconcile/shadow-event.ts';
import {
  initialState,
  nextDue,
  type Note,
  type ShadowEffect,
  type ShadowState,
} from '../core/reconcile/shadow-state.ts';
import type { DeviceView } from '../core/reconcile/view.ts';
import { shadowKey, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import { parseShadowRecord, shadowRecordAsJson, type LastPass } from '../protocol/journal-record.ts';
import { shadowTopic } from '../protocol/topics.ts';
import { Alarm } from '../ports/alarm.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import { Idle } from './idle.ts';
import type { Journal } from '../ports/journal.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { StateAdapter } from '../ports/state-adapter.ts';
import type { Transport } from '../ports/transport.ts';
import { AdapterHost } from './adapter-host.ts';
import type { Failpoint } from './failpoint.ts';
import { runPass, type PassContext } from './pass.ts';

export interface ShadowReconcilerOptions {
  readonly ref: ShadowRef;
  readonly model: Model;
  readonly adapters: readonly StateAdapter[];
  readonly transport: Transport;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: ReconcileLimits;
  readonly tokenPrefix: string;
  readonly failpoint: (name: Failpoint) => void;
  /** What the journal holds of this shadow from before the start. */
  readonly record?: JsonObject;
}

const WRITTEN = Promise.resolve();

/**
 * Keeps one shadow and the hardware behind it together. Everything that happens becomes an event; `next` decides, this
 * shell performs. Events are handled one at a time and never awaited in the middle.
 */
export class ShadowReconciler {
  readonly #options: ShadowReconcilerOptions;
  readonly #hosts: ReadonlyMap<string, AdapterHost>;
  /** Which adapter drives a field. One map for all passes, by which they know again what they asked before. */
  readonly #owned: ReadonlyMap<FieldPointer, string>;
  #state: ShadowState;
  #memory: Memory = new Map();
  #intent: readonly FieldPointer[] | undefined;
  #lastPass: LastPass | undefined;
  #written: JsonObject | undefined;
  readonly #alarm: Alarm;
  readonly #watches: Cancel[] = [];
  /** Only while it stops. */
  #idle: Idle | undefined;

  constructor(options: ShadowReconcilerOptions) {
    this.#options = options;
    const { adapters, clock, log, limits } = options;
    this.#alarm = new Alarm(clock, () => this.handle({ type: 'tick' }));
    this.#hosts = new Map(
      adapters.map((adapter) => [
        adapter.name,
        new AdapterHost({ adapter, clock, log, limits, onLateEnd: () => this.handle({ type: 'call_settled' }) }),
      ]),
    );
    this.#owned = new Map(adapters.flatMap(({ name, fields }) => fields.map((field) => [field, name] as const)));
    this.#state = this.#restored(options.record);
  }

  /** Begins to listen to the hardware. After a restart in the middle of an apply this is written down first. */
  async start(): Promise<void> {
    const { adapters, log, record } = this.#options;
    if (record !== undefined && 'intent' in record) {
      log.warn({ shadow: this.key, fields: record['intent'] }, 'the device went down while it applied a change');
      await this.#persist({ durable: true });
    }
    for (const adapter of adapters) {
      try {
        const cancel = adapter.watch?.(() => this.handle({ type: 'local_change' }));
        if (cancel !== undefined) this.#watches.push(cancel);
      } catch (error) {
        log.warn(
          { shadow: this.key, adapter: adapter.name, error },
          'a state adapter cannot watch; it is read instead',
        );
      }
    }
  }

  get key(): string {
    return shadowKey(this.#options.ref);
  }

  get memory(): Memory {
    return this.#memory;
  }

  get state(): ShadowState {
    return this.#state;
  }

  handle(event: ShadowEvent): void {
    const { clock, random, tokenPrefix, model, limits } = this.#options;
    const now = clock.monotonic();
    const { state, effects } = next(this.#state, event, {
      now,
      fraction: random.fraction(),
      tokenPrefix,
      model,
      limits,
    });
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#arm();
    this.#idle?.look();
  }

  /** Ends in order: the pass finishes or is cut short, its result is journalled, and what can be said is said. */
  async stop(graceMs: number): Promise<void> {
    for (const cancel of this.#watches.splice(0)) cancel();
    this.handle({ type: 'stop' });
    this.#idle = new Idle(
      this.#options.clock,
      () => this.#state.running !== undefined || this.#state.report !== undefined,
    );
    await this.#idle.within(graceMs);
    this.#alarm.cancel();
    this.#intent = undefined;
    await this.#persist({ durable: true });
  }

  #perform(effect: ShadowEffect): void {
    const { ref } = this.#options;
    switch (effect.type) {
      case 'get':
        return this.#send(shadowTopic(ref, 'get'), { clientToken: effect.token });
      case 'update':
        this.#send(shadowTopic(ref, 'update'), effect.body);
        return this.#options.failpoint('device.afterReport.beforeAck');
      case 'pass':
        this.#options.failpoint('device.afterReceive');
        return void this.#pass(effect.view, effect.must);
      case 'rearm':
        this.#memory = mapMemory(this.#memory, (field, pointer) => {
          const written = valueAt(effect.desired, pointer);
          return written !== undefined && jsonEqual(written, field.desired) ? rearmed(field) : field;
        });
        return;
      case 'nudge':
        this.#memory = nudged(this.#memory);
        return;
      case 'remember':
        return void this.#persist({ durable: false });
      case 'note':
        return this.#note(effect.note);
    }
  }

  /** QoS 0: the answer is what counts, and a PUBACK beside it would cost a stall (performance.md A.3). */
  #send(topic: string, body: unknown): void {
    const { transport, log } = this.#options;
    void transport.publish({ topic, payload: JSON.stringify(body), qos: 0 }).then((sent) => {
      if (!sent.ok) log.debug({ shadow: this.key, code: sent.problem.code }, 'a message could not be sent');
    });
  }

  async #pass(view: DeviceView | undefined, must: boolean): Promise<void> {
    const { clock, log } = this.#options;
    const { outcome, applied } = await runPass({ view, must }, this.#passContext());
    this.#intent = undefined;
    if (applied > 0 || must) {
      this.#lastPass = { at: clock.wall(), version: outcome.version, applied, listed: outcome.states.size };
      log.info({ shadow: this.key, version: outcome.version, applied, listed: outcome.states.size }, 'a pass ended');
    }
    this.handle({ type: 'pass_ended', outcome });
    void this.#persist({ durable: false });
  }

  /** Made for each pass: passes are rare, and thousands of devices would hold on to theirs. */
  #passContext(): PassContext {
    const { model, limits, clock, random, log, failpoint } = this.#options;
    return {
      hosts: this.#hosts,
      owned: this.#owned,
      model,
      limits,
      clock,
      random,
      log,
      failpoint,
      memory: { get: () => this.#memory, set: (memory) => void (this.#memory = memory) },
      service: () => ({ time: this.#state.service, checkedAt: this.#state.checkedAt }),
      desiredNow: () => this.#state.view?.desired,
      stopping: () => this.#state.stopping || !this.#state.synced,
      intend: (fields) => this.#intend(fields),
      onLate: () => this.handle({ type: 'call_settled' }),
    };
  }

  #intend(fields: readonly FieldPointer[]): Promise<void> {
    this.#intent = fields;
    return this.#persist({ durable: true });
  }

  #persist({ durable }: { durable: boolean }): Promise<void> {
    const { journal, clock, log } = this.#options;
    const { incarnation, lastOwnVersion } = this.#state;
    const record = shadowRecordAsJson(
      { incarnation, lastOwnVersion, memory: this.#memory, intent: this.#intent, lastPass: this.#lastPass },
      clock.monotonic(),
    );
    if (!durable && this.#written !== undefined && jsonEqual(record, this.#written)) return WRITTEN;
    this.#written = record;
    return journal.write(this.key, record, { durable }).then((written) => {
      // C17: with a full disk the device goes on and tells the truth; it only forgets more at the next restart.
      if (!written.ok) log.error({ shadow: this.key, code: written.problem.code }, 'the journal could not be written');
    });
  }

  #restored(raw: JsonObject | undefined): ShadowState {
    const { limits, clock, log } = this.#options;
    const record = raw === undefined ? undefined : parseShadowRecord(raw, clock.monotonic());
    if (raw !== undefined && record === undefined)
      log.warn({ shadow: this.key }, 'the journal holds a record of no known form');
    const crashed = new Set(record?.intent ?? []);
    this.#memory = mapMemory(record?.memory ?? new Map(), (field, pointer) =>
      crashed.has(pointer) ? { ...field, crashes: field.crashes + 1 } : field,
    );
    this.#lastPass = record?.lastPass;
    return initialState({
      incarnation: record?.incarnation ?? 0,
      lastOwnVersion: record?.lastOwnVersion,
      bytesMax: limits.documentBytesMax,
      localSpacingMs: limits.localSpacingMs,
    });
  }

  #arm(): void {
    this.#alarm.at(this.#state.stopping ? undefined : nextDue(this.#state));
  }

  #note({ level, message, fields }: Note): void {
    this.#options.log[level]({ shadow: this.key, ...fields }, message);
  }
}
