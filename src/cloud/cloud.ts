import type { Grant } from '../core/access/access.ts';
import type { Scope } from '../core/access/decide.ts';
import type { CommandId, EpochMs, FieldPointer, ThingName } from '../core/brand.ts';
import type { Command, CommandStatus, OnEnd, TimelineEntry, WhenOffline } from '../core/command/command.ts';
import type { AnyCommand, DirectCommand } from '../core/direct/direct-command.ts';
import type { DriftEntry, IgnoreRule } from '../core/drift/drift.ts';
import type { JsonObject, JsonValue } from '../core/json/json.ts';
import type { Presence } from '../core/presence/presence.ts';
import type { Result } from '../core/result.ts';
import type { ShadowRef } from '../core/shadow/shadow-ref.ts';
import type { Cancel } from '../ports/clock.ts';
import type {
  CommandFilter,
  DriftCounts,
  DriftFilter,
  EventPage,
  FleetOverview,
  LedgerHealth,
  Page,
  PageRequest,
  ShadowFilter,
} from '../ports/ledger.ts';

/**
 * The cloud side as HTTP and CLI drive it: command desk, watcher, drift index. Everything a caller can get wrong and
 * everything the world can do comes back as a problem.
 */
export interface Cloud {
  /** Connects, subscribes, takes up what was open. Settles when commands are accepted; the world may still be away. */
  start(): Promise<Result<void>>;
  /** Nothing is lost: what is open goes on at the next start. May be called twice, in any state. */
  stop(): Promise<void>;

  /** Settles when the command is durable (`queued`), not when it is done. */
  create(request: CreateCommand): Promise<Result<CreatedCommand>>;
  /** The same for an action: `queued` is durable, the rest follows. */
  createDirect(request: CreateDirectCommand): Promise<Result<CreatedDirectCommand>>;
  /** One action for all members of a group: one request, a command each under one parent. */
  createGroup(request: CreateGroupCommand): Promise<Result<CreatedGroup>>;
  /** One wish for many shadows: a command each, under one parent. All of them become durable, or none. */
  createMany(request: CreateMany): Promise<Result<CreatedMany>>;
  /** Groups as configured: thing names, in which `*` stands for any characters. */
  groups(): readonly { readonly group: string; readonly things: readonly string[] }[];
  /** `not_found` for a group that is not configured. */
  members(group: string): Promise<Result<readonly ThingName[]>>;
  command(id: CommandId): Promise<Result<AnyCommand>>;
  commands(filter: CommandFilter, page: PageRequest): Promise<Result<Page<AnyCommand>>>;
  timeline(id: CommandId): Promise<Result<readonly TimelineEntry[]>>;
  /** Waits for the end of a command. Faster where its shadow is given. */
  settled(id: CommandId, ref?: ShadowRef): Settling;
  /** Cancel and extend need an open command; retry and rollback of an ended one create a new command. */
  act(id: CommandId, action: CommandAction): Promise<Result<AnyCommand>>;

  explainCommand(id: CommandId): Promise<Result<Explanation>>;
  explainShadow(ref: ShadowRef): Promise<Result<ShadowExplanation>>;
  /** `shadow_not_found` if it does not exist. `refresh` asks the service first. */
  shadow(ref: ShadowRef, options?: { readonly refresh?: boolean }): Promise<Result<ShadowReport>>;
  /** Every shadow ever seen, commanded or listed. */
  shadows(page: PageRequest, filter?: ShadowFilter): Promise<Result<Page<ShadowRef>>>;
  thing(thingName: ThingName): Promise<Result<ThingReport>>;
  /** Follows these shadows from now on, whether or not anything was commanded. */
  follow(refs: readonly ShadowRef[]): Promise<Result<void>>;

