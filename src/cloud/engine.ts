import type { Scope } from '../core/access/decide.ts';
import type { CommandId, ThingName } from '../core/brand.ts';
import type { TimelineEntry } from '../core/command/command.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import { DIRECT_SETTINGS } from '../core/direct/direct-desk.ts';
import { DESK_SETTINGS } from '../core/desk/desk.ts';
import type { DriftEntry } from '../core/drift/drift.ts';
import { PRESENCE_SETTINGS } from '../core/presence/track.ts';
import { problem } from '../core/problem.ts';
import { done, fail, ok, type Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Cancel } from '../ports/clock.ts';
import type {
  CommandFilter,
  DriftCounts,
  DriftFilter,
  EventPage,
  FleetOverview,
  Page,
  PageRequest,
  ShadowFilter,
} from '../ports/ledger.ts';
import type {
  Actor,
  Cloud,
  CloudHealth,
  CommandAction,
  CountedRule,
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
  Settling,
  ShadowExplanation,
  ShadowReport,
  ThingReport,
} from './cloud.ts';
import { CloudMeter } from './cloud-meter.ts';
import { CLOUD_DEFAULTS, type CloudOptions } from './cloud-options.ts';
import { CommandDesk } from './command-desk.ts';
import { Desks } from './desks.ts';
import { DirectChannel } from './direct-channel.ts';
import { DriftIndex } from './drift-index.ts';
import { DriftReport } from './drift-report.ts';
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

/** Looking whether anything was missed: as often as AWS allows messages, or with half of what this connection may send. */
const RESYNCS_PER_SECOND = 100;

/** The cloud side, put together. Owns the parts and their order of start and stop; each part has a file of its own. */
export class Engine implements Cloud {
  readonly #options: CloudOptions;
  readonly #meter: CloudMeter;
  readonly #time: SteadyTime;
  readonly #hub: Hub;
  readonly #recorder: Recorder;
  readonly #outbox: Outbox;
  readonly #presence: PresenceKeeper;
  readonly #desks: Desks;
  readonly #drift: DriftIndex;
  readonly #report: DriftReport;
  readonly #direct: DirectChannel;
  readonly #commandDesk: CommandDesk;
  readonly #fanOut: FanOut;
  readonly #watcher: Watcher;
  readonly #recovery: Recovery;
  readonly #retention: Retention;
  readonly #reader: Reader;
  readonly #cancels: Cancel[] = [];
  #stopping: Promise<void> | undefined;

  constructor(given: CloudOptions) {
    const options = { ...CLOUD_DEFAULTS, ...given };
    const { transport, ledger, clock, random, log, metrics, modelOf, openPerShadowMax } = options;
    this.#options = options;
    this.#meter = new CloudMeter(metrics);
    this.#time = new SteadyTime(clock);
    const time = this.#time;
    const ids = new Ids(clock, random);
    const once = new Once({ ledger, time });
    const settings = { ...DESK_SETTINGS, ...options.desk };
    this.#hub = new Hub(log, (command) => {
      this.#meter.ended(command);
      this.#direct.ended(command);
    });
    this.#recorder = new Recorder({ ledger, clock, log }, (changes, receipt) => this.#hub.durable(changes, receipt));
    this.#outbox = new Outbox(transport, clock, {
      answerMs: settings.answerMs,
      inFlightMax: options.inFlightMax,
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
    this.#report = new DriftReport({ ledger, recorder: this.#recorder, clock, index: this.#drift });
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
      onStep: (entry, before, step) => {
        this.#meter.stepped(before, step.desk);
        return this.#drift.onStep(entry, before, step);
      },
      resyncsPerSecond: Math.min(RESYNCS_PER_SECOND, (options.requestsPerSecond ?? Infinity) / 2),
      desksMax: options.desksMax,
      idleMs: options.deskIdleMs,
      restMs: options.deskRestMs,
      mayForget: (entry) => this.#drift.isQuiet(entry),
    });
    this.#direct = new DirectChannel({
      ...{ transport, ledger, clock, random, log, metrics, time, ids, once },
      ...{ recorder: this.#recorder, outbox: this.#outbox, presence: this.#presence },
      settings: { ...DIRECT_SETTINGS, ...options.direct },
      topics: options.directTopics,
      groups: options.groups,
      ...(options.gate === undefined ? {} : { gate: options.gate }),
      openPerThingMax: openPerShadowMax,
      onOpen: (change) => this.#meter.opened(change),
    });
    const taking = { ledger, desks: this.#desks, ids, time, metrics, modelOf, openPerShadowMax, once };
    this.#commandDesk = new CommandDesk({ ...taking, hub: this.#hub, direct: this.#direct.clerk });
    this.#fanOut = new FanOut(taking);
    this.#watcher = new Watcher({
      ...{ transport, desks: this.#desks, outbox: this.#outbox, presence: this.#presence, time, log, metrics },
      things: options.things,
      qos: options.qos,
      thingOfClient: options.thingOfClient,
      willFilter: options.willFilter,
    });
    this.#recovery = new Recovery({
      ...{ ledger, desks: this.#desks, direct: this.#direct.desks, presence: this.#presence, clock, random, log },
      sweepMs: options.sweepMs,
    });
    this.#retention = new Retention({ ...{ ledger, clock, time, log }, keepMs: options.retentionMs });
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
      this.#meter.opened(this.#recovery.openAtStart);
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

  settled(id: CommandId, ref?: ShadowRef): Settling {
    return this.#reader.settled(id, ref);
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
    return this.#report.page(filter, page);
  }

  async driftCounts(filter: DriftFilter, agesMs?: readonly number[]): Promise<Result<DriftCounts>> {
    return this.#report.counts(filter, agesMs);
  }

  async overview(scope?: Scope): Promise<Result<FleetOverview>> {
    await this.#recorder.flush();
    return this.#options.ledger.overview(scope);
  }

  async acknowledgeDrift(target: DriftTarget, by: Actor, reason?: string): Promise<Result<DriftEntry>> {
    const entry = await this.#desks.open(target.ref);
    return this.#drift.acknowledge(entry, target.field, { by: by.name, ...(reason === undefined ? {} : { reason }) });
  }

  async ignoreRules(): Promise<Result<readonly CountedRule[]>> {
    return this.#drift.countedRules();
  }

  async addIgnoreRule(rule: NewIgnoreRule): Promise<Result<CountedRule>> {
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
    return { ready, transport, ledger, recovering: this.#recovery.left, openCommands: this.#meter.openCommands };
  }

  /** Numbers that are read, not counted. Called when somebody asks for metrics. */
  async measure(): Promise<void> {
    const { transport } = this.#options;
    await this.#meter.measure({
      ...{ transport, outbox: this.#outbox, desks: this.#desks, presence: this.#presence },
      ...{ recorder: this.#recorder, recovery: this.#recovery, drift: this.#drift },
    });
  }

  #linked(up: boolean): void {
    if (!up) {
      this.#outbox.clear();
      this.#presence.deaf();
    }
    this.#desks.link(up);
    this.#direct.desks.link(up);
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
