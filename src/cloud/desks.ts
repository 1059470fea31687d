import { assert } from '../core/assert.ts';
import type { ThingName, WriteId } from '../core/brand.ts';
import { monotonicMs } from '../core/brand.ts';
import type { Command } from '../core/command/command.ts';
import { nextLookAt } from '../core/desk/deadlines.ts';
import type { Desk, DeskContext, DeskEvent, DeskSettings, DeskStep } from '../core/desk/desk.ts';
import { next, openDesk } from '../core/desk/next.ts';
import { restOf, returned } from '../core/desk/rest.ts';
import type { Model } from '../core/model/model.ts';
import type { Presence } from '../core/presence/presence.ts';
import { ok, type Result } from '../core/result.ts';
import { shadowKey, type ShadowRef } from '../core/shadow/shadow-ref.ts';
import { Alarm } from '../ports/alarm.ts';
import type { Ledger, LedgerChange, ShadowRecord } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { PublishGate } from './cloud.ts';
import { DeskCounts } from './desk-counts.ts';
import { isUnheardOf, type DeskEntry } from './desk-entry.ts';
import { DeskRecords, type Commit, type Settle, type StoreOptions } from './desk-records.ts';
import { DeskRequests } from './desk-requests.ts';
import { DeskShelf, type DeskShelfOptions } from './desk-shelf.ts';
import { deviceWord } from './device-word.ts';
import type { Ids } from './ids.ts';
import type { Outbox } from './outbox.ts';
import { RestingDesks } from './resting-desks.ts';
import type { SteadyTime } from './steady-time.ts';
import { WakeUp } from './wake-up.ts';

/** Called after every step with what was and what is; may add changes, which are stored with the step's own. */
export type StepListener = (entry: DeskEntry, before: Desk, step: DeskStep) => readonly LedgerChange[];

export interface DesksOptions extends DeskShelfOptions {
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly random: Random;
  readonly time: SteadyTime;
  readonly ids: Ids;
  readonly log: Log;
  readonly settings: DeskSettings;
  readonly modelOf: (ref: ShadowRef) => Model;
  readonly gate?: PublishGate;
  readonly presenceOf: (thingName: ThingName) => Presence;
  readonly onStep: StepListener;
  /** So many shadows with open commands are looked at again per second at most, only to see that nothing was missed. */
  readonly resyncsPerSecond: number;
}

const RELOAD_MS = 1_000;
/** What is new must not wait behind all that is taken up again: the rest comes when fewer requests than this wait. */
const WAITING_MAX = 250;
const LINK_UP: DeskEvent = { type: 'link', up: true };
/**
 * All desks: opens them from the ledger when they are first touched, runs one event after the other through the pure
 * step, stores what it changed, performs its effects, and wakes each up when it asked to be looked at.
 */
export class Desks {
  readonly #options: DesksOptions;
  readonly #shelf: DeskShelf;
  readonly #resting = new RestingDesks();
  readonly #wakeUp: WakeUp;
  readonly #counts = new DeskCounts();
  readonly #requests: DeskRequests;
  readonly #records: DeskRecords;
  readonly #newWriteId: () => WriteId;
  readonly #fraction: () => number;
  #linked = false;
  #stopped = false;