  drift(filter: DriftFilter, page: PageRequest): Promise<Result<Page<DriftEntry>>>;
  /** `agesMs` are lengths, to count the drift older than each (`olderThan`). */
  driftCounts(filter: DriftFilter, agesMs?: readonly number[]): Promise<Result<DriftCounts>>;
  /** The fleet in numbers; with a scope only what the caller may look at. */
  overview(scope?: Scope): Promise<Result<FleetOverview>>;
  acknowledgeDrift(target: DriftTarget, by: Actor, reason?: string): Promise<Result<DriftEntry>>;
  ignoreRules(): Promise<Result<readonly CountedRule[]>>;
  addIgnoreRule(rule: NewIgnoreRule): Promise<Result<CountedRule>>;
  removeIgnoreRule(id: string, by: Actor): Promise<Result<void>>;

  /** Stored events after a sequence, to resume a stream. */
  events(after: number, limit: number): Promise<Result<EventPage>>;
  /** Called for every entry once it is durable, in order of sequence, without gaps from the call on. */
  onEvent(listener: (entry: TimelineEntry) => void): Cancel;
  health(): Promise<CloudHealth>;
}

/** Who does something: a name the caller vouches for, and where access is controlled, what its rights hang on. */
export interface Actor {
  readonly name: string;
  /** Kept with the command (`Command.grant`), for the gate that is asked again when it is published at last. */
  readonly grant?: Grant;
}

/**
 * Asked before a write with this command is published, each time: rights may have been taken away while it was queued.
 * A problem (`forbidden`) ends the command as `failed`, its fields refused with that code; nothing is published.
 */
export type PublishGate = (command: AnyCommand) => Result<void>;

/** What every command may be created with, whatever its kind. */
export interface AnyWish {
  readonly by: Actor;
  readonly reason?: string;
  /** Default 60,000. */
  readonly applyWithinMs?: number;
  /**
   * At most one of the two. Default: 7 days from now, or the smallest `validForMs` of the fields; 5 minutes for a direct
   * command.
   */
  readonly expiresAt?: EpochMs;
  readonly expiresInMs?: number;
  /** Default `wait`. */
  readonly whenOffline?: WhenOffline;
  /** The same key with the same fingerprint gives the same command; with another one `idempotency_mismatch`. */
  readonly idempotency?: { readonly key: string; readonly fingerprint: string };
}

export interface CreateCommand extends AnyWish {
  readonly ref: ShadowRef;
  /** The patch to desired; null leaves ask for removal. */
  readonly patch: JsonObject;
  /** Default `restore`. */
  readonly onEnd?: OnEnd;
  readonly ifVersion?: number;
}

/**
 * A wait for the end of a command. Every request that waits is one, so it is no AbortSignal: V8 makes hidden classes of
 * its own for each of those.
 */
export interface Settling {
  /** The command when it has ended, or as it was when somebody gave up. */
  readonly command: Promise<Result<AnyCommand>>;
  giveUp(): void;
}

export interface CreatedCommand {
  readonly command: Command;
  /** An earlier request with the same idempotency key made it. */
  readonly replayed: boolean;
}

/** `ifVersion` names a version of one shadow and means nothing for many. */
export interface CreateMany extends Omit<CreateCommand, 'ref' | 'ifVersion'> {
  /** Each once. */
  readonly refs: readonly ShadowRef[];
}

export interface CreatedMany {
  /** `Command.parentId` of all of them. */
  readonly parentId: CommandId;
  /** By shadow. */
  readonly commands: readonly Command[];
  readonly replayed: boolean;
}

export interface CreateDirectCommand extends AnyWish {
  readonly thingName: ThingName;
  readonly name: string;
  /** Default none. */
  readonly args?: JsonObject;
  /** Commands of one key are done one after the other; the ledger gives the number. */
  readonly sequenceKey?: string;
}

export interface CreatedDirectCommand {
  readonly command: DirectCommand;
  readonly replayed: boolean;
}

export interface CreateGroupCommand extends Omit<CreateDirectCommand, 'thingName' | 'sequenceKey'> {
  readonly group: string;
  /** Its members, each once. */
  readonly things: readonly ThingName[];
  /** When so many have not succeeded, the rest is cancelled. */
  readonly abortAfter?: number;
}

