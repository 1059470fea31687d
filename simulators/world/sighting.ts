import type { CommandId, FieldPointer, ThingName } from '../../src/core/brand.ts';
import type { AnyCommand, DirectCommand } from '../../src/core/direct/direct-command.ts';
import type { SequenceNumber } from '../../src/core/direct/messages.ts';
import type { Command, TimelineEntry } from '../../src/core/command/command.ts';
import type { JsonValue } from '../../src/core/json/json.ts';
import type { ShadowDocument } from '../../src/core/shadow/document.ts';
import type { ShadowRef } from '../../src/core/shadow/shadow-ref.ts';
import type {
  CommandAction,
  CreateCommand,
  CreateDirectCommand,
  CreatedGroup,
  CreateGroupCommand,
  ShadowReport,
} from '../../src/cloud/cloud.ts';
import type { ShadowOperation } from '../../src/protocol/topics.ts';

/**
 * What an onlooker sees of a run: the wire, the service, the hardware, the answers of the API. Never the inside of the
 * code under test. Checkers are fed with these, in order, each with the true time in milliseconds since the run began.
 */
export type Sighting =
  /** A client's message reached the broker. */
  | { readonly type: 'wire'; readonly client: string; readonly topic: string; readonly payload: string }
  /** The shadow service handled a request. `before` and `after` are absent where no shadow existed. */
  | {
      readonly type: 'service';
      readonly client: string;
      readonly ref: ShadowRef;
      readonly operation: ShadowOperation;
      readonly code: number;
      readonly payload: string;
      readonly before?: ShadowDocument;
      readonly after?: ShadowDocument;
    }
  /** A client was told by the broker that it has a message of its own; only of answers to direct commands. */
  | { readonly type: 'acknowledged'; readonly client: string; readonly topic: string; readonly payload: string }
  /** A message was handed to a client's handlers. */
  | { readonly type: 'delivered'; readonly client: string; readonly topic: string; readonly payload: string }
  /** An adapter answered a read. Absent value: unreadable. */
  | {
      readonly type: 'read';
      readonly thing: ThingName;
      readonly shadow?: string;
      readonly field: FieldPointer;
      readonly value?: JsonValue;
    }
  /** An adapter was asked to apply a value, or (`undo`) to put an earlier one back. */
  | {
      readonly type: 'apply';
      readonly thing: ThingName;
      readonly shadow?: string;
      readonly field: FieldPointer;
      readonly value: JsonValue;
      readonly undo?: true;
    }
  /** The hardware took a value. */
  | {
      readonly type: 'hardware';
      readonly thing: ThingName;
      readonly shadow?: string;
      readonly field: FieldPointer;
      readonly value: JsonValue;
      readonly cause: 'adapter' | 'person' | 'itself';
    }
  /** What became of a process; `refused` is a start that will not succeed by being repeated. */
  | { readonly type: 'boot' | 'crash' | 'pause' | 'resume' | 'ready' | 'refused'; readonly process: string }
  /** An app has asked for a command; what it is answered, if anything, is `created`. */
  | { readonly type: 'asked'; readonly request: CreateCommand }
  | {
      readonly type: 'created';
      readonly request: CreateCommand;
      readonly command?: Command;
      readonly replayed?: boolean;
      readonly problem?: string;
    }
  | {
      readonly type: 'acted';
      readonly id: CommandId;
      readonly action: CommandAction;
      readonly command?: Command;
      readonly problem?: string;
    }
  /** Somebody read a command over the API. */
  | { readonly type: 'looked'; readonly id: CommandId; readonly command?: Command; readonly problem?: string }
  | {
      readonly type: 'createdDirect';
      readonly request: CreateDirectCommand;
      readonly command?: DirectCommand;
      readonly problem?: string;
    }
  | {
      readonly type: 'createdGroup';
      readonly request: CreateGroupCommand;
      readonly group?: CreatedGroup;
      readonly problem?: string;
    }
  /** Somebody asks for something to be done with a direct command; whether it is, nobody has said yet. */
  | { readonly type: 'actsDirect'; readonly id: CommandId; readonly action: CommandAction }
  | { readonly type: 'lookedDirect'; readonly id: CommandId; readonly command: DirectCommand }
  /** What the hardware did for a direct command. `intent`: what its sender wanted, whatever the id. */
  | {
      readonly type: 'action';
      readonly thing: ThingName;
      readonly id: string;
      readonly name: string;
      readonly intent: number;
      readonly phase: ActionPhase;
      readonly sequence?: SequenceNumber;
    }
  | { readonly type: 'shadow'; readonly report: ShadowReport }
  /** The server's live event stream. */
  | { readonly type: 'event'; readonly entry: TimelineEntry }
  /** Events read back after a restart, from where the subscriber stood. */
  | {
      readonly type: 'resumed';
      readonly after: number;
      readonly entries: readonly TimelineEntry[];
      readonly oldest: number;
    }
  /** The server starts, or somebody sets its clock: how far its wall clock is ahead of the true time. */
  | { readonly type: 'clock'; readonly at: 'boot' | 'jump'; readonly aheadMs: number; readonly rate: number }
  | { readonly type: 'phase'; readonly phase: 'faults' | 'healed' | 'quiet' | 'end' };

