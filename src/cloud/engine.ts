import type { Scope } from '../core/access/decide.ts';
import { epochMs, type CommandId, type ThingName } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import type { TimelineEntry } from '../core/command/command.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import { DIRECT_SETTINGS, type DirectSettings } from '../core/direct/direct-desk.ts';
import { DESK_SETTINGS, type Desk, type DeskSettings, type DeskStep } from '../core/desk/desk.ts';
import type { DriftEntry, IgnoreRule } from '../core/drift/drift.ts';
import { NO_MODEL, type Model } from '../core/model/model.ts';
import { PRESENCE_SETTINGS, type PresenceSettings } from '../core/presence/track.ts';
import { problem } from '../core/problem.ts';
import { done, fail, ok, type Result } from '../core/result.ts';
import { parseThingName, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type {
  CommandFilter,
  DriftCounts,
  DriftFilter,
  EventPage,
  FleetOverview,
  Ledger,
  LedgerChange,
  Page,
  PageRequest,
  ShadowFilter,
} from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import { NO_METRICS, type Metrics } from '../ports/metrics.ts';
import type { Random } from '../ports/random.ts';
import type { QoS, Transport } from '../ports/transport.ts';
import { defaultDirectTopics, type DirectTopics } from '../protocol/direct-topics.ts';
import { presenceTopic } from '../protocol/presence-topic.ts';
import type {
  Actor,
  Cloud,
  CloudHealth,
  CommandAction,
  CreateCommand,
  CreateDirectCommand,
  CreateGroupCommand,
  CreateMany,
  CreatedCommand,
  CreatedDirectCommand,
  CreatedGroup,
  CreatedMany,
  DriftTarget,
  Explanation,
  NewIgnoreRule,
  PublishGate,
  ShadowExplanation,
  ShadowReport,
  ThingReport,
} from './cloud.ts';
import { CommandDesk } from './command-desk.ts';
import type { DeskEntry } from './desk-entry.ts';
import { Desks } from './desks.ts';
import { DirectChannel } from './direct-channel.ts';
import { DriftIndex } from './drift-index.ts';
import { FanOut } from './fan-out.ts';
import { Hub } from './hub.ts';
import { Ids } from './ids.ts';
import { Once } from './once.ts';
import { Outbox } from './outbox.ts';
import { PresenceKeeper } from './presence-keeper.ts';
import { Reader } from './reader.ts';
import { Recorder } from './recorder.ts';
import { Recovery } from './recovery.ts';
import { Retention } from './retention.ts';
import { SteadyTime } from './steady-time.ts';
import { Watcher } from './watcher.ts';

export interface CloudOptions {
  readonly transport: Transport;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
  readonly modelOf?: (ref: ShadowRef) => Model;
  /** Asked before each publish of a command; default: nobody loses a right. */
  readonly gate?: PublishGate;
  readonly desk?: Partial<DeskSettings>;
  /** Where direct commands travel; default `cmd/{thing}/req` and so on. */
  readonly directTopics?: DirectTopics;
  readonly direct?: Partial<DirectSettings>;
  /** Thing names, in which `*` stands for any characters, by the name of the group. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  readonly presence?: Partial<PresenceSettings>;
  /** Topic levels of the things to follow; default all (`+`). */
  readonly things?: readonly string[];
  readonly qos?: QoS;
  /** Requests whose answer is still out. Default 500; AWS allows 10 per connection. */
  readonly inFlightMax?: number;
  readonly requestsPerSecond?: number;
  /** The thing behind an MQTT client id; default: the client id, if it can be a thing name. */
  readonly thingOfClient?: (clientId: string) => ThingName | undefined;
  /** Where last wills go, with `+` for the thing name; default `shadowctl/presence/+`. */
  readonly willFilter?: string;
  readonly openPerShadowMax?: number;
  /** How long ended commands are kept. Default 30 days. */
  readonly retentionMs?: number;
  /** Every known shadow is read again about this often. Default 30 minutes. */
  readonly sweepMs?: number;
  /** So many shadows stay in memory although nothing is under way and nothing differs. Default 10,000. */
  readonly desksMax?: number;
  /** More than that go when nothing was heard of them for this long. Default 5 minutes. */
  readonly deskIdleMs?: number;
}

const RETENTION_MS = 30 * 24 * 60 * 60 * 1000;
const WILL_FILTER = presenceTopic('+' as ThingName);
const SWEEP_MS = 30 * 60 * 1000;
const OPEN_PER_SHADOW_MAX = 1_000;
const DESKS_MAX = 10_000;
const DESK_IDLE_MS = 5 * 60 * 1000;
/**
 * Without a cap, 20,000 shadows that are asked for at once (after a restart, or when the link returns) answer too late
 * to count, and are asked for again, for ever.
 */
const IN_FLIGHT_MAX = 500;
/** Looking whether anything was missed: as often as AWS allows messages, or with half of what this connection may send. */
const RESYNCS_PER_SECOND = 100;

/** The cloud side, put together. Owns the parts and their order of start and stop; each part has a file of its own. */
export class Engine implements Cloud {
  readonly #options: CloudOptions;
  readonly #metrics: Metrics;
  readonly #time: SteadyTime;
  readonly #hub: Hub;
  readonly #recorder: Recorder;
  readonly #outbox: Outbox;
  readonly #presence: PresenceKeeper;
  readonly #desks: Desks;
  readonly #drift: DriftIndex;
  readonly #direct: DirectChannel;
  readonly #commandDesk: CommandDesk;
  readonly #fanOut: FanOut;
  readonly #watcher: Watcher;
  readonly #recovery: Recovery;
  readonly #retention: Retention;
  readonly #reader: Reader;
  readonly #cancels: Cancel[] = [];
  #openCommands = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: CloudOptions) {
    const { transport, ledger, clock, random, log } = options;
    const modelOf = options.modelOf ?? ((): Model => NO_MODEL);
    this.#options = options;
    this.#metrics = options.metrics ?? NO_METRICS;
    const metrics = this.#metrics;
    this.#time = new SteadyTime(clock);
    const time = this.#time;
    const ids = new Ids(clock, random);
    const once = new Once({ ledger, time });
    const settings = { ...DESK_SETTINGS, ...options.desk };
    this.#hub = new Hub(log, (command) => this.#onEnd(command));
    this.#recorder = new Recorder({ ledger, clock, log }, (changes, receipt) => this.#hub.durable(changes, receipt));
    this.#outbox = new Outbox(transport, clock, {
      answerMs: settings.answerMs,
      inFlightMax: options.inFlightMax ?? IN_FLIGHT_MAX,
      ...(options.requestsPerSecond === undefined ? {} : { perSecond: options.requestsPerSecond }),
    });
    this.#presence = new PresenceKeeper(
      { time, clock, settings: { ...PRESENCE_SETTINGS, ...options.presence } },
      (presence) => {
        this.#recorder.defer([{ type: 'presence', presence }]);
        this.#desks.presenceChanged(presence);
        this.#direct.desks.presenceChanged(presence);
      },
    );
    this.#drift = new DriftIndex({
      ...{ ledger, recorder: this.#recorder, clock, time, metrics, ids },
      open: (ref) => this.#desks.open(ref),
    });
    this.#desks = new Desks({
      ...{
        ledger,
        recorder: this.#recorder,
        outbox: this.#outbox,
        clock,
        random,
        time,
        ids,
        log,
        metrics,
        settings,
        modelOf,
      },
      ...(options.gate === undefined ? {} : { gate: options.gate }),
      presenceOf: (thingName) => this.#presence.get(thingName),
      onStep: (entry, before, step) => this.#onStep(entry, before, step),
      resyncsPerSecond: Math.min(RESYNCS_PER_SECOND, (options.requestsPerSecond ?? Infinity) / 2),
      desksMax: options.desksMax ?? DESKS_MAX,
      idleMs: options.deskIdleMs ?? DESK_IDLE_MS,
      mayForget: (entry) => this.#drift.isQuiet(entry),
    });
    this.#direct = new DirectChannel({
      ...{ transport, ledger, clock, random, log, metrics, time, ids, once },
      ...{ recorder: this.#recorder, outbox: this.#outbox, presence: this.#presence },
      settings: { ...DIRECT_SETTINGS, ...options.direct },
      topics: options.directTopics ?? defaultDirectTopics(),
      groups: options.groups ?? {},
      ...(options.gate === undefined ? {} : { gate: options.gate }),
      openPerThingMax: options.openPerShadowMax ?? OPEN_PER_SHADOW_MAX,
      onOpen: (change) => (this.#openCommands += change),
    });
    const openPerShadowMax = options.openPerShadowMax ?? OPEN_PER_SHADOW_MAX;
    const taking = { ledger, desks: this.#desks, ids, time, metrics, modelOf, openPerShadowMax, once };
    this.#commandDesk = new CommandDesk({ ...taking, hub: this.#hub, direct: this.#direct.clerk });
    this.#fanOut = new FanOut(taking);
    this.#watcher = new Watcher({
      ...{ transport, desks: this.#desks, outbox: this.#outbox, presence: this.#presence, time, log, metrics },
      things: options.things ?? ['+'],
      qos: options.qos ?? 0,
      thingOfClient: options.thingOfClient ?? sameName,
      willFilter: options.willFilter ?? WILL_FILTER,
    });
    const sweepMs = options.sweepMs ?? SWEEP_MS;
    this.#recovery = new Recovery({
      ...{ ledger, desks: this.#desks, direct: this.#direct.desks, presence: this.#presence, clock, random, log },
      sweepMs,
    });
    this.#retention = new Retention({ ...{ ledger, clock, time, log }, keepMs: options.retentionMs ?? RETENTION_MS });
    this.#reader = new Reader({
      ...{ ledger, time, hub: this.#hub, desks: this.#desks, directDesks: this.#direct.desks },
      presenceOf: (thingName) => this.#presence.get(thingName),
    });
  }

  async start(): Promise<Result<void>> {
    const { transport, log } = this.#options;
    const ready = await this.#drift.start();
    if (!ready.ok) return ready;
    const remembered = await this.#recovery.rememberPresence();
    if (!remembered.ok) return remembered;
    const followed = await this.#watcher.start();
    if (!followed.ok) return followed;
    const heard = await this.#direct.start();
    if (!heard.ok) return heard;
    this.#cancels.push(
      transport.onConnection((event) => {
        if (event.type === 'up') this.#linked(true);
        else if (event.type === 'down') this.#linked(false);
      }),
    );
    const recovered = this.#recovery.start().then((result) => {
      this.#openCommands += this.#recovery.openAtStart;
      return result;
    });
    const connected = await transport.start();
    if (!connected.ok) log.warn({ code: connected.problem.code }, 'not connected yet; commands wait');
    else if (transport.connected) this.#linked(true);
    this.#retention.start();
    return recovered;
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async create(request: CreateCommand): Promise<Result<CreatedCommand>> {
    if (this.#stopping !== undefined) return fail(problem('ledger_unavailable', 'the server is stopping'));
    return this.#commandDesk.create(request);
  }

  async createMany(request: CreateMany): Promise<Result<CreatedMany>> {
    if (this.#stopping !== undefined) return fail(problem('ledger_unavailable', 'the server is stopping'));
    return this.#fanOut.create(request);
  }

  async createDirect(request: CreateDirectCommand): Promise<Result<CreatedDirectCommand>> {
    if (this.#stopping !== undefined) return fail(problem('ledger_unavailable', 'the server is stopping'));
    return this.#direct.clerk.create(request);
  }

  async createGroup(request: CreateGroupCommand): Promise<Result<CreatedGroup>> {
    if (this.#stopping !== undefined) return fail(problem('ledger_unavailable', 'the server is stopping'));
    return this.#direct.clerk.createGroup(request);
  }

  groups(): readonly { readonly group: string; readonly things: readonly string[] }[] {
    return this.#direct.groups();
  }

  async members(group: string): Promise<Result<readonly ThingName[]>> {
    return this.#direct.members(group);
  }

  async command(id: CommandId): Promise<Result<AnyCommand>> {
    return this.#reader.command(id);
  }

  async commands(filter: CommandFilter, page: PageRequest): Promise<Result<Page<AnyCommand>>> {
    return this.#options.ledger.commands(filter, page);
  }

  async timeline(id: CommandId): Promise<Result<readonly TimelineEntry[]>> {
    const found = await this.#reader.command(id);
    return found.ok ? this.#options.ledger.timeline(id) : found;
  }

  async settled(id: CommandId, signal: AbortSignal, ref?: ShadowRef): Promise<Result<AnyCommand>> {
    return this.#reader.settled(id, signal, ref);
  }

  async act(id: CommandId, action: CommandAction): Promise<Result<AnyCommand>> {
    return this.#commandDesk.act(id, action);
  }

  async explainCommand(id: CommandId): Promise<Result<Explanation>> {
    return this.#reader.explainCommand(id);
  }

  async explainShadow(ref: ShadowRef): Promise<Result<ShadowExplanation>> {
    return this.#reader.explainShadow(ref);
  }

  async shadow(ref: ShadowRef, options?: { readonly refresh?: boolean }): Promise<Result<ShadowReport>> {
    return this.#reader.shadow(ref, options);
  }

  async shadows(page: PageRequest, filter?: ShadowFilter): Promise<Result<Page<ShadowRef>>> {
    return this.#options.ledger.shadows(page, filter);
  }

  async thing(thingName: ThingName): Promise<Result<ThingReport>> {
    const shadows = await this.#reader.shadowsOf(thingName);
    return shadows.ok ? ok({ thingName, presence: this.#presence.get(thingName), shadows: shadows.value }) : shadows;
  }

  async follow(refs: readonly ShadowRef[]): Promise<Result<void>> {
    for (const ref of refs) this.#desks.send(ref, { type: 'ask', patient: true });
    return done;
  }

  async drift(filter: DriftFilter, page: PageRequest): Promise<Result<Page<DriftEntry>>> {
    await this.#recorder.flush();
    return this.#options.ledger.drift(filter, page);
  }

  async driftCounts(filter: DriftFilter, agesMs?: readonly number[]): Promise<Result<DriftCounts>> {
    await this.#recorder.flush();
    const now = this.#options.clock.wall();
    return this.#options.ledger.driftCounts(
      filter,
      agesMs?.map((ageMs) => epochMs(now - ageMs)),
    );
  }

  async overview(scope?: Scope): Promise<Result<FleetOverview>> {
    await this.#recorder.flush();
    return this.#options.ledger.overview(scope);
  }

  async acknowledgeDrift(target: DriftTarget, by: Actor, reason?: string): Promise<Result<DriftEntry>> {
    const entry = await this.#desks.open(target.ref);
    return this.#drift.acknowledge(entry, target.field, { by: by.name, ...(reason === undefined ? {} : { reason }) });
  }

  async ignoreRules(): Promise<Result<readonly IgnoreRule[]>> {
    return ok(this.#drift.rules());
  }

  async addIgnoreRule(rule: NewIgnoreRule): Promise<Result<IgnoreRule>> {
    return this.#drift.addRule(rule);
  }

  async removeIgnoreRule(id: string, _by: Actor): Promise<Result<void>> {
    return this.#drift.removeRule(id);
  }

  async events(after: number, limit: number): Promise<Result<EventPage>> {
    return this.#options.ledger.events(after, limit);
  }

  onEvent(listener: (entry: TimelineEntry) => void): Cancel {
    return this.#hub.onEvent(listener);
  }

  async health(): Promise<CloudHealth> {
    const ledger = await this.#options.ledger.health();
    const transport = this.#options.transport.connected ? 'up' : 'down';
    const ready = ledger.state === 'ok' && this.#recorder.trouble === undefined && this.#stopping === undefined;
    return { ready, transport, ledger, recovering: this.#recovery.left, openCommands: this.#openCommands };
  }

  /** Numbers that are read, not counted. Called when somebody asks for metrics. */
  async measure(): Promise<void> {
    const metrics = this.#metrics;
    metrics.set('shadow_outbox_depth', this.#outbox.waiting);
    metrics.set('shadow_desks', this.#desks.size);
    metrics.set('shadow_recovering', this.#recovery.left);
    metrics.set('shadow_link_up', this.#options.transport.connected ? 1 : 0);
    metrics.set('shadow_ledger_up', this.#recorder.trouble === undefined ? 1 : 0);
    for (const [state, count] of Object.entries(this.#presence.counts()))
      metrics.set('shadow_devices', count, { state });
    for (const [status, count] of this.#desks.pendingByStatus())
      metrics.set('shadow_commands_pending', count, { status });
    await this.#drift.measure();
  }

  #linked(up: boolean): void {
    if (!up) {
      this.#outbox.clear();
      this.#presence.deaf();
    }
    this.#desks.link(up);
    this.#direct.desks.link(up);
  }

  #onStep(entry: DeskEntry, before: Desk, step: DeskStep): readonly LedgerChange[] {
    // Not from the changes: a command that could not be stored leaves the desk without one.
    if (before.commands !== step.desk.commands) this.#openCommands += openOn(step.desk) - openOn(before);
    if ((before.sight.view?.incarnation ?? 1) < (step.desk.sight.view?.incarnation ?? 1)) {
      this.#metrics.count('shadow_version_resets_total');
    }
    return this.#drift.onStep(entry, before, step);
  }

  #onEnd(command: AnyCommand): void {
    this.#measureEnd(command);
    this.#direct.ended(command);
  }

  #measureEnd(command: AnyCommand): void {
    const labels = { kind: command.kind, result: command.status };
    const ended = command.endedAt ?? command.createdAt;
    this.#metrics.count('shadow_commands_total', labels);
    this.#metrics.observe('shadow_command_duration_seconds', (ended - command.createdAt) / 1000, labels);
    if (command.status === 'succeeded' && command.sentAt !== undefined && !isNoop(command)) {
      this.#metrics.observe('shadow_converge_duration_seconds', Math.max(0, ended - command.sentAt) / 1000);
    }
  }

  /** In order: take nothing new, hear nothing new, store what is known, close. */
  async #stop(): Promise<void> {
    this.#retention.stop();
    this.#recovery.stop();
    for (const cancel of this.#cancels.splice(0)) cancel();
    this.#watcher.stop();
    this.#outbox.stop();
    this.#presence.stop();
    this.#drift.stop();
    await this.#options.transport.stop();
    this.#desks.stop();
    this.#direct.stop();
    await this.#recorder.close();
    await this.#options.ledger.close();
  }
}

function openOn({ commands }: Desk): number {
  let open = 0;
  for (const command of commands.values()) if (isOpenCommand(command)) open += 1;
  return open;
}

/** Nothing converged: it was as desired before. */
function isNoop(command: AnyCommand): boolean {
  return command.kind === 'shadow' && command.noop === true;
}

function sameName(clientId: string): ThingName | undefined {
  const name = parseThingName(clientId);
  return name.ok ? name.value : undefined;
}