  constructor(options: DesksOptions) {
    this.#options = options;
    this.#newWriteId = () => options.ids.next() as WriteId;
    this.#fraction = () => options.random.fraction();
    this.#shelf = new DeskShelf({ ...options, onRest: (entries) => this.#rest(entries) });
    const { clock, time, random } = options;
    this.#wakeUp = new WakeUp({
      ...{ clock, time, random, resting: this.#resting },
      isCrowded: () => this.crowded,
      linkUp: (entry) => {
        if (this.#shelf.get(entry.key) === entry) this.send(entry.ref, LINK_UP);
      },
      look: (ref) => this.send(ref, { type: 'tick' }),
    });
    this.#requests = new DeskRequests({
      outbox: options.outbox,
      instance: options.ids.next().slice(-8),
      send: (ref, event) => this.send(ref, event),
    });
    this.#records = new DeskRecords({
      ...{ recorder: options.recorder, requests: this.#requests },
      run: (entry, event) => this.#run(entry, event),
    });
  }

  /** Those in memory. */
  get size(): number {
    return this.#shelf.size;
  }

  /** Those whose commands are open and only wait, so that their desks left the memory. */
  get resting(): number {
    return this.#resting.size;
  }

  /** The desk if it is in memory. */
  peek(ref: ShadowRef): DeskEntry | undefined {
    return this.#shelf.get(shadowKey(ref));
  }

  /** The desk, read from the ledger if it must be. */
  async open(ref: ShadowRef): Promise<DeskEntry> {
    const entry = this.#entry(ref);
    if (entry.desk === undefined) await new Promise<void>((resolve) => entry.mailbox.push(resolve));
    return entry;
  }

  /** All of them at once; they stay until they are released. */
  async hold(refs: readonly ShadowRef[]): Promise<readonly DeskEntry[]> {
    const entries = refs.map((ref) => this.#entry(ref));
    for (const entry of entries) entry.holds += 1;
    await Promise.all(refs.map((ref) => this.open(ref)));
    return entries;
  }

  release(entries: readonly DeskEntry[]): void {
    for (const entry of entries) entry.holds -= 1;
  }

  /** As `open`, with a view: asks the service where none is known yet, or where `refresh` says so. */
  async openFresh(ref: ShadowRef, refresh: boolean): Promise<DeskEntry> {
    const entry = await this.open(ref);
    const { desk } = entry;
    if (desk === undefined || !this.#linked || (!refresh && desk.sight.view !== undefined)) return entry;
    this.#run(entry, { type: 'ask' });
    const serial = entry.desk?.asking.needed ?? 0;
    await new Promise<void>((resolve) => {
      const { clock, settings } = this.#options;
      const cancel = clock.at(monotonicMs(clock.monotonic() + settings.answerMs), () => resolve());
      entry.readers.push({ serial, resolve: () => (cancel(), resolve()) });
    });
    return entry;
  }

  shadowsOf(thingName: ThingName): ShadowRef[] {
    const entries = [...this.#shelf.ofThing(thingName)];
    return entries.filter((entry) => !isUnheardOf(entry)).map(({ ref }) => ref);
  }

  /** Open commands on the desks that were opened so far. */
  pendingByStatus(): Map<string, number> {
    return this.#counts.pendingByStatus();
  }

  /** Requests wait for their turn in such numbers that more work would only wait as well. */
  get crowded(): boolean {
    return this.#options.outbox.pressing >= WAITING_MAX;
  }

  send(ref: ShadowRef, event: DeskEvent): void {
    const entry = this.#entry(ref);
    if (entry.desk === undefined) entry.mailbox.push(() => this.#run(entry, event));
    else this.#run(entry, event);
  }

  /**
   * As `send`; settles with all that the step changed when that is durable. With `refusable` a failure takes it back. The
   * desk may be ahead of it by then, with what no reader can see yet (I20).
   */
  async sendDurably(
    ref: ShadowRef,
    event: DeskEvent,
    { extra = [], refusable = false }: { extra?: readonly LedgerChange[]; refusable?: boolean } = {},
  ): Promise<Result<readonly LedgerChange[]>> {
    const entry = await this.open(ref);
    return new Promise((resolve) => this.#run(entry, event, { extra, refusable, settle: resolve }));
  }

  /** New commands of different shadows in one commit: all of them or none. Their desks are held. */
  async createTogether(
    commands: readonly Command[],
    extra: readonly LedgerChange[],
  ): Promise<Result<readonly LedgerChange[]>> {
    const changes: LedgerChange[] = [...extra];
    const settles: Settle[] = [];
    const commit: Commit = (more, settle) => {
      changes.push(...more);
      settles.push(settle);
    };
    for (const command of commands) {
      const options = { refusable: true, settle: () => undefined, commit };
      this.#run(this.#entry(command.ref), { type: 'create', command }, options);
    }
    return new Promise((resolve) => {
      const settle: Settle = (result) => {
        for (const each of settles) each(result);
        resolve(result.ok ? ok(changes) : result);
      };
      this.#options.recorder.commit(changes, settle, { refusable: true });
    });
  }

  presenceChanged(presence: Presence): void {
    for (const entry of this.#shelf.ofThing(presence.thingName)) {
      this.send(entry.ref, { type: 'presence', presence });
    }
    this.#resting.wake(presence.thingName);
    this.#wakeUp.lookAtDue();
  }

  /**
   * Down concerns all at once: nobody may wait for what cannot come. Up is taken up piece by piece, those with commands
   * first, so that a large fleet neither holds up the process nor asks for everything in one moment; a desk that is
   * touched meanwhile does not wait for its turn.
   */
  link(up: boolean): void {
    this.#linked = up;
    this.#shelf.link(up);
    const entries = [...this.#shelf.all()];
    if (!up) {
      this.#wakeUp.unlink();
      this.#resting.deaf();
      for (const entry of entries) this.send(entry.ref, { type: 'link', up });
      return;
    }
    const isBusy = ({ desk }: DeskEntry): boolean => desk !== undefined && desk.commands.size > 0;
    this.#wakeUp.link([...entries.filter(isBusy), ...entries.filter((entry) => !isBusy(entry))]);
  }

  /** The clock was corrected: what ran for a while has not run for that much longer. */
  jumped(byMs: number): void {
    for (const entry of this.#shelf.all()) this.send(entry.ref, { type: 'jumped', byMs });
    this.#wakeUp.plan();
  }

  /** The number of the `get` a token of ours names, in this process. */
  serialOf(token: string | undefined): number | undefined {
    return this.#requests.serialOf(token);
  }

  stop(): void {
    this.#stopped = true;
    this.#wakeUp.stop();
    this.#shelf.stop();
  }

  /** They left; what the ledger does not hold of them is kept here. */
  #rest(entries: readonly DeskEntry[]): void {
    for (const { ref, desk, lookAt } of entries) {
      const rest = desk === undefined ? undefined : restOf(desk);
      assert(rest !== undefined, 'only a desk whose commands wait leaves with open ones');
      this.#resting.put(ref, rest, lookAt);
    }
    this.#wakeUp.plan();
  }

  #entry(ref: ShadowRef): DeskEntry {
    const key = shadowKey(ref);
    const known = this.#shelf.get(key);
    if (known !== undefined) {
      this.#shelf.touch(known);
      return known;
    }
    const model = this.#options.modelOf(ref);
    const entry: DeskEntry = {
      key,
      ref,
      model,
      desk: undefined,
      kept: undefined,
      mailbox: [],
      readers: [],
      alarm: new Alarm(this.#options.clock, () => this.#run(entry, { type: 'tick' })),
      lookAt: undefined,
      touchedAt: this.#options.clock.monotonic(),
      leaving: false,
      holds: 0,
    };
    this.#shelf.add(entry);
    void this.#load(entry);
    return entry;
  }

  async #load(entry: DeskEntry): Promise<void> {
    const { ledger, clock, log } = this.#options;
    const kept = await ledger.shadow(entry.ref);
    if (this.#stopped) return;
    if (!kept.ok) {
      log.warn({ code: kept.problem.code }, 'a shadow could not be read from the ledger; trying again');
      clock.at(monotonicMs(clock.monotonic() + RELOAD_MS), () => void this.#load(entry));
      return;
    }
    entry.kept = kept.value;
    this.#place(entry, kept.value);
    for (const run of entry.mailbox.splice(0)) run();
    this.#shelf.opened(entry);
  }

  /** A desk that rested goes on as if it had stayed: nothing happened to it, or somebody is about to tell it. */
  #place(entry: DeskEntry, kept: ShadowRecord): void {
    const { ref } = entry;
    const { view } = kept;
    const word = deviceWord(view?.state.reported, view);
    const presence = this.#options.presenceOf(ref.thingName);
    const { asked } = this.#shelf;
    const rest = this.#resting.take(ref);
    if (rest === undefined) {
      entry.desk = { ...openDesk(ref, kept, presence, asked), word };
      this.#counts.changed(undefined, entry.desk);
    } else {
      entry.desk = returned(rest, { ref, kept, presence, asked, word });
    }
    if (rest?.fresh === true) this.#arm(entry);
    else this.#run(entry, this.#linked ? LINK_UP : { type: 'tick' });
  }

  /** Never async: nothing may change half way through a step. */
  #run(entry: DeskEntry, event: DeskEvent, options: RunOptions = {}): void {
    const { extra = [], refusable = false, settle, commit } = options;
    if (this.#linked && entry.desk?.linked === false && event.type !== 'link') this.#run(entry, LINK_UP);
    const before = entry.desk;
    if (before === undefined || this.#stopped) return;
    this.#shelf.touch(entry);
    const step = next(before, event, this.#contextOf(entry));
    entry.desk = step.desk;
    if (before.commands !== step.desk.commands) this.#counts.changed(before, step.desk);
    const added = this.#options.onStep(entry, before, step);
    this.#records.store(entry, { event, step, more: [...extra, ...added] }, { refusable, settle, commit });
    for (const effect of step.effects) if (effect.type === 'get') this.#requests.get(entry, effect);
    this.#arm(entry);
    if (entry.readers.length > 0) this.#tellReaders(entry, step.desk.asking.answered);
  }

  #tellReaders(entry: DeskEntry, answered: number): void {
    const told = entry.readers.filter(({ serial }) => serial <= answered);
    entry.readers = entry.readers.filter(({ serial }) => serial > answered);
    for (const { resolve } of told) resolve();
  }

  /** The more shadows have open commands, the less often each is looked at without a reason. */
  #settings(): DeskSettings {
    const { settings, resyncsPerSecond } = this.#options;
    const resyncMs = (this.#counts.busy / resyncsPerSecond) * 1_000;
    return resyncMs <= settings.resyncMs ? settings : { ...settings, resyncMs };
  }

  #arm(entry: DeskEntry): void {
    const { time } = this.#options;
    const { desk, alarm } = entry;
    entry.lookAt = desk === undefined ? undefined : nextLookAt(desk, time.now());
    if (entry.lookAt !== undefined) alarm.by(time.due(entry.lookAt));
  }

  #contextOf({ model }: DeskEntry): DeskContext {
    const { time, gate: mayPublish } = this.#options;
    const [settings, newWriteId, fraction] = [this.#settings(), this.#newWriteId, this.#fraction];
    return { now: time.now(), model, settings, newWriteId, fraction, readWord: deviceWord, mayPublish };
  }
}

interface RunOptions extends Partial<StoreOptions> {
  readonly extra?: readonly LedgerChange[];
}
