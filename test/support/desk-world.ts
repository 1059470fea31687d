import { epochMs, type CommandId, type EpochMs, type WriteId } from '../../src/core/brand.ts';
import { isOpenCommand } from '../../src/core/command/clocks.ts';
import type { Command, CommandStatus } from '../../src/core/command/command.ts';
import { newCommand, type Wish } from '../../src/core/command/new-command.ts';
import { tokenOf, type Write } from '../../src/core/command/write.ts';
import { nextLookAt } from '../../src/core/desk/deadlines.ts';
import { DESK_SETTINGS, type Desk, type DeskEvent } from '../../src/core/desk/desk.ts';
import { next, openDesk, type Kept } from '../../src/core/desk/next.ts';
import { restOf, returned } from '../../src/core/desk/rest.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import { AWS_RULES } from '../../src/core/shadow/limits.ts';
import { acceptedPart, applyUpdate, type ShadowRecord, type UpdateRequest } from '../../src/core/shadow/update.ts';
import type { AcceptedUpdate, ReadShadow } from '../../src/core/view/sight.ts';
import type { ShadowView } from '../../src/core/view/view.ts';
import { deviceWord } from '../../src/cloud/device-word.ts';
import { commandId, HEATER, T0, writeId } from './command-fixtures.ts';

/**
 * One desk, the shadow service and a device, without promises: the simplest world in which every message can be lost,
 * doubled or late, and the process can die between any two of them. It knows the truth, and checks the desk against it
 * after every event.
 */
export class DeskWorld {
  now: EpochMs = T0;
  desk: Desk;
  record: ShadowRecord | undefined;
  /** What the service said and nobody has received yet. */
  readonly mail: DeskEvent[] = [];
  /** What is durable. */
  readonly stored = new Map<CommandId, Command>();
  readonly #writes = new Map<WriteId, Write>();
  #view: ShadowView | undefined;
  readonly #history = new Map<CommandId, CommandStatus[]>();
  /** Every report the service took: version, state and claim. */
  readonly reports: {
    version: number;
    at: EpochMs;
    reported: JsonObject;
    claim: number;
    listed: readonly string[];
    life: number;
  }[] = [];
  #life = 1;
  #tombstone = 0;
  #ids = 0;
  #lostWrites = 0;
  readonly #refusals: number[] = [];

  constructor() {
    this.desk = openDesk(HEATER, { open: [], ended: [], writes: [] }, presence('unknown'));
  }

