import type { CommandId, ThingName } from '../core/brand.ts';
import { monotonicMs } from '../core/brand.ts';
import { isOpenCommand } from '../core/command/clocks.ts';
import type { DirectCommand } from '../core/direct/direct-command.ts';
import { requestOf } from '../core/direct/direct-command.ts';
import type {
  AnswerOutcome,
  DirectContext,
  DirectDesk,
  DirectEffect,
  DirectEvent,
  DirectSettings,
  DirectStep,
} from '../core/direct/direct-desk.ts';
import { nextDirect, nextDirectLookAt, openDirectDesk } from '../core/direct/next.ts';
import type { Presence } from '../core/presence/presence.ts';
import { done, type Result } from '../core/result.ts';
import { printDirectRequest } from '../protocol/direct-messages.ts';
import type { DirectTopics } from '../protocol/direct-topics.ts';
import { Alarm } from '../ports/alarm.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ledger, LedgerChange } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Random } from '../ports/random.ts';
import type { PublishGate } from './cloud.ts';
import type { Outbox } from './outbox.ts';
import type { Recorder } from './recorder.ts';
import type { SteadyTime } from './steady-time.ts';

/** A thing's direct desk in memory. Nobody but `DirectDesks` changes it. */
export interface DirectEntry {
  readonly thingName: ThingName;
  desk: DirectDesk | undefined;
  /** Work that arrived while it is being read from the ledger. */
  readonly mailbox: (() => void)[];
  /** The next look at the desk. */
  readonly alarm: Alarm;
}

export interface DirectDesksOptions {
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly random: Random;
  readonly time: SteadyTime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly settings: DirectSettings;
  readonly topics: DirectTopics;
  readonly gate?: PublishGate;
  readonly presenceOf: (thingName: ThingName) => Presence;
  /** How many open commands a step added or took away. */
  readonly onOpen: (change: number) => void;
  /** Called with the open commands of a desk that was read from the ledger. */
  readonly onLoaded: (commands: readonly DirectCommand[]) => void;
}

const RELOAD_MS = 1_000;

/**
 * The desks of direct commands, as `Desks` is for shadows: runs one event after the other through the pure step, stores
 * what it changed, publishes, wakes each up when it asked to be looked at.
 */
export class DirectDesks {
  readonly #options: DirectDesksOptions;
  readonly #entries = new Map<ThingName, DirectEntry>();
  #linked = false;
  #stopped = false;

  constructor(options: DirectDesksOptions) {
    this.#options = options;
  }

  peek(thingName: ThingName): DirectDesk | undefined {
    return this.#entries.get(thingName)?.desk;
  }

  /** Read from the ledger if it must be. */
  async open(thingName: ThingName): Promise<DirectDesk | undefined> {
    const entry = this.#entry(thingName);
    if (entry.desk === undefined) await new Promise<void>((resolve) => entry.mailbox.push(resolve));
    return entry.desk;
  }