/** `begun`: its handler works. `done`: it has happened. `refused`: nothing was tried. */
export type ActionPhase = 'begun' | 'done' | 'refused';

/** What somebody saw who read a command over the API. */
export function lookedAt(command: AnyCommand): Sighting {
  const { id } = command;
  return command.kind === 'direct' ? { type: 'lookedDirect', id, command } : { type: 'looked', id, command };
}

/** One line for people and for the trace hash. */
export function lineOf(sighting: Sighting): string {
  switch (sighting.type) {
    case 'wire':
      return `wire ${sighting.client} > ${sighting.topic} ${sighting.payload}`;
    case 'delivered':
      return `wire ${sighting.client} < ${sighting.topic} ${sighting.payload}`;
    case 'acknowledged':
      return `wire ${sighting.client} ok ${sighting.topic} ${sighting.payload}`;
    case 'service': {
      const version = sighting.after?.version ?? sighting.before?.version ?? 0;
      return `service ${keyOf(sighting.ref)} ${sighting.operation} by ${sighting.client}: ${sighting.code} v${version}`;
    }
    case 'read':
      return `read ${placeOf(sighting)} = ${JSON.stringify(sighting.value) ?? 'unreadable'}`;
    case 'apply':
      return `${sighting.undo ? 'undo' : 'apply'} ${placeOf(sighting)} := ${JSON.stringify(sighting.value)}`;
    case 'hardware':
      return `hardware ${placeOf(sighting)} = ${JSON.stringify(sighting.value)} by ${sighting.cause}`;
    case 'boot':
    case 'crash':
    case 'pause':
    case 'resume':
    case 'ready':
    case 'refused':
      return `${sighting.type} ${sighting.process}`;
    case 'asked':
      return `api ask ${keyOf(sighting.request.ref)} ${JSON.stringify(sighting.request.patch)}`;
    case 'created':
      return `api create ${keyOf(sighting.request.ref)} ${JSON.stringify(sighting.request.patch)} -> ${answerOf(sighting)}`;
    case 'acted':
      return `api ${sighting.action.type} ${sighting.id} -> ${answerOf(sighting)}`;
    case 'looked':
      return `api get ${sighting.id} -> ${answerOf(sighting)}`;
    case 'createdDirect': {
      const { thingName, name, args, sequenceKey } = sighting.request;
      return `api send ${thingName} ${name} ${JSON.stringify(args)} ${sequenceKey ?? ''} -> ${answerOf(sighting)}`;
    }
    case 'createdGroup': {
      const { group, name, args } = sighting.request;
      return `api send to ${group} ${name} ${JSON.stringify(args)} -> ${sighting.group?.parentId ?? sighting.problem ?? ''}`;
    }
    case 'actsDirect':
      return `api ${sighting.action.type} ${sighting.id}`;
    case 'lookedDirect':
      return `api get ${sighting.id} -> ${answerOf(sighting)}`;
    case 'action': {
      const { thing, name, id, intent, phase, sequence } = sighting;
      const number = sequence === undefined ? '' : ` ${sequence.key} ${sequence.number}`;
      return `action ${thing} ${name} ${id} for ${intent}${number}: ${phase}`;
    }
    case 'shadow':
      return `api shadow ${keyOf(sighting.report.ref)} v${sighting.report.version} incarnation ${sighting.report.incarnation}`;
    case 'event': {
      const { sequence, commandId, event, status } = sighting.entry;
      return `event ${sequence} ${commandId} ${event} ${status}${sighting.entry.detail === undefined ? '' : ` ${JSON.stringify(sighting.entry.detail)}`}`;
    }
    case 'resumed':
      return `events after ${sighting.after}: ${sighting.entries.map(({ sequence }) => sequence).join(' ')}`;
    case 'clock':
      return `clock ${sighting.at} server ${sighting.aheadMs} ms ahead, rate ${sighting.rate}`;
    case 'phase':
      return `phase ${sighting.phase}`;
  }
}

function keyOf({ thingName, shadowName }: { thingName: string; shadowName?: string }): string {
  return shadowName === undefined ? thingName : `${thingName}/${shadowName}`;
}

function placeOf({ thing, shadow, field }: { thing: string; shadow?: string; field: string }): string {
  return `${shadow === undefined ? thing : `${thing}/${shadow}`}${field}`;
}

function answerOf({ command, problem }: { command?: AnyCommand; problem?: string }): string {
  return command === undefined ? (problem ?? 'nothing') : `${command.id} ${command.status} r${command.revision}`;
}
