import type { Command } from '../../core/command/command.ts';
import type { AnyCommand, DirectCommand } from '../../core/direct/direct-command.ts';
import type { Write } from '../../core/command/write.ts';
import { fromBody, toBody } from './rows.ts';

/**
 * Commands and writes as rows. What was asked for is stored once, as the body of the first revision; what became of it
 * stands beside it and is replaced with every step. (Older files: null beside it until the first one.)
 */
export interface CommandRow {
  readonly id: string;
  readonly body: string;
  readonly state: string | null;
}

export interface WriteRow {
  readonly id: string;
  readonly body: string;
  readonly outcome: string | null;
}

export function commandOf({ body, state }: Omit<CommandRow, 'id'>): AnyCommand {
  const first = fromBody<AnyCommand>(body);
  if (state === null) return first;
  return first.kind === 'direct' ? directOf(first, state) : shadowOf(first, state);
}

function shadowOf(first: Command, state: string): Command {
  const { id, kind, ref, author, reason, createdAt, patch, retryOf, rollbackOf, parentId, grant } = first;
  return {
    ...{ id, kind, ref, author, createdAt, patch },
    ...(reason === undefined ? {} : { reason }),
    ...(retryOf === undefined ? {} : { retryOf }),
    ...(rollbackOf === undefined ? {} : { rollbackOf }),
    ...(parentId === undefined ? {} : { parentId }),
    ...(grant === undefined ? {} : { grant }),
    ...fromBody<CommandState>(state),
  };
}

function directOf(first: DirectCommand, state: string): DirectCommand {
  const { id, kind, ref, author, reason, createdAt, name, args, sequence, group, retryOf, parentId, grant } = first;
  return {
    ...{ id, kind, ref, author, createdAt, name, args },
    ...(reason === undefined ? {} : { reason }),
    ...(sequence === undefined ? {} : { sequence }),
    ...(group === undefined ? {} : { group }),
    ...(retryOf === undefined ? {} : { retryOf }),
    ...(parentId === undefined ? {} : { parentId }),
    ...(grant === undefined ? {} : { grant }),
    ...fromBody<DirectState>(state),
  };
}

/**
 * What is stored with the first revision, with blanks behind it: a step that takes no more room than the row has already
 * changes the row's page alone, while a row that grows in a full page moves its neighbours to other pages.
 */
export function firstStateOf(command: AnyCommand): string {
  const state = stateOf(command);
  return state.padEnd(Math.ceil(state.length * GROWTH));
}

/** A command of one field that succeeds grows by 1.6, a direct one by 1.7. */
const GROWTH = 1.75;

/** All that is not said to stay: a member that is new to commands is stored with every step until it is named here. */
export function stateOf(command: AnyCommand): string {
  if (command.kind === 'direct') return directStateOf(command);
  const {
    id: _id,
    kind: _kind,
    ref: _ref,
    author: _author,
    reason: _reason,
    createdAt: _createdAt,
    patch: _patch,
    retryOf: _retryOf,
    rollbackOf: _rollbackOf,
    parentId: _parentId,
    grant: _grant,
    ...state
  } = command;
  return toBody(state satisfies CommandState);
}

function directStateOf(command: DirectCommand): string {
  const {
    id: _id,
    kind: _kind,
    ref: _ref,
    author: _author,
    reason: _reason,
    createdAt: _createdAt,
    name: _name,
    args: _args,
    sequence: _sequence,
    group: _group,
    retryOf: _retryOf,
    parentId: _parentId,
    grant: _grant,
    ...state
  } = command;
  return toBody(state satisfies DirectState);
}

type DirectState = Omit<
  DirectCommand,
  Exclude<Lasting, 'patch' | 'rollbackOf'> | 'name' | 'args' | 'sequence' | 'group'
>;

type Lasting =
  'id' | 'kind' | 'ref' | 'author' | 'reason' | 'createdAt' | 'patch' | 'retryOf' | 'rollbackOf' | 'parentId' | 'grant';

type CommandState = Omit<Command, Lasting>;

export function writeOf({ body, outcome }: Omit<WriteRow, 'id'>): Write {
  const write = fromBody<Write>(body);
  return outcome === null ? write : { ...write, ...fromBody<WriteOutcome>(outcome) };
}

export function outcomeOf({ state, acceptedVersion }: Write): string {
  return toBody({ state, acceptedVersion });
}

/** As `firstStateOf`. */
export const firstOutcomeOf = (write: Write): string => outcomeOf(write).padEnd(OUTCOME_CHARACTERS);

/** With a version of six digits. */
const OUTCOME_CHARACTERS = 46;

type WriteOutcome = Pick<Write, 'state' | 'acceptedVersion'>;