  send(thingName: ThingName, event: DirectEvent): void {
    const entry = this.#entry(thingName);
    if (entry.desk === undefined) entry.mailbox.push(() => this.#run(entry, event));
    else this.#run(entry, event);
  }

  /** As `send`, at once where the desk is open; settles when all that the step changed is durable. */
  sendDurably(
    thingName: ThingName,
    event: DirectEvent,
    { extra = [], refusable = false }: { extra?: readonly LedgerChange[]; refusable?: boolean } = {},
  ): Promise<Result<void>> {
    const entry = this.#entry(thingName);
    return new Promise((resolve) => {
      const run = (): void => this.#run(entry, event, { extra, refusable, settle: resolve });
      if (entry.desk === undefined) entry.mailbox.push(run);
      else run();
    });
  }

  /**
   * Commands of one transaction for the members of a group, in one commit: all of them or none. Then one request goes out
   * for all that are `inGroup`; the others are asked when they return. The desks are open.
   */
  async createGroup(
    group: string,
    commands: readonly { readonly command: DirectCommand; readonly inGroup: boolean }[],
    extra: readonly LedgerChange[],
  ): Promise<Result<void>> {
    const changes: LedgerChange[] = [...extra];
    const settles: Settle[] = [];
    for (const { command, inGroup } of commands) {
      const options: RunOptions = {
        refusable: true,
        commit: (more, settle) => {
          for (const change of more) changes.push(change);
          settles.push(settle);
        },
      };
      this.#run(this.#entry(command.ref.thingName), { type: 'create', command, inGroup }, options);
    }
    return new Promise((resolve) => {
      const settle: Settle = (result) => {
        for (const each of settles) each(result);
        const members = commands.filter(({ inGroup }) => inGroup).map(({ command }) => command);
        if (result.ok && members.length > 0) this.#publishGroup(group, members);
        resolve(result);
      };
      this.#options.recorder.commit(changes, (result) => settle(result.ok ? done : result), { refusable: true });
    });
  }

  presenceChanged(presence: Presence): void {
    if (this.#entries.has(presence.thingName)) this.send(presence.thingName, { type: 'presence', presence });
  }

  link(up: boolean): void {
    this.#linked = up;
    for (const { thingName } of this.#entries.values()) this.send(thingName, { type: 'link', up });
  }

  jumped(byMs: number): void {
    for (const { thingName } of this.#entries.values()) this.send(thingName, { type: 'jumped', byMs });
  }

  stop(): void {
    this.#stopped = true;
    for (const { alarm } of this.#entries.values()) alarm.cancel();
  }

  context(): DirectContext {
    const { time, settings, random, gate } = this.#options;
    return {
      now: time.now(),
      settings,
      fraction: () => random.fraction(),
      ...(gate === undefined ? {} : { mayPublish: gate }),
    };
  }

  #entry(thingName: ThingName): DirectEntry {
    const known = this.#entries.get(thingName);
    if (known !== undefined) return known;
    const alarm = new Alarm(this.#options.clock, () => this.#run(entry, { type: 'tick' }));
    const entry: DirectEntry = { thingName, desk: undefined, mailbox: [], alarm };
    this.#entries.set(thingName, entry);
    void this.#load(entry);
    return entry;
  }

  async #load(entry: DirectEntry): Promise<void> {
    const { ledger, clock, log, presenceOf, onLoaded } = this.#options;
    const kept = await ledger.direct(entry.thingName);
    if (this.#stopped) return;
    if (!kept.ok) {
      log.warn({ code: kept.problem.code }, 'direct commands could not be read from the ledger; trying again');
      clock.at(monotonicMs(clock.monotonic() + RELOAD_MS), () => void this.#load(entry));
      return;
    }
    entry.desk = openDirectDesk(entry.thingName, kept.value, presenceOf(entry.thingName));
    if (kept.value.open.length > 0) onLoaded(kept.value.open);
    this.#run(entry, this.#linked ? { type: 'link', up: true } : { type: 'tick' });
    for (const run of entry.mailbox.splice(0)) run();
  }

  /** Never async: nothing may change half way through a step. */
  #run(entry: DirectEntry, event: DirectEvent, options: RunOptions = {}): void {
    const before = entry.desk;
    if (before === undefined || this.#stopped) return;
    const step = nextDirect(before, event, this.context());
    entry.desk = step.desk;
    this.#count(before, step);
    this.#store(entry, event, step, options);
    for (const effect of step.effects) if (effect.purpose !== 'first') this.#publish(entry, effect);
    this.#arm(entry);
  }

  #store(
    entry: DirectEntry,
    event: DirectEvent,
    step: DirectStep,
    { extra = [], refusable = false, settle, commit }: RunOptions,
  ): void {
    const { recorder } = this.#options;
    const changes: readonly LedgerChange[] = extra.length === 0 ? step.changes : [...extra, ...step.changes];
    if (!step.urgent && settle === undefined && commit === undefined) {
      if (changes.length > 0) recorder.defer(changes);
      return;
    }
    const stored: Settle = (result) => {
      if (result.ok) for (const effect of step.effects) if (effect.purpose === 'first') this.#publish(entry, effect);
      if (!result.ok && refusable && event.type === 'create') {
        this.#run(entry, { type: 'uncreate', id: event.command.id });
        this.#options.onOpen(-1);
      }
      settle?.(result);
    };
    if (commit !== undefined) commit(changes, stored);
    else recorder.commit(changes, (result) => stored(result.ok ? done : result), { refusable });
  }

  #publish(entry: DirectEntry, { id, request, purpose }: DirectEffect): void {
    const { outbox, topics, metrics } = this.#options;
    const { thingName } = entry;
    // Its commit was refused while it waited behind another one.
    if (purpose !== 'notice' && entry.desk?.commands.has(id) !== true) return;
    const tell = (event: DirectEvent): void => {
      if (purpose !== 'notice') this.send(thingName, event);
    };
    metrics.count('shadow_direct_requests_total', { purpose });
    outbox.send({
      token: `${id} ${purpose} ${request.attempt}`,
      priority: 'write',
      message: { topic: topics.request(thingName), payload: printDirectRequest(request), qos: 1 },
      // What ended or ran out while it waited behind a cap must not be asked for after all.
      isWanted: () => purpose === 'notice' || this.#isWanted(entry, id),
      onUnwanted: () => tell(unpublished(id, 'not_wanted')),
      onSent: () => undefined,
      onAcknowledged: () => tell({ type: 'published', id }),
      onFailed: ({ code }) => tell(unpublished(id, code)),
    });
  }

  #isWanted({ desk }: DirectEntry, id: CommandId): boolean {
    const command = desk?.commands.get(id);
    return command !== undefined && isOpenCommand(command) && this.#options.time.now() < command.policy.expiresAt;
  }

  #publishGroup(group: string, members: readonly DirectCommand[]): void {
    const { outbox, topics, metrics } = this.#options;
    const [first] = members;
    if (first === undefined) return;
    const tellAll = (eventOf: (id: CommandId) => DirectEvent): void => {
      for (const { id, ref } of members) this.send(ref.thingName, eventOf(id));
    };
    metrics.count('shadow_direct_requests_total', { purpose: 'group' });
    outbox.send({
      token: `${first.parentId ?? first.id} group`,
      priority: 'write',
      message: { topic: topics.group(group), payload: printDirectRequest(requestOf(first)), qos: 1 },
      isWanted: () => members.some(({ id, ref }) => this.#isWanted(this.#entry(ref.thingName), id)),
      onUnwanted: () => tellAll((id) => unpublished(id, 'not_wanted')),
      onSent: () => undefined,
      onAcknowledged: () => tellAll((id) => ({ type: 'published', id })),
      onFailed: ({ code }) => tellAll((id) => unpublished(id, code)),
    });
  }

  #count(before: DirectDesk, step: DirectStep): void {
    const { metrics, onOpen } = this.#options;
    if (step.answer !== undefined) metrics.count(RESPONSES, { outcome: step.answer satisfies AnswerOutcome });
    for (const change of step.changes) {
      if (change.type !== 'command') continue;
      const was = before.commands.get(change.command.id);
      const wasOpen = was !== undefined && isOpenCommand(was);
      onOpen(Number(isOpenCommand(change.command)) - Number(wasOpen));
    }
  }

  #arm({ desk, alarm }: DirectEntry): void {
    if (desk === undefined || desk.commands.size === 0) return;
    const at = nextDirectLookAt(desk, this.context());
    if (at !== undefined) alarm.by(this.#options.time.due(at));
  }
}

const RESPONSES = 'shadow_direct_responses_total';

function unpublished(id: CommandId, code: string): DirectEvent {
  return { type: 'unpublished', id, code, refused: code === 'transport_refused' };
}

type Settle = (result: Result<void>) => void;

interface RunOptions {
  readonly extra?: readonly LedgerChange[];
  readonly refusable?: boolean;
  readonly settle?: Settle;
  /** Instead of a commit of its own: gathers what several steps store together. */
  readonly commit?: (changes: readonly LedgerChange[], settle: Settle) => void;
}