  /** `stored: false`: whether the ledger takes it is not known yet. */
  create(patch: JsonObject, more: Partial<Wish> = {}, { stored = true }: { stored?: boolean } = {}): void {
    const wish: Wish = { id: commandId((this.#ids += 1)), ref: HEATER, patch, author: 'anna', ...more };
    const made = newCommand(wish, { now: this.now, model: NO_MODEL });
    if (!made.ok) return;
    this.send({ type: 'create', command: made.value });
    if (stored) this.send({ type: 'stored', id: made.value.id });
  }

  send(event: DeskEvent): void {
    const step = next(this.desk, event, {
      now: this.now,
      model: NO_MODEL,
      settings: DESK_SETTINGS,
      newWriteId: () => writeId((this.#ids += 1)),
      fraction: () => 0.5,
      readWord: deviceWord,
    });
    this.desk = step.desk;
    for (const change of step.changes) {
      if (change.type === 'command') this.#store(change.command);
      else if (change.type === 'write') this.#writes.set(change.write.id, change.write);
      else if (change.type === 'view') this.#view = change.view;
    }
    for (const effect of step.effects) {
      if (effect.type === 'get') {
        this.#get(effect.serial);
        continue;
      }
      // I6: nothing on the wire that is not in the ledger.
      if (this.#writes.get(effect.write.id)?.state !== 'open') throw new Error('a ghost on the wire');
      this.#publish(effect.write);
    }
  }

  /** Time passes, and the desk is woken when it asked to be. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let turns = 0; turns < 10_000; turns += 1) {
      const at = nextLookAt(this.desk, this.now);
      if (at === undefined || at > end) break;
      this.now = epochMs(Math.max(this.now, at));
      this.send({ type: 'tick' });
    }
    this.now = epochMs(end);
  }

  link(up: boolean): void {
    if (!up) this.mail.length = 0;
    this.send({ type: 'link', up });
  }

  /** The process dies; what was durable is all that is left. */
  restart({ keepView }: { keepView: boolean }): void {
    this.mail.length = 0;
    if (!keepView) this.#view = undefined;
    const kept = this.#kept();
    this.desk = {
      ...openDesk(HEATER, kept, this.desk.presence),
      word: deviceWord(kept.view?.state.reported, kept.view),
    };
    this.link(true);
  }

  /** The desk leaves the memory, if it may, and comes back from what is stored. True: it could. */
  rest(): boolean {
    const rest = restOf(this.desk);
    if (rest === undefined) return false;
    const kept = this.#kept();
    const word = deviceWord(kept.view?.state.reported, kept.view);
    const { presence: seen, asking } = this.desk;
    this.desk = returned(rest, { ref: HEATER, kept, presence: seen, asked: asking.last, word });
    if (!rest.fresh) this.send({ type: 'tick' });
    return true;
  }

  #kept(): Kept {
    const commands = [...this.stored.values()];
    const revisable = (command: Command): boolean =>
      command.status === 'timed_out' || command.status === 'expired' || command.endResult === 'not_yet';
    return {
      ...(this.#view === undefined ? {} : { view: this.#view }),
      open: commands.filter(isOpenCommand),
      ended: commands.filter((command) => !isOpenCommand(command) && revisable(command)),
      writes: [...this.#writes.values()].filter(({ state }) => state === 'open'),
    };
  }

  foreign(desired: JsonObject | null): void {
    this.#update({ state: { desired }, clientToken: 'console' });
  }

  delete(): void {
    if (this.record === undefined) return;
    const { version } = this.record.document;
    this.#tombstone = version + 1;
    this.record = undefined;
    this.#life += 1;
    this.#say({ type: 'deleted', version });
  }

  /** The device looks at the shadow and does what it should, refuses, or reports something else. */
  act(how: 'obeys' | 'refuses' | 'applies' | 'differs'): void {
    const desired = this.record?.document.state.desired;
    const claim = this.record?.document.version ?? 0;
    const keys = Object.keys(desired ?? {});
    const listed = (outcome: string): JsonObject =>
      Object.fromEntries(keys.map((key) => [`/${key}`, { outcome, code: 'x', message: '' }]));
    const old = this.record?.document.state.reported?.['reconciler'] as JsonObject | undefined;
    const gone = Object.fromEntries(
      Object.keys((old?.['fields'] as JsonObject | undefined) ?? {}).map((key) => [key, null]),
    );
    const fields: JsonObject = {
      ...gone,
      ...(how === 'refuses' ? listed('refused') : how === 'applies' ? listed('applying') : {}),
    };
    const values: JsonObject = how === 'obeys' ? (desired ?? {}) : how === 'differs' ? { a: 'other' } : {};
    this.#update({ state: { reported: { ...values, reconciler: { version: claim, fields } } } });
    this.reports.push({
      version: this.record?.document.version ?? 0,
      at: this.now,
      reported: this.record?.document.state.reported ?? {},
      claim,
      listed: how === 'refuses' || how === 'applies' ? keys : [],
      life: this.#life,
    });
  }

  deliver(index: number, { twice }: { twice: boolean }): void {
    if (this.mail.length === 0) return;
    const [event] = this.mail.splice(index % this.mail.length, 1);
    if (event === undefined) return;
    this.send(event);
    if (twice) this.send(event);
  }

  deliverAll(): void {
    for (let turns = 0; this.mail.length > 0 && turns < 1_000; turns += 1) this.deliver(0, { twice: false });
  }

  lose(index: number): void {
    if (this.mail.length > 0) this.mail.splice(index % this.mail.length, 1);
  }

  /** The next `update` of ours does not reach the service. */
  loseWrite(): void {
    this.#lostWrites += 1;
  }

  /** The next `update` of ours is answered with this code. */
  refuseWrite(code: number): void {
    this.#refusals.push(code);
  }

  /** Faults end: messages arrive, the device obeys, time passes. */
  heal(): void {
    this.#lostWrites = 0;
    if (!this.desk.linked) this.link(true);
    this.send({ type: 'presence', presence: presence('online') });
    for (let round = 0; round < 60; round += 1) {
      this.deliverAll();
      this.act('obeys');
      this.deliverAll();
      this.advance(20_000);
    }
  }

  /** What must be true of a verdict that was given; throws otherwise. */
  #store(command: Command): void {
    const before = this.stored.get(command.id);
    const history = this.#history.get(command.id) ?? [];
    this.#history.set(command.id, history);
    if (before?.status !== command.status) {
      this.#checkStep(before?.status, command.status);
      history.push(command.status);
      if (command.status === 'succeeded' || command.status === 'succeeded_late') this.#checkSuccess(command);
      if (command.status === 'timed_out' || command.status === 'expired') this.#checkNegative(command);
    }
    if (before !== undefined && command.revision <= before.revision) throw new Error('a revision did not grow');
    this.stored.set(command.id, command);
  }

  /** I7 LegalStates. */
  #checkStep(from: CommandStatus | undefined, to: CommandStatus): void {
    const order: Record<string, number> = { queued: 0, sent: 1, delivered: 2 };
    const legal =
      from === undefined
        ? to === 'queued' || true
        : from in order
          ? !(to in order) || (order[to] ?? 0) > (order[from] ?? 0)
          : (from === 'timed_out' || from === 'expired') && to === 'succeeded_late';
    if (!legal || (to === 'succeeded_late' && from !== 'timed_out' && from !== 'expired')) {
      throw new Error(`illegal: ${from ?? 'nothing'} to ${to}`);
    }
  }

  /** I8 SuccessEvidence: the device truly reported each value, knowing of the command's version. */
  #checkSuccess(command: Command): void {
    const version = command.version ?? Infinity;
    for (const { field, desired } of command.fields) {
      if (desired === null) continue;
      const shown = this.reports.some(
        ({ reported, claim, listed }) =>
          claim >= version && !listed.includes(field.slice(1)) && same(reported[field.slice(1)], desired),
      );
      if (!shown && command.noop !== true) throw new Error(`${command.id} succeeded without evidence for ${field}`);
    }
  }

  /** I9 DeadlineTruth: not before the deadline, and not while the service held the proof at the deadline. */
  #checkNegative(command: Command): void {
    const spent = command.clock.leftMs <= 0;
    if (!spent && this.now < command.policy.expiresAt) throw new Error(`${command.id} ended before its deadline`);
    // What stands at the service now, and stood there at the deadline, is what the snapshot must have shown.
    const version = command.version;
    const last = this.reports.at(-1);
    const { document } = this.record ?? {};
    if (version === undefined || document === undefined || last === undefined) return;
    if (last.life !== this.#life || command.incarnation !== this.desk.sight.view?.incarnation) return;
    // The earliest instant at which one of its clocks can have run out.
    const { expiresAt, applyWithinMs } = command.policy;
    const old = last.at <= Math.min(expiresAt, (command.sentAt ?? this.now) + applyWithinMs);
    const stands = command.fields.every(({ field, desired }) => {
      if (desired === null) return true;
      const key = field.slice(1);
      return same(document.state.desired?.[key], desired) && same(document.state.reported?.[key], desired);
    });
    if (old && stands && last.listed.length === 0 && last.claim >= version) {
      throw new Error(`${command.id} ended ${command.status} against the evidence`);
    }
  }

  #publish(write: Write): void {
    this.send({ type: 'published', writeId: write.id });
    if (this.#lostWrites > 0) {
      this.#lostWrites -= 1;
      return;
    }
    const refusal = this.#refusals.shift();
    if (refusal !== undefined) {
      this.#say({ type: 'rejected', writeId: write.id, code: refusal, message: '' });
      return;
    }
    const body = {
      state: write.purpose === 'nudge' ? {} : { desired: write.patch },
      ...(write.ifVersion === undefined ? {} : { version: write.ifVersion }),
      clientToken: tokenOf(write.id),
    };
    const rejected = this.#update(body);
    if (rejected !== undefined)
      this.#say({ type: 'rejected', writeId: write.id, code: rejected.code, message: rejected.message });
  }

  #update(body: JsonObject): { code: number; message: string } | undefined {
    const nowSeconds = Math.floor(this.now / 1000);
    const versionBefore = this.record === undefined ? this.#tombstone : 0;
    const result = applyUpdate({ record: this.record, versionBefore, nowSeconds, rules: AWS_RULES }, body as never);
    if (!result.ok) return { code: result.problem.code, message: result.problem.message };
    this.record = result.value.record;
    const { version } = this.record.document;
    const token = body['clientToken'];
    const update = {
      version,
      timestamp: nowSeconds,
      ...(token === undefined ? {} : { clientToken: token }),
      ...acceptedPart((body as never as UpdateRequest).state, nowSeconds),
    } as unknown as AcceptedUpdate;
    this.#say({ type: 'accepted', update });
    return undefined;
  }

  #get(serial: number): void {
    this.send({ type: 'asked', serial });
    if (this.record === undefined) {
      this.#say({ type: 'absent', serial });
      return;
    }
    const { document } = this.record;
    const read: ReadShadow = {
      version: document.version,
      timestamp: Math.floor(this.now / 1000),
      state: document.state,
      metadata: document.metadata,
    };
    this.#say({ type: 'read', read, serial });
  }

  #say(event: DeskEvent): void {
    if (this.desk.linked) this.mail.push(event);
  }
}

export const presence = (state: 'online' | 'offline' | 'unknown') =>
  ({ thingName: HEATER.thingName, state, since: T0, source: 'lifecycle' }) as const;

function same(left: JsonValue | undefined, right: JsonValue): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