export interface CreatedGroup {
  /** `parentId` of all commands, and the id of the transaction on the wire. */
  readonly parentId: CommandId;
  readonly group: string;
  readonly total: number;
  readonly replayed: boolean;
}

/** `cancel` and `extend` act on an open command; `retry` nudges an open one and repeats an ended one as a new command. */
export type CommandAction =
  | { readonly type: 'cancel'; readonly by: Actor; readonly reason?: string }
  | { readonly type: 'retry'; readonly by: Actor; readonly reason?: string }
  | { readonly type: 'rollback'; readonly by: Actor; readonly reason?: string }
  | {
      readonly type: 'extend';
      readonly by: Actor;
      readonly reason?: string;
      readonly expiresAt?: EpochMs;
      /** Added to what is left of the apply clock. */
      readonly applyMoreMs?: number;
    };

/**
 * The one fact that blocks a command, in words and as data. `code` is stable: `done`, `not_sent_offline`,
 * `not_sent_in_line`, `not_sent_throttled`, `waiting_for_service`, `device_offline`, `waiting_for_device`, `applying`,
 * `retrying`, `deferred`, `overridden`, `refused`, `superseded`, `unverified`, `timed_out`, `expired`, `cancelled`, …
 */
export interface Explanation {
  readonly commandId: CommandId;
  readonly status: CommandStatus;
  readonly code: string;
  readonly words: string;
  readonly field?: FieldPointer;
  readonly since?: EpochMs;
  readonly nextAttemptAt?: EpochMs;
  readonly settleBy?: EpochMs;
  readonly detail?: JsonObject;
}

/** The same for a shadow: every field that is not as desired, and what stands in its way. */
export interface ShadowExplanation {
  readonly ref: ShadowRef;
  readonly presence: Presence;
  readonly converged: boolean;
  readonly words: string;
  readonly fields: readonly FieldExplanation[];
  readonly commands: readonly Explanation[];
}

export interface FieldExplanation {
  readonly field: FieldPointer;
  readonly code: string;
  readonly words: string;
  readonly since?: EpochMs;
  readonly commandId?: CommandId;
}

export interface ShadowReport {
  readonly ref: ShadowRef;
  readonly version: number;
  readonly incarnation: number;
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
  /** When the newest message that shaped this arrived. */
  readonly asOf: EpochMs;
  readonly presence: Presence;
  readonly fields: readonly FieldReport[];
  readonly openCommands: readonly CommandId[];
}

/**
 * One field for a screen that must not bounce. `shown` is desired while a command is open and `settleBy` not past, else
 * reported; `confirmed` is what the device reported last.
 */
export interface FieldReport {
  readonly field: FieldPointer;
  readonly shown?: JsonValue;
  readonly desired?: JsonValue;
  readonly confirmed?: JsonValue;
  readonly converged: boolean;
  readonly pendingSince?: EpochMs;
  readonly settleBy?: EpochMs;
  /** Stable code: why `confirmed` is not `desired`. */
  readonly reason?: string;
  readonly commandId?: CommandId;
  readonly author?: string;
}

export interface ThingReport {
  readonly thingName: ThingName;
  readonly presence: Presence;
  readonly shadows: readonly ShadowRef[];
}

export interface DriftTarget {
  readonly ref: ShadowRef;
  readonly field: FieldPointer;
}

export interface NewIgnoreRule {
  /** A thing name, or a prefix followed by `*`. */
  readonly thing: string;
  readonly shadowName?: string;
  /** A field, or a prefix followed by `*`. */
  readonly field: string;
  readonly reason: string;
  readonly by: Actor;
  readonly expiresAt?: EpochMs;
}

/** A rule, and how many entries it leaves out of the report just now. */
export interface CountedRule {
  readonly rule: IgnoreRule;
  readonly hides: number;
}

/** `ready`: commands are accepted and will be judged. Each part degrades alone (D24). */
export interface CloudHealth {
  readonly ready: boolean;
  readonly transport: 'up' | 'down';
  readonly ledger: LedgerHealth;
  /** Shadows of open commands that have not been looked at since the start. */
  readonly recovering: number;
  readonly openCommands: number;
}
