import { monotonicMs, type FieldPointer, type ThingName } from '../core/brand.ts';
import { overlaps } from '../core/json/json-pointer.ts';
import type { Model } from '../core/model/model.ts';
import type { DirectLimits } from '../core/direct/device-state.ts';
import { problem } from '../core/problem.ts';
import { fullJitter } from '../core/reconcile/backoff.ts';
import { DEFAULT_LIMITS, type ReconcileLimits } from '../core/reconcile/limits.ts';
import { dependencyCircle } from '../core/reconcile/plan.ts';
import { done, fail, ok, type Result } from '../core/result.ts';
import { shadowKey, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import { isShadowMessageKind, parseShadowMessage } from '../protocol/shadow-messages.ts';
import { directTopics, parseGroupName, type DirectTopicTemplates } from '../protocol/direct-topics.ts';
import { parseShadowTopic } from '../protocol/topics.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Journal, JournalDamage } from '../ports/journal.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { StateAdapter } from '../ports/state-adapter.ts';
import type { IncomingMessage, Subscription, Transport } from '../ports/transport.ts';
import type { CommandOffer } from './command-handler.ts';
import { DirectCommands } from './direct-commands.ts';
import { eventOf } from './inbox.ts';
import type { Failpoint } from './failpoint.ts';
import { ShadowReconciler } from './shadow-reconciler.ts';

/** One shadow of the device: which model it follows and which adapters drive its fields. */
export interface DeviceShadow {
  readonly shadowName?: ShadowRef['shadowName'];
  readonly model: Model;
  readonly adapters: readonly StateAdapter[];
}

export interface DeviceOptions {
  readonly thingName: ThingName;
  readonly shadows: readonly DeviceShadow[];
  readonly transport: Transport;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<ReconcileLimits>;
  readonly direct?: DeviceDirect;
  /** For tests that end the process at a named point. */
  readonly failpoint?: (name: Failpoint) => void;
}

/** How direct commands reach the device; it listens only if commands are offered by `onCommand`. */
export interface DeviceDirect {
  /** Groups whose requests it takes as well. */
  readonly groups?: readonly string[];
  /** Where the fleet has other topics than `cmd/{thing}/req` and so on. */
  readonly topics?: DirectTopicTemplates;
  readonly limits?: Partial<DirectLimits>;
}

/** Connections in a row within a minute that look like a second device with the same client id (A16). */
const FLAPS_MAX = 5;
const FLAP_WINDOW_MS = 60_000;
const FLAP_CAP_MS = 60_000;

/**
 * A device: its shadows, each with a reconciler of its own, over one connection. Subscribes, waits for the
 * acknowledgement, asks, then acts; again after every reconnect.
 */
export class Device {
  readonly #options: DeviceOptions;
  readonly #log: Log;
  readonly #shadows = new Map<string, ShadowReconciler>();
  readonly #offers = new Map<string, CommandOffer>();
  #direct: DirectCommands | undefined;
  readonly #cancels: Cancel[] = [];
  #ups: number[] = [];
  #pendingUp: Cancel | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.#log = options.log.with({ thing: options.thingName });
  }

  /**
   * Offers a direct command, before `start`. Beside the shadows, on the same connection and in the same journal.
   *
   * Errors   `invalid_config` for a name that is taken; `start` tells the rest.
   */
  onCommand(name: string, offer: CommandOffer): Result<void> {
    if (this.#offers.has(name)) return fail(problem('invalid_config', `the command ${name} is offered twice`));
    this.#offers.set(name, offer);
    return done;
  }

  /**
   * Opens the journal, takes up what it says, subscribes and connects. A broker that is not there is no failure: the
   * transport goes on trying.
   *
   * Errors   `journal_unavailable`, `journal_locked`; `invalid_config` for overlapping adapters and for a command with an
   *          impossible name or schema; `invalid_model` for a circle of dependencies.
   */
  async start(): Promise<Result<void>> {
    const checked = this.#check();
    if (!checked.ok) return checked;
    const direct = this.#composeDirect();
    if (!direct.ok) return direct;
    const opened = await this.#options.journal.open();
    if (!opened.ok) return opened;
    if (opened.value.damage !== undefined) this.#tellDamage(opened.value.damage);
    const tokenPrefix = tokenPrefixFrom(this.#options.random);
    for (const shadow of this.#options.shadows) {
      const { thingName } = this.#options;
      const ref: ShadowRef =
        shadow.shadowName === undefined ? { thingName } : { thingName, shadowName: shadow.shadowName };
      const record = opened.value.records.get(shadowKey(ref));
      const reconciler = new ShadowReconciler({
        ref,
        model: shadow.model,
        adapters: shadow.adapters,
        transport: this.#options.transport,
        journal: this.#options.journal,
        clock: this.#options.clock,
        random: this.#options.random,
        log: this.#log,
        limits: { ...DEFAULT_LIMITS, ...this.#options.limits },
        tokenPrefix,
        failpoint: this.#options.failpoint ?? (() => undefined),
        ...(record === undefined ? {} : { record }),
      });
      this.#shadows.set(reconciler.key, reconciler);
      await reconciler.start();
    }
    this.#direct = direct.value;
    this.#direct?.resume(opened.value.records);
    return this.#connect();
  }

  /** The reconcilers by shadow key, for status and tests. */
  get shadows(): ReadonlyMap<string, ShadowReconciler> {
    return this.#shadows;
  }

  get direct(): DirectCommands | undefined {
    return this.#direct;
  }

  /** Finishes or journals what is under way within the grace, then disconnects. May be called twice. */
  stop({ graceMs = 2_000 }: { graceMs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #stop(graceMs: number): Promise<void> {
    this.#pendingUp?.();
    const direct = this.#direct?.stop(graceMs);
    await Promise.all([...this.#shadows.values()].map((shadow) => shadow.stop(graceMs)));
    await direct;
    for (const cancel of this.#cancels.splice(0)) cancel();
    await this.#options.transport.stop();
    await this.#options.journal.close();
  }

  #check(): Result<void> {
    for (const { model, adapters } of this.#options.shadows) {
      const circle = dependencyCircle(model);
      if (circle !== undefined) {
        return fail(problem('invalid_model', `fields depend on each other in a circle: ${circle.join(' ')}`));
      }
      const owned: { field: FieldPointer; name: string }[] = [];
      for (const { name, fields } of adapters) {
        for (const field of fields) {
          const rival = owned.find((other) => overlaps({ left: other.field, right: field }));
          if (rival !== undefined) {
            const message = `adapters ${rival.name} and ${name} both own ${field}`;
            return fail(problem('invalid_config', message, { at: field }));
          }
          owned.push({ field, name });
        }
      }
    }
    return done;
  }

  #composeDirect(): Result<DirectCommands | undefined> {
    if (this.#offers.size === 0) return ok(undefined);
    const { thingName, transport, journal, clock, direct, failpoint } = this.#options;
    const topics = directTopics(direct?.topics);
    if (!topics.ok) return topics;
    for (const group of direct?.groups ?? []) {
      const named = parseGroupName(group);
      if (!named.ok) return fail(problem('invalid_config', named.problem.message, { at: group }));
    }
    const commands = new DirectCommands({
      thingName,
      topics: topics.value,
      groups: direct?.groups ?? [],
      transport,
      journal,
      clock,
      log: this.#log,
      ...(direct?.limits === undefined ? {} : { limits: direct.limits }),
      failpoint: failpoint ?? (() => undefined),
      // What it did shows in the shadows as soon as it is read.
      onEnded: () => {
        for (const shadow of this.#shadows.values()) shadow.handle({ type: 'local_change' });
      },
    });
    for (const [name, offer] of this.#offers) {
      const offered = commands.offer(name, offer);
      if (!offered.ok) return offered;
    }
    return ok(commands);
  }

  async #connect(): Promise<Result<void>> {
    const { transport } = this.#options;
    const subscribed = await transport.subscribe(this.#subscriptions(), (message) => this.#receive(message));
    if (!subscribed.ok) return subscribed;
    this.#cancels.push(subscribed.value);
    this.#cancels.push(
      transport.onConnection((event) => {
        if (event.type === 'up') this.#up();
        else if (event.type === 'down') this.#down(event.code);
      }),
    );
    const started = await transport.start();
    if (!started.ok) {
      this.#log.warn({ code: started.problem.code }, 'the broker could not be reached; attempts go on');
    }
    return done;
  }

  /** QoS 0, which cures the acknowledgement stall (performance.md A.3); a get on every connect makes good what is lost. */
  #subscriptions(): Subscription[] {
    const { thingName, shadows } = this.#options;
    const named = shadows.some(({ shadowName }) => shadowName !== undefined);
    const classic = shadows.some(({ shadowName }) => shadowName === undefined);
    const prefixes = [
      ...(classic ? [`$aws/things/${thingName}/shadow`] : []),
      ...(named ? [`$aws/things/${thingName}/shadow/name/+`] : []),
    ];
    const ofShadows = prefixes.flatMap((prefix) =>
      ['get/+', 'update/delta', 'update/accepted', 'update/rejected', 'delete/accepted'].map((suffix) => ({
        filter: `${prefix}/${suffix}`,
        qos: 0 as const,
      })),
    );
    return [...ofShadows, ...(this.#direct?.subscriptions() ?? [])];
  }

  #up(): void {
    const { clock, random } = this.#options;
    const now = clock.monotonic();
    this.#ups = [...this.#ups.filter((at) => now - at < FLAP_WINDOW_MS), now];
    const tellAll = (): void => {
      for (const shadow of this.#shadows.values()) shadow.handle({ type: 'up' });
      this.#direct?.handle({ type: 'up' });
      // Without a shadow nobody tells the time but the device's own clock.
      if (this.#shadows.size === 0) this.#direct?.serviceTime({ at: clock.wall(), since: clock.monotonic() });
    };
    if (this.#ups.length <= FLAPS_MAX) return tellAll();
    // Two devices that kick each other would ask for everything at every kick.
    this.#log.error(
      { connections: this.#ups.length },
      'the connection flaps; another client may use the same client id',
    );
    const attempt = this.#ups.length - FLAPS_MAX + 3;
    const delayMs = fullJitter({ attempt, baseMs: 1_000, capMs: FLAP_CAP_MS, fraction: random.fraction() });
    this.#pendingUp?.();
    this.#pendingUp = clock.at(monotonicMs(now + delayMs), tellAll);
  }

  #down(code: string): void {
    this.#pendingUp?.();
    this.#pendingUp = undefined;
    this.#log.info({ code }, 'the connection is down');
    for (const shadow of this.#shadows.values()) shadow.handle({ type: 'down' });
    this.#direct?.handle({ type: 'down' });
  }

  /** One bad message never stops the stream (A17). */
  #receive({ topic, payload }: IncomingMessage): void {
    if (this.#direct?.receive(topic, payload) === true) return;
    const parsed = parseShadowTopic(topic);
    if (parsed === undefined || !isShadowMessageKind(parsed.kind)) return;
    const shadow = this.#shadows.get(shadowKey(parsed.ref));
    if (shadow === undefined) return;
    const message = parseShadowMessage(parsed.kind, payload);
    if (!message.ok) {
      const { code } = message.problem;
      this.#log.warn(
        { shadow: shadow.key, kind: parsed.kind, bytes: payload.length, code },
        'a message was not understood',
      );
      return;
    }
    const event = eventOf(message.value);
    if (event === undefined) return;
    shadow.handle(event);
    this.#direct?.serviceTime(shadow.state.service);
  }

  #tellDamage(damage: JournalDamage): void {
    this.#log.error({ ...damage }, 'the journal was damaged and went back to its last good entries');
  }
}

/** Answers carry our tokens back; a new prefix per start tells our own from those of the life before. */
function tokenPrefixFrom(random: Random): string {
  const digits = [...random.bytes(6)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `sd1-${digits}-`;
}
